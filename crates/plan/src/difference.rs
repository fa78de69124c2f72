use syncplan_model::plan::{Evidence, Expectation, Side};
use syncplan_model::{EntryKind, Facts, RelPath};

use crate::change::Change;
use crate::sides::Sides;

/// A path at which the sides are not the same, or are something else than the base says.
pub(crate) struct Difference {
    pub(crate) path: RelPath,
    pub(crate) sides: Sides<Half>,
    /// Why the content is taken to be the same on both, if it is.
    pub(crate) same: Option<Evidence>,
    /// The content is the same, but times or permission bits are to be set.
    pub(crate) metadata: bool,
}

/// One side of a difference.
#[derive(Default)]
pub(crate) struct Half {
    pub(crate) facts: Option<Box<Facts>>,
    /// It has a directory there, whether that counts or not.
    pub(crate) has_dir: bool,
    /// What happened there since the base.
    pub(crate) change: Change,
    /// The base knows the content by a digest, not only by size and time.
    pub(crate) is_proven: bool,
    /// The base knows other times or permission bits there.
    pub(crate) touched: bool,
    /// The length of the longest path above it at which this side has a directory; 0 is the root.
    pub(crate) home: usize,
    pub(crate) below: Below,
}

/// What stands below a difference on one side.
#[derive(Default)]
pub(crate) struct Below {
    /// Something stands there: there is a directory, whether it is listed or not.
    pub(crate) present: bool,
    /// Something stands there that differs from the other side.
    pub(crate) differs: bool,
    /// Something stands there that the base does not know.
    pub(crate) is_new: bool,
    /// The first thing there that may not be touched.
    pub(crate) hidden: Option<Box<Hidden>>,
}

/// Something that may not be touched.
pub(crate) struct Hidden {
    pub(crate) path: Option<RelPath>,
    pub(crate) veil: Veil,
}

/// Why nothing at or below a path is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Veil {
    /// A filter leaves it out.
    Ignored,
    /// It could not be read on one side or the other.
    Unreadable,
    /// It is neither file, directory nor symbolic link.
    Special,
    /// One side has something there that the other cannot hold.
    Unsupported,
    /// It is syncplan's own.
    Reserved,
}

impl Difference {
    pub(crate) fn on(&self, side: Side) -> &Half {
        &self.sides[side]
    }

    /// Whether the base has something there that is not there any more.
    pub(crate) fn was_in_base(&self) -> bool {
        let gone = |half: &Half| matches!(half.change, Change::Deleted | Change::TypeChanged);
        gone(&self.sides.local) || gone(&self.sides.remote)
    }
}

impl Half {
    pub(crate) fn kind(&self) -> Option<EntryKind> {
        self.facts.as_ref().map(|facts| facts.kind)
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.kind() == Some(EntryKind::Dir)
    }

    /// What stands there, as an action states it.
    pub(crate) fn expectation(&self) -> Expectation {
        match &self.facts {
            Some(facts) => Expectation::Present(facts.clone()),
            None if self.has_dir => Expectation::present(Facts::new(EntryKind::Dir)),
            None => Expectation::ABSENT,
        }
    }

    /// Whether it stands there as the base has it, with all that is below.
    pub(crate) fn is_unchanged_throughout(&self) -> bool {
        self.change == Change::Unchanged && !self.below.is_new
    }
}

impl Veil {
    pub(crate) fn of(facts: &Facts) -> Option<Self> {
        match facts.kind {
            EntryKind::Ignored => Some(Self::Ignored),
            EntryKind::Unreadable => Some(Self::Unreadable),
            EntryKind::Special => Some(Self::Special),
            EntryKind::File | EntryKind::Dir | EntryKind::Symlink => None,
        }
    }
}

impl Hidden {
    /// What may not be touched, and why, as a clause behind "but".
    pub(crate) fn clause(&self) -> String {
        let Some(path) = &self.path else {
            return "it holds something that could not be read".to_owned();
        };
        match self.veil {
            Veil::Ignored => format!("`{path}` is ignored content"),
            Veil::Unreadable => format!("`{path}` could not be read"),
            Veil::Special => format!("`{path}` is neither file, directory nor symbolic link"),
            Veil::Unsupported => {
                format!("the other side has something at `{path}` that cannot be brought over")
            }
            Veil::Reserved => format!("`{path}` is syncplan's own"),
        }
    }
}
