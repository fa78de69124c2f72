use syncplan_model::plan::{Conflict, Evidence, Expectation, Reason, Side};
use syncplan_model::{Facts, RelPath};

use crate::sides::Sides;

/// What has to happen on both sides, and what is left to people.
#[derive(Default)]
pub(crate) struct Resolved {
    pub(crate) work: Sides<Work>,
    /// What only the base learns.
    pub(crate) records: Vec<Record>,
    /// Paths on which the sides disagree, resolved or not.
    pub(crate) conflicts: Vec<Conflict>,
    /// Files whose digest would resolve a conflict.
    pub(crate) unknown: Vec<(Side, RelPath)>,
}

/// What has to happen on one side, before it is known where content comes from.
#[derive(Default)]
pub(crate) struct Work {
    /// Files and symbolic links that come to stand somewhere, in the order of paths.
    pub(crate) fills: Vec<Fill>,
    /// What goes, in the order of paths.
    pub(crate) removals: Vec<Removal>,
    /// Directories that come to stand somewhere.
    pub(crate) dirs: Vec<NewDir>,
    /// Files whose content is right and whose metadata is not.
    pub(crate) touches: Vec<Touch>,
    /// Losers of conflicts that get another name.
    pub(crate) asides: Vec<Aside>,
    /// Files that a program merges.
    pub(crate) merges: Vec<Merge>,
}

/// A file or symbolic link that comes to stand somewhere.
pub(crate) struct Fill {
    pub(crate) path: RelPath,
    /// What the source has.
    pub(crate) facts: Box<Facts>,
    /// The file or symbolic link that it replaces in one step.
    pub(crate) replaced: Option<Box<Facts>>,
    /// Whether what is replaced is kept in the trash.
    pub(crate) trash: bool,
    pub(crate) reason: Reason,
    /// The length of the path of the nearest directory above it that the target has.
    pub(crate) home: usize,
    /// The source has it only after an action of this plan: nothing else on the target stands for it.
    pub(crate) is_made: bool,
}

/// Something that goes.
pub(crate) struct Removal {
    pub(crate) path: RelPath,
    pub(crate) facts: Box<Facts>,
    pub(crate) reason: Reason,
    /// Nothing stands there on the other side either, nor comes to.
    pub(crate) for_good: bool,
    /// Whether it is kept in the trash.
    pub(crate) trash: bool,
}

/// A directory that comes to stand somewhere.
pub(crate) struct NewDir {
    pub(crate) path: RelPath,
    pub(crate) reason: Reason,
    /// As that of a fill.
    pub(crate) home: usize,
    /// The other side lists it.
    pub(crate) is_listed: bool,
}

/// A file whose metadata changes.
pub(crate) struct Touch {
    pub(crate) path: RelPath,
    pub(crate) source: Box<Facts>,
    pub(crate) target: Box<Facts>,
    pub(crate) evidence: Evidence,
}

/// A file that makes room for the winner of a conflict.
pub(crate) struct Aside {
    pub(crate) path: RelPath,
    pub(crate) to: RelPath,
    pub(crate) facts: Box<Facts>,
}

/// A file that a program makes from those of both sides.
pub(crate) struct Merge {
    pub(crate) path: RelPath,
    pub(crate) local: Box<Facts>,
    pub(crate) remote: Box<Facts>,
}

/// A path at which both sides agree, and the base does not know; nothing stands there if neither has
/// facts.
pub(crate) struct Record {
    pub(crate) path: RelPath,
    /// What stands there on the local side, whatever the base learns.
    pub(crate) found: Expectation,
    pub(crate) local: Option<Box<Facts>>,
    pub(crate) remote: Option<Box<Facts>>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) reason: Reason,
}

impl Work {
    pub(crate) fn sort(&mut self) {
        self.fills.sort_by(|a, b| a.path.cmp(&b.path));
        self.removals.sort_by(|a, b| a.path.cmp(&b.path));
        self.dirs.sort_by(|a, b| a.path.cmp(&b.path));
    }

    pub(crate) fn is_empty(&self) -> bool {
        let Self { fills, removals, dirs, touches, asides, merges } = self;
        let files = fills.is_empty() && removals.is_empty() && dirs.is_empty();
        files && touches.is_empty() && asides.is_empty() && merges.is_empty()
    }

    /// The paths that hold something else afterwards, or nothing.
    pub(crate) fn going(&self) -> impl Iterator<Item = &RelPath> {
        let replaced = self.fills.iter().filter(|fill| fill.replaced.is_some()).map(|fill| &fill.path);
        let removed = self.removals.iter().map(|removal| &removal.path);
        let aside = self.asides.iter().map(|aside| &aside.path);
        let merged = self.merges.iter().map(|merge| &merge.path);
        removed.chain(replaced).chain(aside).chain(merged)
    }
}
