//! Conflict policies.

use std::cmp::Ordering;
use std::sync::Arc;

use syncplan_model::plan::Side;
use syncplan_model::spec::{ConflictPolicy, DeletePolicy, Direction};
use syncplan_model::{Digest, EntryKind, Mtime};
use syncplan_testkit::simulator::Thing;

use super::{At, Kept, Oracle, Three};
use crate::shape::Shape;

/// Who wins, and whether the other is kept beside it.
enum Verdict {
    Held,
    Wins(Side),
    Beside(Side),
}

impl Oracle<'_> {
    /// Both sides may be changed.
    pub(super) fn decide(
        &mut self,
        path: &[u8],
        at: At<'_>,
        ours: &Shape,
        theirs: &Shape,
    ) -> (Three, Option<Kept>) {
        let of = |side| if side == Side::Local { (at.local, theirs) } else { (at.remote, ours) };
        match self.verdict(ours, theirs) {
            Verdict::Held => (self.hold(path, at), None),
            Verdict::Wins(side) => (Three::agreed(of(side).0), None),
            Verdict::Beside(side) => {
                let (taken, loser) = of(side);
                (Three::agreed(taken), kept(path, side.other(), loser, None))
            }
        }
    }

    /// The source is never changed: where the target wins, nothing is done, and where both are kept,
    /// the target's gets the other name.
    pub(super) fn decide_one_way(
        &mut self,
        path: &[u8],
        at: At<'_>,
        source: &Shape,
        target: &Shape,
    ) -> (Three, Option<Kept>) {
        let (from, to) = match self.rules.direction {
            Direction::Push => (Side::Local, Side::Remote),
            Direction::Fetch => (Side::Remote, Side::Local),
        };
        let (ours, theirs) = if from == Side::Local { (source, target) } else { (target, source) };
        let taken = Some(source.clone());
        match self.verdict(ours, theirs) {
            Verdict::Held => (self.hold(path, at), None),
            Verdict::Wins(side) if side == from => (self.three(at, taken.clone(), taken), None),
            Verdict::Wins(_) => (at.stays(), None),
            // A copy that stays on the target alone would be extra there: the source wins at once.
            Verdict::Beside(_) if self.rules.delete == DeletePolicy::Extra => {
                (self.three(at, taken.clone(), taken), None)
            }
            // A directory gets no other name.
            Verdict::Beside(_) if target.folder().is_some() => (self.hold(path, at), None),
            Verdict::Beside(_) => (self.three(at, taken.clone(), taken), kept(path, to, target, Some(to))),
        }
    }

    fn verdict(&self, ours: &Shape, theirs: &Shape) -> Verdict {
        let both = || Verdict::Beside(winner(rank(ours).cmp(&rank(theirs))));
        let files = match (ours, theirs) {
            (Shape::Leaf(ours), Shape::Leaf(theirs)) => Some((&ours.facts, &theirs.facts))
                .filter(|(a, b)| a.kind == EntryKind::File && b.kind == a.kind),
            _ => None,
        };
        let by = |order: Option<Ordering>| match order {
            Some(order) if order.is_ne() => Verdict::Wins(winner(order)),
            _ => both(),
        };
        match &self.rules.conflict {
            ConflictPolicy::Hold | ConflictPolicy::Merge(_) => Verdict::Held,
            ConflictPolicy::Local => Verdict::Wins(Side::Local),
            ConflictPolicy::Remote => Verdict::Wins(Side::Remote),
            ConflictPolicy::KeepBoth => both(),
            ConflictPolicy::Newer => by(files.map(|(ours, theirs)| ours.mtime.cmp(&theirs.mtime))),
            ConflictPolicy::Larger => by(files.map(|(ours, theirs)| ours.size.cmp(&theirs.size))),
        }
    }
}

/// What is above wins: directories, then what is newer, then what its content decides.
fn rank(shape: &Shape) -> (bool, Option<Mtime>, Option<Digest>) {
    match shape {
        Shape::Dir(_) => (true, None, None),
        Shape::Leaf(leaf) => (false, leaf.facts.mtime, digest(leaf)),
    }
}

fn digest(leaf: &Thing) -> Option<Digest> {
    leaf.facts.target.as_ref().map(|target| Digest::of(target.as_bytes())).or(leaf.facts.digest)
}

fn winner(order: Ordering) -> Side {
    if order.is_lt() { Side::Remote } else { Side::Local }
}

fn kept(path: &[u8], side: Side, loser: &Shape, only: Option<Side>) -> Option<Kept> {
    match loser {
        Shape::Leaf(leaf) => Some(Kept { name: conflict_name(path, side, leaf), shape: loser.clone(), only }),
        Shape::Dir(_) => None,
    }
}

/// `NAME.conflict-<side>-<date>-<digest8>.EXT`.
fn conflict_name(path: &[u8], side: Side, loser: &Thing) -> Arc<[u8]> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0).unwrap_or(name.len());
    let date = loser.facts.mtime.map(|mtime| format!("-{:08}", date(mtime))).unwrap_or_default();
    let digest = digest(loser).map(|digest| digest.to_string()[3..11].to_owned()).unwrap_or_default();
    let middle = format!(".conflict-{side}{date}-{digest}");
    [&name[..dot], middle.as_bytes(), &name[dot..]].concat().into()
}

/// The day in UTC as a number YYYYMMDD, by counting.
fn date(mtime: Mtime) -> i64 {
    let mut days = mtime.seconds.div_euclid(86_400);
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    year * 10_000 + month * 100 + days + 1
}
