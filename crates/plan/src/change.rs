use syncplan_model::{EntryKind, Facts};

use crate::equality::{Verdict, content};

/// What happened at a path on one side since the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change {
    /// Nothing stands there, and the base has nothing.
    #[default]
    Absent,
    /// It is as in the base.
    Unchanged,
    /// The base has nothing there.
    Created,
    /// It has other content.
    Modified,
    /// It is another kind of thing.
    TypeChanged,
    /// What the base has there is gone.
    Deleted,
}

impl Change {
    /// What became of `base`; times agree in multiples of `precision` nanoseconds.
    pub(crate) fn of(now: Option<&Facts>, base: Option<&Facts>, precision: u64) -> Self {
        match (now, base) {
            (None, None) => Self::Absent,
            (Some(_), None) => Self::Created,
            (None, Some(_)) => Self::Deleted,
            (Some(now), Some(base)) if now.kind != base.kind => Self::TypeChanged,
            (Some(now), Some(base)) if is_unchanged(now, base, precision) => Self::Unchanged,
            _ => Self::Modified,
        }
    }

    /// The change as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Modified => "modified",
            Self::TypeChanged => "type-changed",
            Self::Deleted => "deleted",
        }
    }

    /// Whether something stands there that the base does not know.
    pub(crate) fn is_new(self) -> bool {
        matches!(self, Self::Created | Self::Modified | Self::TypeChanged)
    }
}

fn is_unchanged(now: &Facts, base: &Facts, precision: u64) -> bool {
    match now.kind {
        EntryKind::File => is_same_file(now, base, precision),
        EntryKind::Symlink => now.target == base.target,
        _ => true,
    }
}

/// A token says it at once; without it whatever else is known has to. What cannot be told is taken
/// to be edited: that costs a question, the contrary could cost content.
fn is_same_file(now: &Facts, base: &Facts, precision: u64) -> bool {
    if now.token.is_some() && now.token == base.token {
        return true;
    }
    match content(now, base) {
        Some(verdict) => matches!(verdict, Verdict::Same(_)),
        None => now.mtime.zip(base.mtime).is_some_and(|(now, base)| now.agrees_with(base, precision)),
    }
}
