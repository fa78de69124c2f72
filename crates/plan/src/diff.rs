//! What differs between the sides, and from the base: one walk over all of them, and memory only for
//! what differs.

use syncplan_model::plan::{Evidence, Left, Side};
use syncplan_model::spec::Mode;
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::ancestry::Ancestry;
use crate::base::Based;
use crate::blind::Blind;
use crate::change::Change;
use crate::difference::{Below, Difference, Half, Hidden, Veil};
use crate::equality::Verdict;
use crate::input::TaskInput;
use crate::sides::Sides;
use crate::unsupported::Unsupported;
use crate::walk::walk;
use crate::way::Way;

/// All that differs, in the order of paths.
pub(crate) struct Diff {
    pub(crate) differences: Vec<Difference>,
    pub(crate) unsupported: Unsupported,
    /// How much of the base still stands on each side.
    pub(crate) left: Left,
}

/// Finds what differs between the sides, and what the base does not know of what is the same.
pub(crate) fn diff(task: &TaskInput<'_>) -> Diff {
    let mut differ = Differ::of(task);
    if !differ.blind.everywhere {
        let base = task.usable_base();
        walk(task.local.snapshot, task.remote.snapshot, base, |path, local, remote, base| {
            differ.visit(path, Sides { local, remote }, base);
        });
    }
    differ.diff
}

struct Differ<'a> {
    /// The way of a one-way task, else either.
    way: Way<'a>,
    /// The ways in which something may be brought.
    ways: Vec<Way<'a>>,
    blind: Blind<'a>,
    ancestry: Ancestry<Seen>,
    /// Both stores have directories of their own.
    both_have_dirs: bool,
    has_base: bool,
    diff: Diff,
}

/// What is remembered of a path, for the sake of those below it.
#[derive(Clone, Copy, Default)]
struct Seen {
    kinds: Sides<Option<EntryKind>>,
    veil: Option<Veil>,
    difference: Option<u32>,
}

type Found<'f> = Sides<Option<&'f Facts>>;

impl<'a> Differ<'a> {
    fn of(task: &'a TaskInput<'a>) -> Self {
        let way = Way::of(task);
        let ways = match task.spec.mode {
            Mode::TwoWay => vec![Way::towards(task, Side::Local), Way::towards(task, Side::Remote)],
            Mode::Update | Mode::Mirror => vec![way],
        };
        Self {
            way,
            ways,
            blind: Blind::of(task),
            ancestry: Ancestry::default(),
            both_have_dirs: way.both_have(Capability::Directories),
            has_base: task.usable_base().is_some(),
            diff: Diff {
                differences: Vec::new(),
                unsupported: Unsupported::default(),
                left: Left::default(),
            },
        }
    }

    fn visit(&mut self, path: &RelPath, found: Found<'_>, base: Option<Based<'_>>) {
        self.ancestry.enter(path.as_bytes());
        let veil = self.ancestry.above().find_map(|(_, seen)| seen.veil);
        self.count_left(found, base, veil.is_some() || self.blind.in_gap(path));
        if let Some(veil) = veil {
            return self.leave_alone(path, found, veil);
        }
        let opaque = found.local.and_then(Veil::of).or_else(|| found.remote.and_then(Veil::of));
        if let Some(veil) = opaque {
            return self.draw(path, found, veil);
        }
        let mut seen = Seen { kinds: Sides::new(|side| kind(found[side])), ..Seen::default() };
        let found = Sides::new(|side| found[side].filter(|facts| self.counts(side, facts, found)));
        let same = self.same(found, base);
        let changes = self.changes(found, base);
        let touched = self.touched(found, base);
        let metadata = same.is_some() && self.has_new_metadata(found, touched);
        if self.is_settled(found, same, metadata, changes) {
            if same.is_some() {
                self.mark(Side::Local, |below| below.present = true);
                self.mark(Side::Remote, |below| below.present = true);
            }
        } else if let Some(veil) = self.veil_of_difference(path, found) {
            return self.draw(path, found, veil);
        } else {
            let halves = Sides::new(|side| Half {
                has_dir: seen.kinds[side] == Some(EntryKind::Dir),
                is_proven: base.is_none_or(|base| is_proven(base.on(side))),
                ..self.half(side, path, found[side], changes[side], touched[side])
            });
            seen.difference = self.add(Difference { path: path.clone(), sides: halves, same, metadata });
        }
        self.ancestry.push(seen);
    }

