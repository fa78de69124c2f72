use rustc_hash::FxHashSet;
use syncplan_model::RelPath;
use syncplan_model::plan::Side;
use syncplan_model::snapshot::{Problem, ProblemKind};

use crate::input::TaskInput;
use crate::sides::Sides;

/// What scans reported as problems. Most of it also stands in the snapshots as opaque entries; this
/// is for what could not: a listing that broke off, a name that is none.
pub(crate) struct Blind<'a> {
    /// Nothing at or below these is known.
    names: FxHashSet<&'a [u8]>,
    /// Folders of each side that hold something of the kind.
    holders: Sides<FxHashSet<&'a [u8]>>,
    /// A whole side could not be read.
    pub(crate) everywhere: bool,
}

impl<'a> Blind<'a> {
    pub(crate) fn of(task: &TaskInput<'a>) -> Self {
        let problems =
            Sides { local: task.local.snapshot.problems(), remote: task.remote.snapshot.problems() };
        let unknown = |problem: &&Problem| problem.kind != ProblemKind::Name;
        let names: FxHashSet<_> = problems
            .local
            .iter()
            .chain(problems.remote)
            .filter(unknown)
            .map(|problem| problem.name.as_slice())
            .collect();
        let holders = Sides::new(|side| problems[side].iter().flat_map(|it| folders(&it.name)).collect());
        Self { everywhere: names.contains(b"".as_slice()), names, holders }
    }

    /// Whether the path is, or stands below, something that could not be read.
    pub(crate) fn covers(&self, path: &RelPath) -> bool {
        !self.names.is_empty()
            && (self.names.contains(path.as_bytes())
                || path.ancestors().any(|above| self.names.contains(above)))
    }

    /// Whether a side has such a thing below the path.
    pub(crate) fn is_below(&self, side: Side, path: &RelPath) -> bool {
        self.holders[side].contains(path.as_bytes())
    }
}

fn folders(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.iter().enumerate().filter(|&(_, &byte)| byte == b'/').map(|(slash, _)| &name[..slash])
}
