//! What differs between the sides: one walk over both, and memory only for what differs.

use syncplan_model::plan::Evidence;
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::ancestry::Ancestry;
use crate::blind::Blind;
use crate::equality::Verdict;
use crate::one_way::OneWay;
use crate::unsupported::Unsupported;
use crate::walk::walk;

/// A path at which the sides are not the same.
pub(crate) struct Difference {
    pub(crate) path: RelPath,
    pub(crate) source: Option<Box<Facts>>,
    pub(crate) target: Option<Box<Facts>>,
    /// Why the content is taken to be the same, if only metadata differs.
    pub(crate) same: Option<Evidence>,
    /// The length of the longest path above it at which the target has a directory; 0 is the root.
    pub(crate) home: usize,
    pub(crate) below: Below,
}

/// What stands below a difference.
#[derive(Default)]
pub(crate) struct Below {
    /// The source has something there: there is a directory, whether it is listed or not.
    pub(crate) source: bool,
    /// The source has something there that has to come over.
    pub(crate) wanted: bool,
    /// The target has something there.
    pub(crate) target: bool,
    /// The first thing on the target that may not be touched.
    pub(crate) hidden: Option<Hidden>,
}

/// Something on the target that may not be touched.
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
    /// The source has something there that the target cannot hold.
    Unsupported,
    /// It is syncplan's own.
    Reserved,
}

/// All that differs, in the order of paths.
pub(crate) struct Diff {
    pub(crate) differences: Vec<Difference>,
    pub(crate) unsupported: Unsupported,
}

/// Finds what differs between the sides.
pub(crate) fn diff(one_way: &OneWay<'_>) -> Diff {
    let mut differ = Differ {
        one_way: *one_way,
        blind: Blind::of(one_way),
        ancestry: Ancestry::default(),
        source_dirs: one_way.both_have(Capability::Directories),
        target_dirs: one_way.target_has(Capability::Directories),
        diff: Diff { differences: Vec::new(), unsupported: Unsupported::default() },
    };
    if !differ.blind.everywhere {
        walk(one_way.source.snapshot, one_way.target.snapshot, |path, source, target| {
            differ.visit(path, source, target);
        });
    }
    differ.diff
}

struct Differ<'a> {
    one_way: OneWay<'a>,
    blind: Blind<'a>,
    ancestry: Ancestry<Seen>,
    /// Whether directories of the source are compared.
    source_dirs: bool,
    target_dirs: bool,
    diff: Diff,
}

/// What is remembered of a path, for the sake of those below it.
#[derive(Clone, Copy, Default)]
struct Seen {
    source: Option<EntryKind>,
    target: Option<EntryKind>,
    veil: Option<Veil>,
    difference: Option<u32>,
}