    /// What is covered is not known to be gone.
    fn count_left(&mut self, found: Found<'_>, base: Option<Based<'_>>, is_covered: bool) {
        if base.is_some_and(|base| base.local.kind != EntryKind::Dir) {
            let is_left = |side: Side| u64::from(is_covered || found[side].is_some());
            self.diff.left.of += 1;
            self.diff.left.local += is_left(Side::Local);
            self.diff.left.remote += is_left(Side::Remote);
        }
    }

    /// Nothing has to be done, and the base has nothing to learn.
    fn is_settled(
        &self,
        found: Found<'_>,
        same: Option<Evidence>,
        metadata: bool,
        changes: Sides<Change>,
    ) -> bool {
        let is_known = |side: Side| matches!(changes[side], Change::Unchanged | Change::Absent);
        let known = !self.has_base || (is_known(Side::Local) && is_known(Side::Remote));
        let both_absent = found.local.is_none() && found.remote.is_none();
        known && !metadata && (same.is_some() || both_absent)
    }

    /// Whether an entry is compared at all: a directory is, if both stores have them, and where a file
    /// is to take its place.
    fn counts(&self, side: Side, facts: &Facts, found: Found<'_>) -> bool {
        if facts.kind != EntryKind::Dir || self.both_have_dirs {
            return true;
        }
        let is_target = self.ways.iter().any(|way| way.side == side);
        is_target && (kind(found[side.other()]).is_some_and(is_leaf) || self.is_in_replaced(side))
    }

    fn is_in_replaced(&self, side: Side) -> bool {
        let replaced = |seen: &Seen| {
            seen.kinds[side] == Some(EntryKind::Dir) && seen.kinds[side.other()].is_some_and(is_leaf)
        };
        self.ancestry.above().any(|(_, seen)| replaced(seen))
    }

    fn same(&self, found: Found<'_>, base: Option<Based<'_>>) -> Option<Evidence> {
        let (local, remote) = (found.local?, found.remote?);
        match self.way.compare(local, remote) {
            Verdict::Same(evidence) => Some(evidence),
            Verdict::Different => self.way.trusts(base, local, remote).then_some(Evidence::SizeMtime),
        }
    }

    /// In both directions only what somebody touched is set: where neither side did since the base, one
    /// of them cannot keep what the other has.
    fn has_new_metadata(&self, found: Found<'_>, touched: Sides<Option<bool>>) -> bool {
        let (Some(local), Some(remote)) = (found.local, found.remote) else { return false };
        let untouched = touched == Sides { local: Some(false), remote: Some(false) };
        if self.ways.len() > 1 && untouched {
            return false;
        }
        self.ways.iter().any(|way| match way.side {
            Side::Remote => way.metadata_differs(local, remote),
            Side::Local => way.metadata_differs(remote, local),
        })
    }

    fn changes(&self, found: Found<'_>, base: Option<Based<'_>>) -> Sides<Change> {
        Sides::new(|side| match (found[side], base) {
            // Folders that only one store has are not in the base, and nothing by themselves.
            (Some(facts), None) if facts.kind == EntryKind::Dir && !self.both_have_dirs => Change::Unchanged,
            (now, base) => {
                let base = base.as_ref().map(|base| base.on(side));
                Change::of(now, base, self.precision(side), self.way.task.spec.confirm)
            }
        })
    }

    /// Whether times or permission bits are others than the base knows, if it knows any.
    fn touched(&self, found: Found<'_>, base: Option<Based<'_>>) -> Sides<Option<bool>> {
        Sides::new(|side| {
            let (now, base) = (found[side]?, base.as_ref()?.on(side));
            let times = now.mtime.zip(base.mtime);
            let modes = now.mode.zip(base.mode);
            let later = times.is_some_and(|(now, base)| !now.agrees_with(base, self.precision(side)));
            Some(later || modes.is_some_and(|(now, base)| now != base))
        })
    }

