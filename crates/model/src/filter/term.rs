use std::fmt;

use super::pattern::{Glob, PathRegex};
use super::scope::{ActionView, EntryView};
use crate::entry::EntryKind;
use crate::mtime::Mtime;
use crate::name::TaskName;
use crate::path::{RelPath, is_below};
use crate::plan::{Op, Risk, Side};
use crate::quantity::{ByteSize, Date, Period};

/// What a filter is built from. Lists are true for any of their items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// `glob('photos/**/*.raw')`: the whole path below the task's root.
    Glob(Glob),
    /// `name('*.tmp')`: the last component of the path.
    Name(Glob),
    /// `ext(jpg, png)`: the end of the name, without case.
    Ext(Vec<Extension>),
    /// `under('photos/raw')`: that folder, and everything in it.
    Under(RelPath),
    /// `regex('…')`: somewhere in the path.
    Regex(PathRegex),
    /// `size >= 1MiB`: the length of a file; nothing else has one.
    Size(Comparison, ByteSize),
    /// `age < 90d`: whole seconds since the last modification, where one is known.
    Age(Comparison, Period),
    /// `mtime < 2026-01-31`: the day of the last modification in UTC, where one is known.
    Mtime(Comparison, Date),
    /// `kind = file`.
    Kind(EntryKind),
    /// `hidden()`: a component of the path begins with a dot.
    Hidden,
    /// `empty()`: a file without content.
    Empty,
    /// `op(delete)`: what an action does.
    Op(Vec<Op>),
    /// `task(images)`: the task of an action.
    Task(Vec<TaskName>),
    /// `side(remote)`: where an action writes.
    Side(Side),
    /// `risk(overwrite)`: what an action puts at risk.
    Risk(Vec<Risk>),
}

/// The end of a file name behind a dot, in lower case: `jpg`, `tar.gz`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Extension(String);

/// How a term compares with its figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Extension {
    /// An extension: not empty, and neither a leading dot nor a slash in it.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\0']);
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The extension without its dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that is nothing but a dot and the extension is a hidden file without one.
    fn is_of(&self, name: &[u8]) -> bool {
        let Some(stem) = name.len().checked_sub(self.0.len() + 1).filter(|&stem| stem > 0) else {
            return false;
        };
        name[stem] == b'.' && name[stem + 1..].eq_ignore_ascii_case(self.0.as_bytes())
    }
}

impl Comparison {
    /// All of them, from less to greater.
    pub const ALL: [Self; 5] =
        [Self::Less, Self::LessOrEqual, Self::Equal, Self::GreaterOrEqual, Self::Greater];

    /// The operator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    /// Whether `left OP right` is true.
    pub fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Term {
    /// The name of every term, as the grammar has it.
    pub const NAMES: &[&str] = &[
        "glob", "name", "ext", "under", "regex", "size", "age", "mtime", "kind", "hidden", "empty", "all",
        "none", "op", "task", "side", "risk",
    ];

    /// Whether the term judges actions, and means nothing to a scan.
    pub fn needs_plan(&self) -> bool {
        matches!(self, Self::Op(_) | Self::Task(_) | Self::Side(_) | Self::Risk(_))
    }

    /// Whether the path alone decides.
    pub fn is_path_only(&self) -> bool {
        use Term::{Ext, Glob, Hidden, Name, Regex, Under};
        matches!(self, Glob(_) | Name(_) | Ext(_) | Under(_) | Regex(_) | Hidden)
    }

    pub(super) fn matches_entry(&self, entry: &EntryView<'_>, now: Mtime) -> bool {
        match self {
            Self::Glob(glob) => glob.is_match(entry.path),
            Self::Name(glob) => glob.is_match(file_name(entry.path)),
            Self::Ext(extensions) => {
                extensions.iter().any(|extension| extension.is_of(file_name(entry.path)))
            }
            Self::Under(folder) => is_under(entry.path, folder),
            Self::Regex(regex) => regex.is_match(entry.path),
            Self::Size(comparison, size) => is_file(entry) && comparison.holds(&entry.size, &size.bytes()),
            Self::Age(comparison, period) => entry.mtime.is_some_and(|mtime| {
                comparison.holds(&(age_in_seconds(mtime, now) * 1_000), &i128::from(period.as_millis()))
            }),
            Self::Mtime(comparison, date) => {
                entry.mtime.is_some_and(|mtime| comparison.holds(&day_against(mtime, *date), &0))
            }
            Self::Kind(kind) => entry.kind == *kind,
            Self::Hidden => entry.path.split(|&b| b == b'/').any(|component| component.starts_with(b".")),
            Self::Empty => is_file(entry) && entry.size == 0,
            Self::Op(_) | Self::Task(_) | Self::Side(_) | Self::Risk(_) => false,
        }
    }

    pub(super) fn matches_action(&self, action: &ActionView<'_>, now: Mtime) -> bool {
        match self {
            Self::Op(ops) => ops.contains(&action.op),
            Self::Task(tasks) => tasks.iter().any(|task| task == action.task),
            Self::Side(side) => action.side == *side,
            Self::Risk(risks) => risks.iter().any(|risk| action.risks.contains(risk)),
            _ => self.matches_entry(&action.entry, now),
        }
    }
}

fn is_file(entry: &EntryView<'_>) -> bool {
    entry.kind == EntryKind::File
}

pub(super) fn is_under(path: &[u8], folder: &RelPath) -> bool {
    path == folder.as_bytes() || is_below(path, folder.as_bytes())
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// Negative for times to come.
fn age_in_seconds(mtime: Mtime, now: Mtime) -> i128 {
    let borrowed = i128::from(now.nanos < mtime.nanos);
    i128::from(now.seconds) - i128::from(mtime.seconds) - borrowed
}

/// -1 before the day, 0 within it, 1 after it.
fn day_against(mtime: Mtime, date: Date) -> i8 {
    match mtime.seconds {
        seconds if seconds < date.start() => -1,
        seconds if seconds < date.end() => 0,
        _ => 1,
    }
}
