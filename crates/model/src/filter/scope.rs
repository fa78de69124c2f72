use std::fmt;

use super::tree::Filter;
use crate::entry::{Entry, EntryKind};
use crate::mtime::Mtime;
use crate::name::TaskName;
use crate::plan::{Op, Risk, Side};

/// What a filter looks at in an entry.
#[derive(Debug, Clone, Copy)]
pub struct EntryView<'a> {
    /// The path below the task's root; it need not be UTF-8.
    pub path: &'a [u8],
    /// What the entry is.
    pub kind: EntryKind,
    /// The length of a file, in bytes.
    pub size: u64,
    /// When it was modified, where that is known.
    pub mtime: Option<Mtime>,
}

/// What a filter looks at in an action, at one of the places it touches.
#[derive(Debug, Clone, Copy)]
pub struct ActionView<'a> {
    /// The entry at that place.
    pub entry: EntryView<'a>,
    /// What the action does.
    pub op: Op,
    /// Its task.
    pub task: &'a TaskName,
    /// Where it writes.
    pub side: Side,
    /// What it puts at risk.
    pub risks: &'a [Risk],
}

/// A filter for what a scan finds; it has no terms that need a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFilter(Filter);

/// A filter for the actions of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionFilter(Filter);

impl<'a> From<&'a Entry> for EntryView<'a> {
    fn from(entry: &'a Entry) -> Self {
        let facts = &entry.facts;
        Self { path: entry.path.as_bytes(), kind: facts.kind, size: facts.size, mtime: facts.mtime }
    }
}

impl EntryFilter {
    /// Takes a filter, or gives it back if a term in it needs a plan.
    pub fn new(filter: Filter) -> Result<Self, Filter> {
        if filter.needs_plan() { Err(filter) } else { Ok(Self(filter)) }
    }

    /// The filter that every entry matches.
    pub fn all() -> Self {
        Self(Filter::All)
    }

    /// Whether an entry matches; `now` is what ages are measured against.
    ///
    /// ```
    /// use syncplan_model::filter::{EntryFilter, EntryView, Filter, Glob, Term};
    /// use syncplan_model::{EntryKind, Mtime};
    ///
    /// let junk = EntryFilter::new(Filter::Term(Term::Name(Glob::new("*.tmp").unwrap()))).unwrap();
    /// let entry = EntryView { path: b"a/b.tmp", kind: EntryKind::File, size: 1, mtime: None };
    /// assert!(junk.matches(&entry, Mtime { seconds: 0, nanos: 0 }));
    /// ```
    pub fn matches(&self, entry: &EntryView<'_>, now: Mtime) -> bool {
        self.0.evaluate(&|term| term.matches_entry(entry, now))
    }

    /// Whether anything below a folder might match. `false` is certain, and lets a scan turn back
    /// at the folder; `true` promises nothing.
    pub fn may_match_below(&self, folder: &[u8]) -> bool {
        self.0.below(folder) != Some(false)
    }

    /// The expression.
    pub fn filter(&self) -> &Filter {
        &self.0
    }
}

impl ActionFilter {
    /// Takes any filter.
    pub fn new(filter: Filter) -> Self {
        Self(filter)
    }

    /// Whether an action matches at one of the places it touches; ask for each of them.
    pub fn matches(&self, action: &ActionView<'_>, now: Mtime) -> bool {
        self.0.evaluate(&|term| term.matches_action(action, now))
    }

    /// The expression.
    pub fn filter(&self) -> &Filter {
        &self.0
    }
}

impl Default for EntryFilter {
    fn default() -> Self {
        Self::all()
    }
}

impl fmt::Display for EntryFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ActionFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
