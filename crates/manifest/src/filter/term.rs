use std::ops::Range;

use pest::iterators::Pair;
use syncplan_grammar::filter::Rule;
use syncplan_model::filter::{Comparison, Extension, Filter, Glob, PathRegex, PatternError, Term};
use syncplan_model::plan::{Op, Risk, Side};
use syncplan_model::{EntryKind, RelPath, TaskName};

use super::parse::{Reader, range_of};
use crate::code::{self, Code};
use crate::problem::Mistake;
use crate::quantity;
use crate::suggest::did_you_mean;

/// How each term is written.
pub(super) fn example(term: &str) -> &'static str {
    match term {
        "glob" => "glob('photos/**/*.raw')",
        "name" => "name('*.tmp')",
        "ext" => "ext(jpg, png)",
        "under" => "under('photos/raw')",
        "regex" => "regex('^a.*z$')",
        "size" => "size > 1MiB",
        "age" => "age < 90d",
        "mtime" => "mtime < 2026-01-31",
        "kind" => "kind = file",
        "hidden" => "hidden()",
        "empty" => "empty()",
        "all" => "all()",
        "none" => "none()",
        "op" => "op(delete)",
        "task" => "task(images)",
        "side" => "side(remote)",
        "risk" => "risk(overwrite)",
        _ => "name('*.tmp')",
    }
}

const KINDS: [EntryKind; 3] = [EntryKind::File, EntryKind::Dir, EntryKind::Symlink];

/// An argument, unquoted.
struct Argument {
    text: String,
    range: Range<usize>,
    quoted: bool,
}

impl Argument {
    /// Where a part of the text was written; exact as long as no quote is doubled before it.
    fn part(&self, range: Range<usize>) -> Range<usize> {
        let start = self.range.start + usize::from(self.quoted);
        (start + range.start).min(self.range.end)..(start + range.end).min(self.range.end)
    }
}

/// `word(…)`
pub(super) fn call(reader: &mut Reader<'_>, pair: Pair<'_, Rule>) -> Option<Filter> {
    let whole = range_of(&pair);
    let mut inner = pair.into_inner();
    let word = inner.next()?;
    let (name, at) = (word.as_str(), range_of(&word));
    let mut arguments = Vec::new();
    for part in inner {
        match part.as_rule() {
            Rule::argument => arguments.push(argument(reader, part)),
            Rule::trailing_comma => reader.mistakes.push(
                Mistake::new(
                    code::FILTER_SYNTAX,
                    range_of(&part),
                    "a comma with nothing behind it",
                    "remove this",
                )
                .help(format!("write `{}`", example(name))),
            ),
            Rule::unclosed | Rule::missing_close => reader.unclosed(at.end),
            _ => {}
        }
    }
    let arguments: Vec<Argument> = arguments.into_iter().collect::<Option<_>>()?;
    Call { reader, name, at, whole, arguments }.read()
}

fn argument(reader: &mut Reader<'_>, pair: Pair<'_, Rule>) -> Option<Argument> {
    let range = range_of(&pair);
    let inner = pair.into_inner().next()?;
    match inner.as_rule() {
        Rule::string => Some(Argument { text: unquote(inner.as_str()), range, quoted: true }),
        Rule::bare => Some(Argument { text: inner.as_str().to_owned(), range, quoted: false }),
        Rule::double_quoted => {
            let text = inner.as_str().trim_matches('"');
            reader.mistakes.push(
                Mistake::new(
                    code::FILTER_QUOTES,
                    range,
                    "text in filters stands in single quotes",
                    "double quotes",
                )
                .help(format!("write `'{text}'`")),
            );
            None
        }
        _ => {
            reader.mistakes.push(
                Mistake::new(
                    code::FILTER_UNCLOSED,
                    range.start..range.start + 1,
                    "this quote is never closed",
                    "opened here",
                )
                .help("close it with `'`; a quote inside of text is doubled: `'it''s'`"),
            );
            None
        }
    }
}

fn unquote(quoted: &str) -> String {
    let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(quoted);
    inner.replace("''", "'")
}

struct Call<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'r str,
    at: Range<usize>,
    whole: Range<usize>,
    arguments: Vec<Argument>,
}

