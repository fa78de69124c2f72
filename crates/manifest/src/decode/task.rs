use syncplan_model::filter::{Filter, Term};
use syncplan_model::spec::{
    CommandTask, Compare, Confirm, ConflictPolicy, DatabaseTask, Delete, DeletePolicy, Direction, FilesTask,
    Mode, Moved, Place, Retain, Symlinks, Task, TaskKind, Trash,
};
use syncplan_model::{
    DatabaseName, EntryFilter, EntryKind, Period, Rate, RelPath, SampleSpec, StoreName, TaskName,
};

use super::context::{Context, Feature, Owner};
use super::filters;
use super::names::{Known, refer};
use super::settings::{Setting, Settings, Shape, settings_of};
use super::store::kind;
use crate::code;
use crate::filter::FilterScope;
use crate::problem::Problem;
use crate::quantity;
use crate::text::Text;
use crate::tree::{Node, Value};

const AFTER: Setting = Setting::many("after", "after images");
const REMOTE: Setting = Setting::one("remote", "remote oss path=\"images\"");
const DIRECTION: Setting = Setting::one("direction", "direction push");
const BANDWIDTH: Setting = Setting::one("bandwidth", "bandwidth \"20MiB/s\"");
const TRASH: Setting = Setting::one("trash", "trash keep=\"30d\"");

/// The settings of `kind=files`.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::one("local", "local laptop path=\"images\""),
    REMOTE,
    Setting::one("mode", "mode mirror"),
    DIRECTION,
    Setting::one("select", "select \"ext(jpg, png)\""),
    Setting::many("ignore-file", "ignore-file \".syncignore\""),
    Setting::many("ignore-marker", "ignore-marker \".ignore\""),
    Setting::one("compare", "compare quick"),
    Setting::one("sample", "sample above=\"10MiB\" block=\"1MiB\" size=\"1KiB\""),
    Setting::one("confirm", "confirm full"),
    Setting::one("delete", "delete extra max-count=500 max-percent=20"),
    Setting::many("protect", "protect \"under('originals')\""),
    TRASH,
    Setting::one("conflict", "conflict hold"),
    BANDWIDTH,
    Setting::one("lease", "lease \"2m\""),
    Setting::many("moved", "moved from=\"photos/2023-raw\" to=\"photos/raw/2023\""),
    Setting::one("publish-last", "publish-last \"glob('**/*.html')\""),
    Setting::one("symlinks", "symlinks follow"),
    AFTER,
];
const DATABASE: &[Setting] = &[
    Setting::one("database", "database wiki"),
    REMOTE,
    DIRECTION,
    Setting::one("retain", "retain last=7 daily=14 weekly=8"),
    Setting::many("exclude-table", "exclude-table \"cache_*\""),
    TRASH,
    BANDWIDTH,
    AFTER,
];
const COMMAND: &[Setting] = &[
    Setting::one("run", "run \"dpkg-query\" \"-W\""),
    Setting::many("output", "output \"packages.txt\""),
    REMOTE,
    BANDWIDTH,
    AFTER,
];

pub(super) const ALL: &[&[Setting]] = &[SETTINGS, DATABASE, COMMAND];

pub(super) fn decode(
    context: &mut Context,
    name: TaskName,
    node: &Node,
    known: &Known,
    scope: &FilterScope,
) -> Option<Task> {
    let kind = kind(context, node, &["files", "database", "command"], "task images kind=files")?;
    let (word, settings) = match kind.value.as_str() {
        "files" => ("files", SETTINGS),
        "database" => ("database", DATABASE),
        _ => ("command", COMMAND),
    };
    let owner = Owner::Task(name.to_string());
    context.uses(Feature::Task(word), &owner, kind.span);
    let settings = settings_of(context, node, settings, &["kind"]);
    let mut reader = Reader { context, settings, known, scope };
    let after = reader.after();
    let kind = match word {
        "files" => reader.files().map(|files| TaskKind::Files(Box::new(files))),
        "database" => reader.database().map(TaskKind::Database),
        _ => reader.command().map(TaskKind::Command),
    }?;
    Some(Task { name, after, kind })
}