impl Differ<'_> {
    fn visit(&mut self, path: &RelPath, source: Option<&Facts>, target: Option<&Facts>) {
        self.ancestry.enter(path.as_bytes());
        let veil = self.ancestry.above().find_map(|(_, seen)| seen.veil);
        if let Some(veil) = veil {
            return self.leave_alone(path, source, target, veil);
        }
        let opaque = source.and_then(Veil::of).or_else(|| target.and_then(Veil::of));
        if let Some(veil) = opaque {
            return self.draw(path, source, target, veil);
        }
        let mut seen = Seen { source: kind(source), target: kind(target), ..Seen::default() };
        let source = source.filter(|facts| self.source_dirs || facts.kind != EntryKind::Dir);
        let target = target.filter(|facts| self.compares_target(source, facts));
        match self.same(source, target) {
            Some(_) if !self.has_new_metadata(source, target) => {
                self.mark(|below| (below.source, below.target) = (true, true));
            }
            same => {
                if let Some(veil) = self.veil_of_difference(path, source) {
                    return self.draw(path, source, target, veil);
                }
                seen.difference = self.add(path, source, target, same);
            }
        }
        self.ancestry.push(seen);
    }

    /// Directories that only the target keeps count where a file is to take their place.
    fn compares_target(&self, source: Option<&Facts>, target: &Facts) -> bool {
        target.kind != EntryKind::Dir || self.source_dirs || source.is_some() || self.is_in_replaced()
    }

    fn is_in_replaced(&self) -> bool {
        let replaced = |seen: &Seen| seen.target == Some(EntryKind::Dir) && is_leaf(seen.source);
        self.ancestry.above().any(|(_, seen)| replaced(seen))
    }

    fn same(&self, source: Option<&Facts>, target: Option<&Facts>) -> Option<Evidence> {
        match self.one_way.compare(source?, target?) {
            Verdict::Same(evidence) => Some(evidence),
            Verdict::Different => None,
        }
    }

    fn has_new_metadata(&self, source: Option<&Facts>, target: Option<&Facts>) -> bool {
        source.zip(target).is_some_and(|(source, target)| self.one_way.metadata_differs(source, target))
    }

    /// Why a difference is none that may be acted on.
    fn veil_of_difference(&mut self, path: &RelPath, source: Option<&Facts>) -> Option<Veil> {
        if self.blind.covers(path) {
            return Some(Veil::Unreadable);
        }
        if path.is_reserved() {
            return Some(Veil::Reserved);
        }
        let below_file = || self.target_dirs && self.ancestry.above().any(|(_, seen)| is_leaf(seen.source));
        let why = source.and_then(|facts| {
            self.one_way.unsupported(path, facts).or_else(|| below_file().then_some("it stands below a file"))
        });
        self.diff.unsupported.note(path, why?);
        Some(Veil::Unsupported)
    }

    /// From here on downwards nothing is touched.
    fn draw(&mut self, path: &RelPath, source: Option<&Facts>, target: Option<&Facts>, veil: Veil) {
        self.leave_alone(path, source, target, veil);
        self.ancestry.push(Seen { veil: Some(veil), ..Seen::default() });
    }

    fn leave_alone(&mut self, path: &RelPath, source: Option<&Facts>, target: Option<&Facts>, veil: Veil) {
        if source.is_some() {
            self.mark(|below| below.source = true);
        }
        if target.is_some() {
            self.mark(|below| {
                below.target = true;
                // A name says more than that there is something.
                if below.hidden.as_ref().is_none_or(|hidden| hidden.path.is_none()) {
                    below.hidden = Some(Hidden { path: Some(path.clone()), veil });
                }
            });
        }
    }

    /// Tells the differences above the current path what is below them.
    fn mark(&mut self, note: impl Fn(&mut Below)) {
        for difference in self.ancestry.above().filter_map(|(_, seen)| seen.difference) {
            note(&mut self.diff.differences[difference as usize].below);
        }
    }

    fn add(
        &mut self,
        path: &RelPath,
        source: Option<&Facts>,
        target: Option<&Facts>,
        same: Option<Evidence>,
    ) -> Option<u32> {
        if source.is_none() && target.is_none() {
            return None;
        }
        self.mark(|below| {
            below.source |= source.is_some();
            below.wanted |= source.is_some();
            below.target |= target.is_some();
        });
        let home = self.ancestry.above().find(|(_, seen)| seen.target == Some(EntryKind::Dir));
        let hidden = self.blind.is_below(path).then_some(Hidden { path: None, veil: Veil::Unreadable });
        self.diff.differences.push(Difference {
            path: path.clone(),
            source: source.map(|facts| Box::new(facts.clone())),
            target: target.map(|facts| Box::new(facts.clone())),
            same,
            home: home.map_or(0, |(len, _)| len),
            below: Below { hidden, ..Below::default() },
        });
        u32::try_from(self.diff.differences.len() - 1).ok()
    }
}

impl Veil {
    fn of(facts: &Facts) -> Option<Self> {
        match facts.kind {
            EntryKind::Ignored => Some(Self::Ignored),
            EntryKind::Unreadable => Some(Self::Unreadable),
            EntryKind::Special => Some(Self::Special),
            EntryKind::File | EntryKind::Dir | EntryKind::Symlink => None,
        }
    }
}

fn kind(facts: Option<&Facts>) -> Option<EntryKind> {
    facts.map(|facts| facts.kind)
}

fn is_leaf(kind: Option<EntryKind>) -> bool {
    matches!(kind, Some(EntryKind::File | EntryKind::Symlink))
}