impl Call<'_, '_> {
    fn read(mut self) -> Option<Filter> {
        let term = match self.name {
            "all" => return self.none_of().then_some(Filter::All),
            "none" => return self.none_of().then_some(Filter::None),
            "hidden" => self.none_of().then_some(Term::Hidden),
            "empty" => self.none_of().then_some(Term::Empty),
            "glob" => self.pattern(Glob::new).map(Term::Glob),
            "name" => self.pattern(Glob::new).map(Term::Name),
            "regex" => self.pattern(PathRegex::new).map(Term::Regex),
            "ext" => self.extensions().map(Term::Ext),
            "under" => self.folder().map(Term::Under),
            "op" => self.words(Op::ALL, Op::as_str).map(Term::Op),
            "risk" => self.words(Risk::ALL, Risk::as_str).map(Term::Risk),
            "side" => self.side().map(Term::Side),
            "task" => self.tasks().map(Term::Task),
            "size" | "age" | "mtime" | "kind" => {
                self.wrong_form();
                None
            }
            _ => {
                self.unknown();
                None
            }
        }?;
        if term.needs_plan() {
            self.reader.plan_terms.push((self.whole.clone(), format!("`{}(…)`", self.name)));
        }
        Some(Filter::Term(term))
    }

    fn tell(
        &mut self,
        code: &'static Code,
        range: Range<usize>,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        self.reader.mistakes.push(Mistake::new(code, range, message, label).maybe_help(help));
    }

    fn unknown(&mut self) {
        let name = self.name;
        if self.reader.scope.filter(name).is_some() {
            let help = format!("write `{name}`");
            let message = format!("`{name}` is a filter and takes no arguments");
            return self.tell(
                code::FILTER_ARGUMENTS,
                self.whole.clone(),
                message,
                "no parentheses here",
                Some(help),
            );
        }
        let habit = match name {
            "path" | "matches" => Some("glob"),
            "extension" | "suffix" | "type" => Some("ext"),
            "filename" | "basename" | "file" => Some("name"),
            "dir" | "folder" | "prefix" | "in" | "inside" => Some("under"),
            "re" => Some("regex"),
            _ => None,
        };
        let meant = habit.or_else(|| crate::suggest::nearest(name, Term::NAMES.iter().copied()));
        let help = meant.map_or_else(
            || format!("terms are {}", crate::suggest::list(Term::NAMES)),
            |meant| format!("did you mean `{}`?", example(meant)),
        );
        let message = format!("there is no term `{name}`");
        self.tell(code::FILTER_UNKNOWN_TERM, self.at.clone(), message, "unknown term", Some(help));
    }

    fn wrong_form(&mut self) {
        let message = format!("`{}` is compared, not called", self.name);
        let help = format!("write it like `{}`", example(self.name));
        self.tell(code::FILTER_COMPARISON, self.whole.clone(), message, "not a call", Some(help));
    }

    fn none_of(&mut self) -> bool {
        if self.arguments.is_empty() {
            return true;
        }
        self.count("no argument");
        false
    }

    fn count(&mut self, number: &str) {
        let message = format!("`{}` takes {number}", self.name);
        let help = format!("write it like `{}`", example(self.name));
        self.tell(
            code::FILTER_ARGUMENTS,
            self.whole.clone(),
            message,
            "another number of arguments",
            Some(help),
        );
    }

    fn one(&mut self) -> Option<&Argument> {
        if self.arguments.len() != 1 {
            self.count("one argument");
            return None;
        }
        self.arguments.first()
    }

    fn some(&mut self) -> bool {
        if self.arguments.is_empty() {
            self.count("one argument or more");
        }
        !self.arguments.is_empty()
    }

    /// The only argument, in quotes.
    fn quoted(&mut self) -> Option<&Argument> {
        let argument = self.one()?;
        if !argument.quoted {
            let (range, text) = (argument.range.clone(), argument.text.clone());
            let help = Some(format!("write `{}('{text}')`", self.name));
            self.tell(code::FILTER_QUOTES, range, format!("`{text}` needs quotes"), "not in quotes", help);
            return None;
        }
        self.arguments.first()
    }

