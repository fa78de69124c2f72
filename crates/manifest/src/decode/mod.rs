//! Nodes → [`SyncSpec`]: one module for each sort of node, all of them telling their problems to
//! one [`Context`] and going on.

mod automation;
mod context;
mod database;
mod filters;
mod guard;
mod names;
mod secret;
mod settings;
mod store;
mod task;

use std::collections::BTreeMap;

use syncplan_model::{DatabaseName, Digest, StoreName, SyncSpec, TaskName};

pub(crate) use context::{Context, Feature, Owner, Use};
pub(crate) use settings::{Setting, Shape};

use crate::code;
use crate::problem::{Problem, Span};
use crate::suggest::{did_you_mean, list};
use crate::tree::Node;

/// The nodes that may stand at the top, each with an example.
pub(crate) const TOP: &[Setting] = &[
    Setting::one("syncplan", "syncplan format=1"),
    Setting::many("include", "include \"shared.kdl\""),
    Setting::many("variables", "variables { site \"wiki\"; }"),
    Setting::many("store", "store laptop kind=local { root \"./site\"; }"),
    Setting::many("database", "database wiki kind=mysql { url env=WIKI_DATABASE_URL; }"),
    Setting::many("filter", "filter junk \"name('*.tmp')\""),
    Setting::many("task", "task images kind=files { local laptop; remote oss; }"),
    Setting::one("guard", "guard { max-delete count=1000; }"),
    Setting::many("profile", "profile prod { variables { site \"wiki-prod\"; }; }"),
    Setting::many("schedule", "schedule nightly cron=\"15 2 * * *\" tasks=\"*\""),
    Setting::many("watch", "watch notes debounce=\"2s\""),
    Setting::many("notify", "notify ops kind=webhook { url env=OPS_WEBHOOK; }"),
];

/// Decodes all nodes. The spec is only of use if no problem was told.
pub(crate) fn decode(context: &mut Context, nodes: &[Node]) -> SyncSpec {
    let mut spec = empty();
    top_level(context, nodes);
    let named = |name: &'static str| nodes.iter().filter(move |node| node.name.value == name);

    let stores = names::unique(context, named("store"), "store", StoreName::new);
    spec.stores =
        stores.iter().filter_map(|(name, node)| store::decode(context, name.clone(), node)).collect();
    let databases = names::unique(context, named("database"), "database", DatabaseName::new);
    spec.databases =
        databases.iter().filter_map(|(name, node)| database::decode(context, name.clone(), node)).collect();
    let tasks = names::unique(context, named("task"), "task", TaskName::new);

    let known = names::Known {
        stores: stores.iter().map(|(name, _)| name.to_string()).collect(),
        databases: databases.iter().map(|(name, _)| name.to_string()).collect(),
        tasks: tasks.iter().map(|(name, _)| name.to_string()).collect(),
    };
    let (filters, scope) = filters::decode(context, named("filter"), &known.tasks);
    spec.filters = filters;
    spec.tasks = tasks
        .iter()
        .filter_map(|(name, node)| task::decode(context, name.clone(), node, &known, &scope))
        .collect();
    if let Some(node) = named("guard").next() {
        spec.guard = guard::decode(context, node);
    }
    automation::decode(context, nodes, &known, &mut spec);
    spec
}

fn empty() -> SyncSpec {
    SyncSpec {
        digest: Digest::of(b""),
        files: Vec::new(),
        profile: None,
        variables: BTreeMap::new(),
        stores: Vec::new(),
        databases: Vec::new(),
        filters: Vec::new(),
        tasks: Vec::new(),
        guard: syncplan_model::spec::Guard::default(),
        schedules: Vec::new(),
        watches: Vec::new(),
        notifies: Vec::new(),
    }
}

fn top_level(context: &mut Context, nodes: &[Node]) {
    let mut guard: Option<Span> = None;
    for node in nodes {
        let name = &node.name.value;
        if !TOP.iter().any(|setting| setting.name == name) {
            unknown_top(context, node);
        }
        if name == "guard" {
            match guard {
                Some(first) => settings::duplicate(context, "guard", node.name.span, first),
                None => guard = Some(node.name.span),
            }
        }
        if name == "syncplan" {
            format_version(context, node);
        }
    }
}

fn format_version(context: &mut Context, node: &Node) {
    let shape =
        Shape { arguments: 0..=0, properties: &["format"], block: false, example: "syncplan format=1" };
    if !context.shape(node, &shape) {
        return;
    }
    let Some(version) = context.required_property(node, "format", "syncplan format=1") else { return };
    match version.scalar {
        crate::tree::Scalar::Integer(1) => {}
        crate::tree::Scalar::Integer(_) => context.tell(
            Problem::new(code::FORMAT_VERSION, format!("format {} is not known", version.written))
                .label(version.span, "only 1 is")
                .help("write `format=1`, or use the syncplan that this manifest was written for"),
        ),
        _ => context.wrong_type(&version, "a whole number", "syncplan format=1"),
    }
}

fn unknown_top(context: &mut Context, node: &Node) {
    let name = &node.name.value;
    let names = TOP.iter().map(|setting| setting.name);
    if context.colon(node, names.clone()) {
        return;
    }
    let inner = task::SETTINGS.iter().find(|setting| setting.name == name);
    let help = match inner {
        Some(_) => Some(format!("`{name}` is a setting of a task: put it into the block of one")),
        None if name == "var" || name == "variable" => Some("did you mean `variables`?".to_owned()),
        None => did_you_mean(name, names),
    };
    context.tell(
        Problem::new(code::UNKNOWN_NODE, format!("there is no node `{name}`"))
            .label(node.name.span, "unknown here")
            .maybe_help(help.or_else(|| Some(list(&TOP.iter().map(|s| s.name).collect::<Vec<_>>())))),
    );
}

/// The names of all nodes and settings, for whoever documents or completes them.
pub fn setting_names() -> impl Iterator<Item = &'static str> {
    let groups = [TOP].into_iter().chain(store::ALL.iter().copied()).chain(task::ALL.iter().copied());
    let groups = groups.chain(database::ALL.iter().copied()).chain([guard::SETTINGS]);
    groups.flatten().map(|setting| setting.name)
}

/// Whether a setting of a task may be repeated, so that a profile replaces all of them.
pub(crate) fn is_repeatable(name: &str) -> bool {
    task::SETTINGS.iter().any(|setting| setting.name == name && setting.many)
        || matches!(name, "exclude-table" | "output")
}