    fn precision(&self, side: Side) -> u64 {
        self.way.store(side).capabilities.mtime_precision
    }

    /// Why a difference is none that may be acted on.
    fn veil_of_difference(&mut self, path: &RelPath, found: Found<'_>) -> Option<Veil> {
        if self.blind.covers(path) {
            return Some(Veil::Unreadable);
        }
        if path.is_reserved() {
            return Some(Veil::Reserved);
        }
        let why = self.ways.iter().find_map(|way| {
            let facts = found[way.side.other()]?;
            way.unsupported(path, facts)
                .or_else(|| self.is_below_file(way).then_some("it stands below a file"))
        });
        self.diff.unsupported.note(path, why?);
        Some(Veil::Unsupported)
    }

    /// A bucket may have `a` and `a/b`, a folder may not.
    fn is_below_file(&self, way: &Way<'_>) -> bool {
        let source = way.side.other();
        way.target_has(Capability::Directories)
            && self.ancestry.above().any(|(_, seen)| seen.kinds[source].is_some_and(is_leaf))
    }

    /// From here on downwards nothing is touched.
    fn draw(&mut self, path: &RelPath, found: Found<'_>, veil: Veil) {
        self.leave_alone(path, found, veil);
        self.ancestry.push(Seen { veil: Some(veil), ..Seen::default() });
    }

    fn leave_alone(&mut self, path: &RelPath, found: Found<'_>, veil: Veil) {
        for side in [Side::Local, Side::Remote] {
            if found[side].is_some() {
                self.mark(side, |below| {
                    below.present = true;
                    // A name says more than that there is something.
                    if below.hidden.as_ref().is_none_or(|hidden| hidden.path.is_none()) {
                        below.hidden = Some(Box::new(Hidden { path: Some(path.clone()), veil }));
                    }
                });
            }
        }
    }

    /// Tells the differences above the current path what a side has below them.
    fn mark(&mut self, side: Side, note: impl Fn(&mut Below)) {
        for difference in self.ancestry.above().filter_map(|(_, seen)| seen.difference) {
            note(&mut self.diff.differences[difference as usize].sides[side].below);
        }
    }

    fn add(&mut self, difference: Difference) -> Option<u32> {
        for side in [Side::Local, Side::Remote] {
            let half = difference.on(side);
            let (present, change) = (half.facts.is_some(), half.change);
            let differs = present && difference.same.is_none();
            self.mark(side, |below| {
                below.present |= present;
                below.differs |= differs;
                below.is_new |= differs && change.is_new();
            });
        }
        self.diff.differences.push(difference);
        u32::try_from(self.diff.differences.len() - 1).ok()
    }

    fn half(
        &self,
        side: Side,
        path: &RelPath,
        facts: Option<&Facts>,
        change: Change,
        touched: Option<bool>,
    ) -> Half {
        let home = self.ancestry.above().find(|(_, seen)| seen.kinds[side] == Some(EntryKind::Dir));
        let unnamed = || Box::new(Hidden { path: None, veil: Veil::Unreadable });
        // A folder whose mark a listing may have missed is not known to be gone.
        let is_dir = facts.is_some_and(|facts| facts.kind == EntryKind::Dir);
        let may_stand = is_dir && self.blind.has_gap_below(side.other(), path);
        let hidden = (may_stand || self.blind.is_below(side, path)).then(unnamed);
        Half {
            facts: facts.map(|facts| Box::new(facts.clone())),
            change,
            touched: touched == Some(true),
            home: home.map_or(0, |(len, _)| len),
            below: Below { hidden, ..Below::default() },
            ..Half::default()
        }
    }
}

/// Whether the base knows what was in a file, not only how long it was and when it was written.
fn is_proven(base: &Facts) -> bool {
    base.kind != EntryKind::File || base.digest.is_some()
}

fn kind(facts: Option<&Facts>) -> Option<EntryKind> {
    facts.map(|facts| facts.kind)
}

fn is_leaf(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::File | EntryKind::Symlink)
}