    fn pattern<T>(&mut self, compile: fn(&str) -> Result<T, PatternError>) -> Option<T> {
        let argument = self.quoted()?;
        let (range, compiled) = (argument.range.clone(), compile(&argument.text));
        let name = self.name;
        compiled
            .map_err(|error| {
                let sort = if name == "regex" { "regular expression" } else { "glob" };
                let help = match error {
                    PatternError::TooLarge => Some("make it shorter, or repeat less".to_owned()),
                    PatternError::Empty => Some(format!("write it like `{}`", example(name))),
                    PatternError::Syntax(_) if sort == "glob" => Some(
                        "`*`, `**`, `?`, `[a-z]` and `{a,b}` have a meaning; `\\` before one takes it away"
                            .to_owned(),
                    ),
                    PatternError::Syntax(_) => {
                        Some("`\\` before a sign takes its meaning away: `\\(`".to_owned())
                    }
                };
                self.tell(
                    code::FILTER_PATTERN,
                    range,
                    format!("the {sort} does not compile"),
                    &error.to_string(),
                    help,
                );
            })
            .ok()
    }

    fn extensions(&mut self) -> Option<Vec<Extension>> {
        if !self.some() {
            return None;
        }
        let arguments = std::mem::take(&mut self.arguments);
        let read = arguments.iter().map(|argument| match Extension::new(&argument.text) {
            Some(extension) if !argument.text.contains(['*', '?']) => Some(extension),
            _ => {
                let bare = argument.text.trim_start_matches(['*', '.']);
                let help = (!bare.is_empty()).then(|| format!("write `ext({bare})`"));
                let message = "an extension is written without its dot".to_owned();
                self.tell(code::FILTER_VALUE, argument.range.clone(), message, "not an extension", help);
                None
            }
        });
        read.collect::<Vec<_>>().into_iter().collect()
    }

    fn folder(&mut self) -> Option<RelPath> {
        let argument = self.quoted()?;
        let (range, text) = (argument.range.clone(), argument.text.clone());
        RelPath::new(&text)
            .map_err(|error| {
                let trimmed = text.trim_start_matches("./").trim_matches('/');
                let fits = RelPath::new(trimmed).is_ok();
                let help =
                    fits.then(|| format!("write `under('{trimmed}')`: paths begin at the task's root"));
                self.tell(code::FILTER_VALUE, range, error.to_string(), "not a path below the root", help);
            })
            .ok()
    }

    fn words<T: Copy>(&mut self, all: &[T], word: fn(T) -> &'static str) -> Option<Vec<T>> {
        if !self.some() {
            return None;
        }
        let arguments = std::mem::take(&mut self.arguments);
        let read = arguments.iter().map(|argument| {
            let found = all.iter().copied().find(|one| word(*one) == argument.text);
            if found.is_none() {
                let help = did_you_mean(&argument.text, all.iter().map(|one| word(*one)));
                let message = format!("`{}` knows no `{}`", self.name, argument.text);
                self.tell(code::FILTER_VALUE, argument.range.clone(), message, "unknown", help);
            }
            found
        });
        let read: Vec<_> = read.collect();
        self.arguments = arguments;
        read.into_iter().collect()
    }

    fn side(&mut self) -> Option<Side> {
        self.one()?;
        self.words(Side::ALL, Side::as_str)?.pop()
    }

    fn tasks(&mut self) -> Option<Vec<TaskName>> {
        if !self.some() {
            return None;
        }
        let arguments = std::mem::take(&mut self.arguments);
        let read: Vec<_> = arguments.iter().map(|argument| self.task(argument)).collect();
        read.into_iter().collect()
    }

    fn task(&mut self, argument: &Argument) -> Option<TaskName> {
        let known = self.reader.scope.tasks().is_none_or(|tasks| tasks.contains(&argument.text));
        let name = TaskName::new(&argument.text).ok().filter(|_| known);
        if name.is_none() {
            let tasks = self.reader.scope.tasks().unwrap_or_default();
            let help = did_you_mean(&argument.text, tasks.iter().map(String::as_str));
            let message = format!("there is no task `{}`", argument.text);
            self.tell(code::UNKNOWN_TASK, argument.range.clone(), message, "not defined", help);
        }
        name
    }
}

/// `word < value`
pub(super) fn comparison(reader: &mut Reader<'_>, pair: Pair<'_, Rule>) -> Option<Filter> {
    let mut inner = pair.into_inner();
    let (word, operator, value) = (inner.next()?, inner.next()?, inner.next()?);
    let name = word.as_str();
    let known = measure(reader, name, range_of(&word));
    let comparison = comparator(reader, name, &operator, value.as_str().trim_end());
    let value = self::value(reader, value)?;
    let (known, comparison) = (known?, comparison?);
    let start = value.part(0..0).start;
    let read = match known {
        "size" => quantity::size(&value.text, code::FILTER_VALUE).map(|size| Term::Size(comparison, size)),
        "age" => {
            quantity::duration(&value.text, code::FILTER_VALUE).map(|period| Term::Age(comparison, period))
        }
        "mtime" => quantity::date(&value.text, code::FILTER_VALUE).map(|date| Term::Mtime(comparison, date)),
        _ => return kind(reader, comparison, range_of(&operator), &value),
    };
    read.map(Filter::Term).map_err(|mistake| reader.mistakes.push(mistake.shifted(start))).ok()
}