/// A path below the root of a store.
pub(super) fn path(context: &mut Context, text: &Text) -> Option<RelPath> {
    RelPath::new(&text.value)
        .map_err(|error| {
            let trimmed = text.value.trim_start_matches("./").trim_matches('/');
            let help = match RelPath::new(trimmed) {
                Ok(_) => format!("write `\"{trimmed}\"`"),
                Err(_) if matches!(text.value.as_str(), "" | "." | "/" | "./") => {
                    "leave it out to mean the whole store".to_owned()
                }
                Err(_) => "paths go down from the store's root: `\"photos/raw\"`".to_owned(),
            };
            context.tell(
                Problem::new(code::BAD_PATH, error.to_string())
                    .label(text.span, "not a path in a store")
                    .help(help),
            );
        })
        .ok()
}

/// The same selection, symbolic links left out.
fn without_links(select: EntryFilter) -> EntryFilter {
    let links = Filter::Not(Box::new(Filter::Term(Term::Kind(EntryKind::Symlink))));
    let filter = match select.filter().clone() {
        Filter::All => links,
        filter => Filter::And(vec![filter, links]),
    };
    // Neither part needs a plan.
    EntryFilter::new(filter).unwrap_or(select)
}

struct Reader<'c, 'n> {
    context: &'c mut Context,
    settings: Settings<'n>,
    known: &'c Known,
    scope: &'c FilterScope,
}

