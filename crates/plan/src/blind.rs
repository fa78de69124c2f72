use rustc_hash::FxHashSet;
use syncplan_model::RelPath;
use syncplan_model::plan::Side;
use syncplan_model::snapshot::{Gap, Problem, ProblemKind};

use crate::input::TaskInput;
use crate::sides::Sides;

/// What scans reported as problems. Most of it also stands in the snapshots as opaque entries; this
/// is for what could not: a listing that broke off, a name that is none.
pub(crate) struct Blind<'a> {
    /// Nothing at or below these is known.
    names: FxHashSet<&'a [u8]>,
    /// Folders of each side that hold something of the kind.
    holders: Sides<FxHashSet<&'a [u8]>>,
    /// Runs of names that one side or the other may have.
    gaps: Sides<Vec<Gap<'a>>>,
    /// A whole side could not be read.
    pub(crate) everywhere: bool,
}

impl<'a> Blind<'a> {
    pub(crate) fn of(task: &TaskInput<'a>) -> Self {
        let problems =
            Sides { local: task.local.snapshot.problems(), remote: task.remote.snapshot.problems() };
        let unknown = |problem: &&Problem| !matches!(problem.kind, ProblemKind::Name | ProblemKind::Gap);
        let names: FxHashSet<_> = problems
            .local
            .iter()
            .chain(problems.remote)
            .filter(unknown)
            .map(|problem| problem.name.as_slice())
            .collect();
        let named = |side: Side| problems[side].iter().filter(|it| it.kind != ProblemKind::Gap);
        let holders = Sides::new(|side| named(side).flat_map(|it| folders(&it.name)).collect());
        let gaps = Sides::new(|side| problems[side].iter().filter_map(Problem::gap).collect());
        let everywhere = names.contains(b"".as_slice()) || either(&gaps).any(Gap::is_everything);
        Self { everywhere, names, holders, gaps }
    }

    /// Whether the path is, or stands below, something that could not be read.
    pub(crate) fn covers(&self, path: &RelPath) -> bool {
        let named = !self.names.is_empty()
            && (self.names.contains(path.as_bytes())
                || path.ancestors().any(|above| self.names.contains(above)));
        named || self.in_gap(path)
    }

    /// Whether one side or the other may have the path in a part of its listing that is missing.
    pub(crate) fn in_gap(&self, path: &RelPath) -> bool {
        either(&self.gaps).any(|gap| gap.covers(path.as_bytes()))
    }

    /// Whether a side has such a thing below the path.
    pub(crate) fn is_below(&self, side: Side, path: &RelPath) -> bool {
        self.holders[side].contains(path.as_bytes()) || self.has_gap_below(side, path)
    }

    /// Whether a part of a side's listing that is missing may have something below the path.
    pub(crate) fn has_gap_below(&self, side: Side, path: &RelPath) -> bool {
        self.gaps[side].iter().any(|gap| gap.reaches_below(path.as_bytes()))
    }
}

fn either<'g, 'a>(gaps: &'g Sides<Vec<Gap<'a>>>) -> impl Iterator<Item = &'g Gap<'a>> {
    gaps.local.iter().chain(&gaps.remote)
}

fn folders(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.iter().enumerate().filter(|&(_, &byte)| byte == b'/').map(|(slash, _)| &name[..slash])
}