fn measure(reader: &mut Reader<'_>, name: &str, range: Range<usize>) -> Option<&'static str> {
    const COMPARED: [&str; 4] = ["size", "age", "mtime", "kind"];
    if let Some(known) = COMPARED.into_iter().find(|known| *known == name) {
        return Some(known);
    }
    let mistake = if Term::NAMES.contains(&name) {
        Mistake::new(
            code::FILTER_COMPARISON,
            range,
            format!("`{name}` is called, not compared"),
            "not compared",
        )
        .help(format!("write it like `{}`", example(name)))
    } else {
        let habit = match name {
            "type" => Some("kind".to_owned()),
            "length" | "bytes" => Some("size".to_owned()),
            "date" | "modified" | "time" => Some("mtime".to_owned()),
            _ => crate::suggest::nearest(name, COMPARED).map(str::to_owned),
        };
        let help = habit.map_or_else(
            || "what is compared: `size`, `age`, `mtime`, `kind`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        Mistake::new(code::FILTER_UNKNOWN_TERM, range, format!("there is no term `{name}`"), "unknown term")
            .help(help)
    };
    reader.mistakes.push(mistake);
    None
}

fn comparator(reader: &mut Reader<'_>, name: &str, pair: &Pair<'_, Rule>, value: &str) -> Option<Comparison> {
    let written = pair.as_str().trim_end();
    if pair.as_rule() == Rule::comparator {
        return Comparison::ALL.into_iter().find(|comparison| comparison.as_str() == written);
    }
    let meant = match written {
        "!=" | "<>" | "~=" => format!("not {name} = {value}"),
        "=<" => "<=".to_owned(),
        "=>" => ">=".to_owned(),
        _ => "=".to_owned(),
    };
    reader.wrong_operator(range_of(pair), &meant);
    None
}

fn value(reader: &mut Reader<'_>, pair: Pair<'_, Rule>) -> Option<Argument> {
    let range = range_of(&pair);
    let mut inner = pair.clone().into_inner();
    let bare = inner.next().filter(|first| first.as_rule() == Rule::bare);
    match (bare, inner.next()) {
        (Some(number), Some(unit)) => {
            reader.mistakes.push(
                Mistake::new(
                    code::FILTER_VALUE,
                    range,
                    "a quantity is written without a space",
                    "a space in between",
                )
                .help(format!(
                    "write `{}{}`",
                    number.as_str().trim_end(),
                    unit.as_str().trim_end()
                )),
            );
            None
        }
        (Some(bare), None) => Some(Argument { text: bare.as_str().to_owned(), range, quoted: false }),
        (None, _) => {
            let argument = argument(reader, pair)?;
            reader.mistakes.push(
                Mistake::new(
                    code::FILTER_QUOTES,
                    argument.range.clone(),
                    "values that are compared need no quotes",
                    "in quotes",
                )
                .help(format!("write `{}`", argument.text)),
            );
            None
        }
    }
}

fn kind(
    reader: &mut Reader<'_>,
    comparison: Comparison,
    operator: Range<usize>,
    value: &Argument,
) -> Option<Filter> {
    if comparison != Comparison::Equal {
        reader.wrong_operator(operator, "=");
        return None;
    }
    let found = KINDS.into_iter().find(|kind| kind.as_str() == value.text);
    if found.is_none() {
        let habit = match value.text.as_str() {
            "directory" | "folder" | "d" => Some("did you mean `dir`?".to_owned()),
            "link" | "l" => Some("did you mean `symlink`?".to_owned()),
            "f" => Some("did you mean `file`?".to_owned()),
            text => did_you_mean(text, KINDS.iter().map(|kind| kind.as_str())),
        };
        let message = format!("there is no kind `{}`", value.text);
        reader.mistakes.push(
            Mistake::new(code::FILTER_VALUE, value.range.clone(), message, "unknown").maybe_help(habit),
        );
    }
    found.map(|kind| Filter::Term(Term::Kind(kind)))
}