impl<'n> Reader<'_, 'n> {
    fn files(&mut self) -> Option<FilesTask> {
        let (local, remote) = (self.place("local"), self.place("remote"));
        let mode = self.mode();
        let (select, compare) =
            (self.entry_filter("select"), self.word("compare", Compare::ALL, Compare::as_str));
        let (confirm, sample) = (self.word("confirm", Confirm::ALL, Confirm::as_str), self.sample());
        let direction = self.direction(mode);
        let delete = self.delete(mode);
        let symlinks = self.symlinks(mode);
        let settings = FilesTask {
            mode,
            direction,
            delete,
            ignore_files: self.file_names("ignore-file"),
            ignore_markers: self.file_names("ignore-marker"),
            protect: self.protect(),
            moved: self.moved(),
            trash: self.trash(),
            conflict: self.conflict(),
            bandwidth: self.bandwidth(),
            lease: self.lease(),
            publish_last: self.entry_filter("publish-last"),
            select: match symlinks {
                Symlinks::Skip => without_links(select.unwrap_or_default()),
                _ => select.unwrap_or_default(),
            },
            symlinks,
            compare: compare.unwrap_or(Compare::Quick),
            confirm: confirm.unwrap_or(Confirm::Full),
            sample: sample.unwrap_or_default(),
            local: local?,
            remote: remote?,
        };
        Some(settings)
    }

    fn database(&mut self) -> Option<DatabaseTask> {
        let database = self.settings.required(self.context, "database").and_then(|(node, example)| {
            let text = self.context.text(node, example)?;
            refer(
                self.context,
                text,
                "database",
                &self.known.databases,
                code::UNKNOWN_DATABASE,
                DatabaseName::new,
            )
        });
        let remote = self.place("remote");
        Some(DatabaseTask {
            direction: self.direction(Mode::Mirror),
            retain: self.retain(),
            exclude_tables: self.table_globs(),
            trash: self.trash(),
            bandwidth: self.bandwidth(),
            database: database?,
            remote: remote?,
        })
    }

    fn command(&mut self) -> Option<CommandTask> {
        let run = self
            .settings
            .required(self.context, "run")
            .and_then(|(node, example)| self.argv(node, 0, example));
        let outputs = self.strings("output");
        let remote = self.place("remote");
        Some(CommandTask { outputs, bandwidth: self.bandwidth(), run: run?, remote: remote? })
    }

    /// `local laptop path="images"`
    fn place(&mut self, side: &'static str) -> Option<Place> {
        let (node, example) = self.settings.required(self.context, side)?;
        let shape = Shape { arguments: 1..=1, properties: &["path"], block: false, example };
        if !self.context.shape(node, &shape) {
            return None;
        }
        let text = self.context.text_of(node.arguments.first()?, example)?;
        let store =
            refer(self.context, text, "store", &self.known.stores, code::UNKNOWN_STORE, StoreName::new);
        let path = match node.property("path") {
            None => None,
            Some(value) => {
                let text = self.context.text_of(value, example)?;
                Some(path(self.context, text)?)
            }
        };
        Some(Place { store: store?, path })
    }

    fn mode(&mut self) -> Mode {
        self.word("mode", Mode::ALL, Mode::as_str).unwrap_or(Mode::Update)
    }

    fn direction(&mut self, mode: Mode) -> Direction {
        let direction = self.word("direction", Direction::ALL, Direction::as_str);
        if let (Mode::TwoWay, Some((node, _))) = (mode, self.settings.get("direction")) {
            let mode = self.settings.get("mode").map_or(node.head, |(mode, _)| mode.head);
            self.context.tell(
                Problem::new(code::TWO_WAY_DIRECTION, "a task that is two-way has no direction")
                    .label(node.head, "one direction")
                    .label(mode, "both directions")
                    .help("remove the `direction`, or choose `mode mirror` or `mode update`"),
            );
        }
        direction.unwrap_or(Direction::Push)
    }

    /// `delete extra max-count=500 max-percent=20`
    fn delete(&mut self, mode: Mode) -> Delete {
        let mut delete = Delete::of(mode);
        let Some((node, example)) = self.settings.get("delete") else { return delete };
        let properties = ["max-count", "max-percent", "max-bytes"];
        if !self
            .context
            .shape(node, &Shape { arguments: 0..=1, properties: &properties, block: false, example })
        {
            return delete;
        }
        if let Some(policy) = self.delete_policy(node, example) {
            delete.policy = policy;
        }
        delete.max_count =
            node.property("max-count").and_then(|value| self.context.number(value, 0..=u64::MAX, example));
        let percent =
            node.property("max-percent").and_then(|value| self.context.number(value, 0..=100, example));
        delete.max_percent = percent.and_then(|percent| u8::try_from(percent).ok());
        delete.max_bytes = node
            .property("max-bytes")
            .and_then(|value| self.context.quantity(value, quantity::size, example));
        if mode == Mode::TwoWay && delete.policy == DeletePolicy::Extra {
            self.context.tell(
                Problem::new(code::MODE_DELETE, "a two-way task has no side that could have too much")
                    .label(node.head, "`extra` needs a source")
                    .help("write `delete synced` or `delete never`"),
            );
        }
        delete
    }

    fn delete_policy(&mut self, node: &Node, example: &str) -> Option<DeletePolicy> {
        let text = self.context.text_of(node.arguments.first()?, example)?.clone();
        self.context.one_of("delete", &text, DeletePolicy::ALL, DeletePolicy::as_str)
    }

    /// `conflict hold`, or `conflict merge "CMD" …`
    fn conflict(&mut self) -> ConflictPolicy {
        let Some((node, example)) = self.settings.get("conflict") else { return ConflictPolicy::Hold };
        let Some(text) = node.text().cloned() else {
            self.context.text(node, example);
            return ConflictPolicy::Hold;
        };
        match text.value.as_str() {
            "merge" => {
                let example = "conflict merge \"git\" \"merge-file\"";
                let command = self.argv(node, 1, example);
                ConflictPolicy::Merge(command.unwrap_or_default())
            }
            word => {
                self.context.text(node, example);
                match word {
                    "hold" => ConflictPolicy::Hold,
                    "keep-both" => ConflictPolicy::KeepBoth,
                    "local" => ConflictPolicy::Local,
                    "remote" => ConflictPolicy::Remote,
                    "newer" => ConflictPolicy::Newer,
                    "larger" => ConflictPolicy::Larger,
                    _ => {
                        self.context.unknown_word(
                            code::UNKNOWN_VALUE,
                            "conflict",
                            &text,
                            ConflictPolicy::WORDS,
                        );
                        ConflictPolicy::Hold
                    }
                }
            }
        }
    }

    fn symlinks(&mut self, mode: Mode) -> Symlinks {
        let symlinks = self.word("symlinks", Symlinks::ALL, Symlinks::as_str).unwrap_or(Symlinks::Keep);
        if let (Symlinks::Follow, Mode::TwoWay, Some((node, _))) =
            (symlinks, mode, self.settings.get("symlinks"))
        {
            self.context.tell(
                Problem::new(code::CONTRADICTION, "a two-way task cannot follow symbolic links")
                    .label(node.head, "links are followed on a side that is only read")
                    .help("write `symlinks keep`, `skip` or `rclonelink`, or choose another mode"),
            );
        }
        symlinks
    }

    fn protect(&mut self) -> Vec<syncplan_model::ActionFilter> {
        let example = self.settings.example("protect");
        let nodes = self.settings.all("protect");
        nodes.filter_map(|node| filters::action(self.context, node, example, self.scope)).collect()
    }

    fn entry_filter(&mut self, name: &'static str) -> Option<syncplan_model::EntryFilter> {
        let (node, example) = self.settings.get(name)?;
        filters::entry(self.context, node, example, self.scope)
    }

    /// `sample above="10MiB" block="1MiB" size="1KiB"`
    fn sample(&mut self) -> Option<SampleSpec> {
        let (node, example) = self.settings.get("sample")?;
        let properties = ["above", "block", "size"];
        if !self
            .context
            .shape(node, &Shape { arguments: 0..=0, properties: &properties, block: false, example })
        {
            return None;
        }
        let mut sample = SampleSpec::default();
        for (key, field) in
            [("above", &mut sample.above), ("block", &mut sample.block), ("size", &mut sample.size)]
        {
            if let Some(value) = node.property(key) {
                *field = self.context.quantity(value, quantity::size, example)?.bytes();
            }
        }
        self.check_sample(node, sample).then_some(sample)
    }

    fn check_sample(&mut self, node: &Node, sample: SampleSpec) -> bool {
        let fits = sample.size >= 1 && sample.size <= sample.block && sample.block <= sample.above.max(1);
        if !fits {
            self.context.tell(
                Problem::new(code::OUT_OF_RANGE, "these sizes do not fit into each other")
                    .label(node.head, "`size` is at most `block`, and `block` at most `above`")
                    .help("write it like `sample above=\"10MiB\" block=\"1MiB\" size=\"1KiB\"`"),
            );
        }
        fits
    }

    fn moved(&mut self) -> Vec<Moved> {
        let example = self.settings.example("moved");
        self.settings.all("moved").filter_map(|node| self.one_moved(node, example)).collect()
    }

    fn one_moved(&mut self, node: &Node, example: &str) -> Option<Moved> {
        if !self
            .context
            .shape(node, &Shape { arguments: 0..=0, properties: &["from", "to"], block: false, example })
        {
            return None;
        }
        let (from, to) = (self.moved_path(node, "from", example), self.moved_path(node, "to", example));
        let (from, to) = (from?, to?);
        let nested = from == to || from.is_below(&to) || to.is_below(&from);
        if nested {
            self.context.tell(
                Problem::new(code::CONTRADICTION, "`from` and `to` are the same, or one lies in the other")
                    .label(node.head, "not a move")
                    .help("name the path before and the path after the rename"),
            );
        }
        (!nested).then_some(Moved { from, to })
    }

    fn moved_path(&mut self, node: &Node, key: &str, example: &str) -> Option<RelPath> {
        let value = self.context.required_property(node, key, example)?;
        let text = self.context.text_of(&value, example)?;
        path(self.context, text)
    }

    fn trash(&mut self) -> Option<Trash> {
        let (node, example) = self.settings.get("trash")?;
        if !self
            .context
            .shape(node, &Shape { arguments: 0..=0, properties: &["keep"], block: false, example })
        {
            return None;
        }
        let value = self.context.required_property(node, "keep", example)?;
        self.context.quantity(&value, quantity::duration, example).map(|keep| Trash { keep })
    }

    fn bandwidth(&mut self) -> Option<Rate> {
        let (node, example) = self.settings.get("bandwidth")?;
        if !self.context.shape(node, &Shape { arguments: 1..=1, properties: &[], block: false, example }) {
            return None;
        }
        self.context.quantity(node.arguments.first()?, quantity::rate, example)
    }

    fn lease(&mut self) -> Option<Period> {
        let (node, example) = self.settings.get("lease")?;
        if !self.context.shape(node, &Shape { arguments: 1..=1, properties: &[], block: false, example }) {
            return None;
        }
        self.context.quantity(node.arguments.first()?, quantity::duration, example)
    }

    fn retain(&mut self) -> Option<Retain> {
        let (node, example) = self.settings.get("retain")?;
        let properties = ["last", "daily", "weekly", "monthly"];
        if !self
            .context
            .shape(node, &Shape { arguments: 0..=0, properties: &properties, block: false, example })
        {
            return None;
        }
        let mut count = |key: &str| {
            let value = node.property(key)?;
            self.context.number(value, 0..=100_000, example).and_then(|count| u32::try_from(count).ok())
        };
        let (last, daily, weekly, monthly) =
            (count("last"), count("daily"), count("weekly"), count("monthly"));
        let retain = Retain {
            last: last.unwrap_or(0),
            daily: daily.unwrap_or(0),
            weekly: weekly.unwrap_or(0),
            monthly: monthly.unwrap_or(0),
        };
        if retain == Retain::default() {
            self.context.tell(
                Problem::new(code::OUT_OF_RANGE, "`retain` would keep nothing")
                    .label(node.head, "every figure is 0")
                    .help(format!("write it like `{example}`, or leave it out to keep all")),
            );
        }
        Some(retain)
    }

    fn table_globs(&mut self) -> Vec<String> {
        let example = self.settings.example("exclude-table");
        let texts: Vec<&Text> =
            self.settings.all("exclude-table").filter_map(|node| self.context.text(node, example)).collect();
        texts.iter().for_each(|text| {
            if let Err(error) = syncplan_model::filter::Glob::new(&text.value) {
                self.context.tell(
                    Problem::new(code::BAD_PATTERN, "the glob does not compile")
                        .label(text.span, error.to_string())
                        .help(format!("write it like `{example}`")),
                );
            }
        });
        texts.iter().map(|text| text.value.clone()).collect()
    }

    /// Names of files that steer a scan: no folders in them.
    fn file_names(&mut self, name: &'static str) -> Vec<String> {
        let example = self.settings.example(name);
        let texts: Vec<&Text> =
            self.settings.all(name).filter_map(|node| self.context.text(node, example)).collect();
        for text in &texts {
            if text.value.contains('/') || matches!(text.value.as_str(), "." | "..") {
                self.context.tell(
                    Problem::new(
                        code::BAD_PATH,
                        format!("`{name}` takes the name of a file, looked for in every folder"),
                    )
                    .label(text.span, "a path")
                    .help(format!("write it like `{example}`")),
                );
            }
        }
        texts.iter().map(|text| text.value.clone()).collect()
    }

    fn strings(&mut self, name: &'static str) -> Vec<String> {
        let example = self.settings.example(name);
        self.settings.all(name).filter_map(|node| self.context.string(node, example)).collect()
    }

    /// A program and its arguments, after `skip` words.
    fn argv(&mut self, node: &Node, skip: usize, example: &str) -> Option<Vec<String>> {
        let shape = Shape { arguments: skip + 1..=usize::MAX, properties: &[], block: false, example };
        if !self.context.shape(node, &shape) {
            return None;
        }
        let words =
            node.arguments[skip..].iter().map(|value: &Value| self.context.text_of(value, example).cloned());
        let words: Vec<_> = words.collect();
        words.into_iter().map(|word| word.map(|text| text.value)).collect()
    }

    fn after(&mut self) -> Vec<TaskName> {
        let example = self.settings.example("after");
        let mut after = Vec::new();
        for node in self.settings.all("after") {
            let shape = Shape { arguments: 1..=usize::MAX, properties: &[], block: false, example };
            if !self.context.shape(node, &shape) {
                continue;
            }
            for value in &node.arguments {
                let Some(text) = self.context.text_of(value, example).cloned() else { continue };
                after.extend(refer(
                    self.context,
                    &text,
                    "task",
                    &self.known.tasks,
                    code::UNKNOWN_TASK,
                    TaskName::new,
                ));
            }
        }
        after
    }

    fn word<T: Copy>(&mut self, name: &'static str, all: &[T], word: fn(T) -> &'static str) -> Option<T> {
        let (node, example) = self.settings.get(name)?;
        self.context.word(node, all, word, example)
    }
}
