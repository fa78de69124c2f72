use syncplan_model::plan::{Conflict, Evidence, Reason};
use syncplan_model::{Facts, RelPath};

/// What has to happen on the target, before it is known where content comes from.
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
    /// What is left as it is, and why.
    pub(crate) conflicts: Vec<Conflict>,
}

/// A file or symbolic link that comes to stand somewhere.
pub(crate) struct Fill {
    pub(crate) path: RelPath,
    /// What the source has.
    pub(crate) facts: Box<Facts>,
    /// The file or symbolic link that it replaces in one step.
    pub(crate) replaced: Option<Box<Facts>>,
    pub(crate) reason: Reason,
    /// The length of the path of the nearest directory above it that the target has.
    pub(crate) home: usize,
}

/// Something that goes.
pub(crate) struct Removal {
    pub(crate) path: RelPath,
    pub(crate) facts: Box<Facts>,
    pub(crate) reason: Reason,
}

/// A directory that comes to stand somewhere.
pub(crate) struct NewDir {
    pub(crate) path: RelPath,
    pub(crate) reason: Reason,
    /// As that of a fill.
    pub(crate) home: usize,
}

/// A file whose metadata changes.
pub(crate) struct Touch {
    pub(crate) path: RelPath,
    pub(crate) source: Box<Facts>,
    pub(crate) target: Box<Facts>,
    pub(crate) evidence: Evidence,
}
