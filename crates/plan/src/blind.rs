use rustc_hash::FxHashSet;
use syncplan_model::RelPath;
use syncplan_model::snapshot::{Problem, ProblemKind};

use crate::one_way::OneWay;

/// What scans reported as problems. Most of it also stands in the snapshots as opaque entries; this
/// is for what could not: a listing that broke off, a name that is none.
pub(crate) struct Blind<'a> {
    /// Nothing at or below these is known.
    names: FxHashSet<&'a [u8]>,
    /// Folders of the target that hold something of the kind.
    holders: FxHashSet<&'a [u8]>,
    /// A whole side could not be read.
    pub(crate) everywhere: bool,
}

impl<'a> Blind<'a> {
    pub(crate) fn of(one_way: &OneWay<'a>) -> Self {
        let (source, target) = (one_way.source.snapshot.problems(), one_way.target.snapshot.problems());
        let unknown = |problem: &&Problem| problem.kind != ProblemKind::Name;
        let names: FxHashSet<_> =
            source.iter().chain(target).filter(unknown).map(|it| it.name.as_slice()).collect();
        let holders = target.iter().flat_map(|problem| folders(&problem.name)).collect();
        Self { everywhere: names.contains(b"".as_slice()), names, holders }
    }

    /// Whether the path is, or stands below, something that could not be read.
    pub(crate) fn covers(&self, path: &RelPath) -> bool {
        !self.names.is_empty()
            && (self.names.contains(path.as_bytes())
                || path.ancestors().any(|above| self.names.contains(above)))
    }

    /// Whether the target has such a thing below the path.
    pub(crate) fn is_below(&self, path: &RelPath) -> bool {
        self.holders.contains(path.as_bytes())
    }
}

fn folders(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.iter().enumerate().filter(|&(_, &byte)| byte == b'/').map(|(slash, _)| &name[..slash])
}
