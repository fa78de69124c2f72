use syncplan_model::plan::Evidence;
use syncplan_model::spec::Confirm;
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
    /// What became of `base`; times agree in multiples of `precision` nanoseconds, and `confirm` says what
    /// equal samples are worth.
    pub(crate) fn of(now: Option<&Facts>, base: Option<&Facts>, precision: u64, confirm: Confirm) -> Self {
        match (now, base) {
            (None, None) => Self::Absent,
            (Some(_), None) => Self::Created,
            (None, Some(_)) => Self::Deleted,
            (Some(now), Some(base)) if now.kind != base.kind => Self::TypeChanged,
            (Some(now), Some(base)) if is_unchanged(now, base, precision, confirm) => Self::Unchanged,
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

fn is_unchanged(now: &Facts, base: &Facts, precision: u64, confirm: Confirm) -> bool {
    match now.kind {
        EntryKind::File => is_same_file(now, base, precision, confirm),
        EntryKind::Symlink => now.target == base.target,
        _ => true,
    }
}

/// A token says it at once; without it whatever else is known has to. What cannot be told is taken
/// to be edited: that costs a question, the contrary could cost content.
fn is_same_file(now: &Facts, base: &Facts, precision: u64, confirm: Confirm) -> bool {
    if now.token.is_some() && now.token == base.token {
        return true;
    }
    let untouched = now.mtime.zip(base.mtime).is_some_and(|(now, base)| now.agrees_with(base, precision));
    match content(now, base) {
        // An edit may be between the samples.
        Some(Verdict::Same(Evidence::Fingerprint)) => untouched || confirm == Confirm::Sampled,
        Some(Verdict::Same(_)) => true,
        Some(Verdict::Different) => false,
        None => untouched,
    }
}
