//! Conflict policies.

use std::cmp::Ordering;
use std::sync::Arc;

use syncplan_model::plan::Side;
use syncplan_model::spec::{ConflictPolicy, Direction};
use syncplan_model::{EntryKind, Mtime};
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
    pub(super) fn decide(
        &mut self,
        path: &[u8],
        at: At<'_>,
        ours: &Arc<Thing>,
        theirs: &Arc<Thing>,
    ) -> (Three, Option<Kept>) {
        let of = |side| if side == Side::Local { at.local } else { at.remote };
        match self.verdict(ours, theirs) {
            Verdict::Held => (self.hold(path, at), None),
            Verdict::Wins(side) => {
                self.decided += 1;
                (Three::agreed(of(side)), None)
            }
            Verdict::Beside(side) => {
                self.decided += 1;
                let loser = if side == Side::Local { theirs } else { ours };
                let kept = Kept {
                    name: conflict_name(path, side.other(), loser),
                    shape: Shape::Leaf(loser.clone()),
                    only: None,
                };
                (Three::agreed(of(side)), Some(kept))
            }
        }
    }

    /// The source is never changed: where the target wins, nothing is done.
    pub(super) fn decide_one_way(
        &mut self,
        path: &[u8],
        at: At<'_>,
        source: &Arc<Thing>,
        target: &Arc<Thing>,
    ) -> (Three, Option<Kept>) {
        let (from, to) = match self.rules.direction {
            Direction::Push => (Side::Local, Side::Remote),
            Direction::Fetch => (Side::Remote, Side::Local),
        };
        let (ours, theirs) = if from == Side::Local { (source, target) } else { (target, source) };
        let taken = Some(Shape::Leaf(source.clone()));
        match self.verdict(ours, theirs) {
            Verdict::Held => (self.hold(path, at), None),
            Verdict::Wins(side) => {
                self.decided += 1;
                let three = if side == from { self.three(at, taken.clone(), taken) } else { at.stays() };
                (three, None)
            }
            Verdict::Beside(_) => {
                self.decided += 1;
                let kept = Kept {
                    name: conflict_name(path, to, target),
                    shape: Shape::Leaf(target.clone()),
                    only: Some(to),
                };
                (self.three(at, taken.clone(), taken), Some(kept))
            }
        }
    }

    fn verdict(&self, ours: &Thing, theirs: &Thing) -> Verdict {
        let newer = ours.facts.mtime.cmp(&theirs.facts.mtime);
        let larger = ours.facts.size.cmp(&theirs.facts.size);
        let both =
            || Verdict::Beside(winner(newer.then_with(|| ours.facts.digest.cmp(&theirs.facts.digest))));
        let or_both = |order: Ordering| if order.is_eq() { both() } else { Verdict::Wins(winner(order)) };
        let files = [ours, theirs].iter().all(|thing| thing.facts.kind == EntryKind::File);
        match &self.rules.conflict {
            ConflictPolicy::Hold => Verdict::Held,
            ConflictPolicy::Local => Verdict::Wins(Side::Local),
            ConflictPolicy::Remote => Verdict::Wins(Side::Remote),
            _ if !files => Verdict::Held,
            ConflictPolicy::KeepBoth => both(),
            ConflictPolicy::Newer => or_both(newer),
            ConflictPolicy::Larger => or_both(larger),
            ConflictPolicy::Merge(_) => Verdict::Held,
        }
    }
}

fn winner(order: Ordering) -> Side {
    if order.is_lt() { Side::Remote } else { Side::Local }
}

/// `NAME.conflict-<side>-<date>-<digest8>.EXT`.
fn conflict_name(path: &[u8], side: Side, loser: &Thing) -> Vec<u8> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0).unwrap_or(name.len());
    let date = loser.facts.mtime.map_or(0, date);
    let digest = loser.facts.digest.map(|digest| digest.to_string()[3..11].to_owned()).unwrap_or_default();
    let middle = format!(".conflict-{side}-{date:08}-{digest}");
    [&name[..dot], middle.as_bytes(), &name[dot..]].concat()
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
