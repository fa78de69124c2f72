//! What each difference brings about: decisions become work, where nothing stands in the way.
//!
//! Nothing here knows of moves: a renamed file is one that goes and one that comes; see
//! [`identity`](crate::identity).

use syncplan_model::plan::{Conflict, Reason, Side};
use syncplan_model::spec::{DeletePolicy, Mode};
use syncplan_model::{Capability, EntryKind, Facts, RelPath, is_below};

use crate::change::Change;
use crate::decision::Decision;
use crate::difference::Difference;
use crate::input::TaskInput;
use crate::parents::add_missing;
use crate::settlement::take;
use crate::sides::Sides;
use crate::way::Way;
use crate::work::{Fill, NewDir, Record, Removal, Resolved, Touch};
use crate::{one_way, two_way};

/// Decides what happens at each difference.
pub(crate) fn reconcile(task: &TaskInput<'_>, mut differences: Vec<Difference>) -> Resolved {
    // A folder's content comes behind it, but not right behind it: `a`, `a.x`, `a/b`. Sorting by
    // components puts it there, so that one held folder at a time is enough to remember.
    differences.sort_by(|a, b| a.path.components().cmp(b.path.components()));
    let mut reconciler = Reconciler::of(task);
    differences.iter().for_each(|difference| reconciler.resolve(difference));
    let mut resolved = reconciler.resolved;
    for way in [&reconciler.ways.local, &reconciler.ways.remote] {
        let work = &mut resolved.work[way.side];
        work.sort();
        if way.target_has(Capability::Directories) {
            add_missing(work);
        }
    }
    resolved
}

pub(crate) struct Reconciler<'a> {
    pub(crate) task: &'a TaskInput<'a>,
    pub(crate) ways: Sides<Way<'a>>,
    /// Which sides may be changed.
    pub(crate) writable: Sides<bool>,
    /// At and below it nothing changes on either side.
    pub(crate) held: Option<RelPath>,
    /// It stays, and so do the folders below it that lead to why.
    withheld: Sides<Option<RelPath>>,
    /// At and below it one side is taken as it is: it won a conflict.
    pub(crate) taken: Option<(RelPath, Side)>,
    pub(crate) resolved: Resolved,
}

impl<'a> Reconciler<'a> {
    fn of(task: &'a TaskInput<'a>) -> Self {
        let target = Way::of(task).side;
        let writable = Sides::new(|side| match task.spec.mode {
            _ if task.resolution.is_some() => true,
            Mode::TwoWay => task.only_side.is_none_or(|only| only == side),
            Mode::Update | Mode::Mirror => side == target,
        });
        Self {
            task,
            ways: Way::both(task),
            writable,
            held: None,
            withheld: Sides::default(),
            taken: None,
            resolved: Resolved::default(),
        }
    }

    fn resolve(&mut self, difference: &Difference) {
        let path = &difference.path;
        if is_at_or_below(path, self.held.as_ref()) {
            return;
        }
        if let Some((_, side)) = self.taken.as_ref().filter(|(taken, _)| is_at_or_below(path, Some(taken))) {
            return self.carry_out(take(*side, difference), difference);
        }
        self.taken = None;
        let decision = match self.task.spec.mode {
            Mode::TwoWay => two_way::decide(&self.ways, difference),
            Mode::Update | Mode::Mirror => one_way::decide(&Way::of(self.task), difference),
        };
        // Who decides about one conflict asks for nothing else.
        let is_asked_for = match self.task.resolution {
            Some(resolution) => {
                matches!(decision, Decision::Conflict(_)) && is_at_or_below(path, Some(&resolution.path))
            }
            None => true,
        };
        if is_asked_for {
            self.carry_out(decision, difference);
        }
    }

    pub(crate) fn carry_out(&mut self, decision: Decision, difference: &Difference) {
        match decision {
            Decision::Leave => {}
            Decision::Record => self.record(difference),
            Decision::Drop => self.let_go(difference, Reason::DROPPED),
            Decision::Touch(side) if self.writable[side] => self.touch(side, difference),
            Decision::Bring(side, reason) if self.writable[side] => {
                self.replace_leaf(side, difference, reason)
            }
            Decision::Remove(side, reason) if self.writable[side] => self.remove(side, difference, reason),
            Decision::Replace(side, reason) if self.writable[side] => self.replace(side, difference, reason),
            Decision::Touch(_) | Decision::Bring(..) | Decision::Remove(..) | Decision::Replace(..) => {}
            Decision::Conflict(reason) => self.conflict(difference, reason),
            Decision::Hold(reason) => self.hold(difference, reason),
        }
    }

    fn record(&mut self, difference: &Difference) {
        if self.task.usable_base().is_none() {
            return;
        }
        let Sides { local, remote } = &difference.sides;
        self.resolved.records.push(Record {
            path: difference.path.clone(),
            found: local.expectation(),
            local: local.facts.clone(),
            remote: remote.facts.clone(),
            evidence: difference.same,
            reason: Reason::AGREED,
        });
    }

    /// The base lets go of a path at which the sides do not agree on anything.
    fn let_go(&mut self, difference: &Difference, reason: Reason) {
        let (path, found) = (difference.path.clone(), difference.on(Side::Local).expectation());
        let record = Record { path, found, local: None, remote: None, evidence: None, reason };
        self.resolved.records.push(record);
    }

    fn touch(&mut self, side: Side, difference: &Difference) {
        let (source, target) = (&difference.on(side.other()).facts, &difference.on(side).facts);
        if let (Some(source), Some(target), Some(evidence)) = (source, target, difference.same) {
            let (path, source, target) = (difference.path.clone(), source.clone(), target.clone());
            self.resolved.work[side].touches.push(Touch { path, source, target, evidence });
        }
    }

    /// What the other side has comes to where nothing stands, or a file or link.
    fn replace_leaf(&mut self, side: Side, difference: &Difference, reason: Reason) {
        let replaced = difference.on(side).facts.clone();
        if let Some(obstacle) = self.fixed(side, difference) {
            return self.hold(difference, format!("they differ, and {obstacle}"));
        }
        self.bring(side, difference, replaced, reason);
    }

    pub(crate) fn bring(
        &mut self,
        side: Side,
        difference: &Difference,
        replaced: Option<Box<Facts>>,
        reason: Reason,
    ) {
        if !self.comes(side, difference) {
            // Neither side has the file any more that the base knows.
            if difference.was_in_base() {
                self.let_go(difference, Reason::AGREED);
            }
            return;
        }
        let Some(facts) = difference.on(side.other()).facts.clone() else { return };
        let (path, home) = (difference.path.clone(), difference.on(side).home);
        let trash = replaced.is_some() && self.keeps(side, difference);
        let work = &mut self.resolved.work[side];
        match facts.kind {
            EntryKind::Dir => work.dirs.push(NewDir { path, reason, home, is_listed: true }),
            _ => work.fills.push(Fill { path, facts, replaced, trash, reason, home, is_made: false }),
        }
    }

    fn remove(&mut self, side: Side, difference: &Difference, reason: Reason) {
        if self.fixed(side, difference).is_some() {
            return;
        }
        match &difference.on(side).below.hidden {
            // Something inside may not be touched, and was reported with a directory above.
            Some(_) if is_at_or_below(&difference.path, self.withheld[side].as_ref()) => {}
            // Something inside may not be touched: what else is in it goes, the directory stays.
            Some(hidden) if difference.on(side).is_dir() => {
                let reason = format!("the directory would be removed, but {}", hidden.clause());
                self.withheld[side] = Some(difference.path.clone());
                self.list(difference, Conflict::HELD, reason);
            }
            _ => self.take_away(side, difference, reason, true),
        }
    }

    /// A directory makes room for a file or link, or the reverse.
    fn replace(&mut self, side: Side, difference: &Difference, reason: Reason) {
        if let Some(obstacle) = self.fixed(side, difference) {
            return self.hold(difference, format!("they differ, and {obstacle}"));
        }
        let half = difference.on(side);
        if let Some(hidden) = half.below.hidden.as_ref().filter(|_| half.is_dir()) {
            // Something inside may not be touched, so that the directory cannot make room.
            let reason = format!("the directory would be replaced, but {}", hidden.clause());
            return self.hold(difference, reason);
        }
        if half.is_dir() && half.below.present && self.keeps_everything() {
            let reason = "the directory would be replaced, but `delete` keeps what is in it".to_owned();
            return self.hold(difference, reason);
        }
        let comes = self.comes(side, difference);
        self.take_away(side, difference, reason.clone(), !comes);
        if comes {
            self.bring(side, difference, None, reason);
        }
    }

    /// Whether something takes the place: a folder that only one store has is nothing by itself.
    fn comes(&self, side: Side, difference: &Difference) -> bool {
        let other = difference.on(side.other());
        other.facts.is_some() && (!other.is_dir() || self.ways[side].both_have(Capability::Directories))
    }

    /// Nothing is deleted, unless a conflict was decided against it.
    fn keeps_everything(&self) -> bool {
        self.task.spec.delete.policy == DeletePolicy::Never && self.taken.is_none()
    }

    /// Why the store of a side lets nothing replace what stands there.
    fn fixed(&self, side: Side, difference: &Difference) -> Option<&'static str> {
        let (way, half) = (&self.ways[side], difference.on(side));
        match &half.facts {
            Some(_) if !way.may_change() => Some("the target store is append-only"),
            Some(_) if self.keeps(side, difference) && !half.is_dir() && !way.can_keep() => {
                Some("the target store cannot keep what it replaces")
            }
            _ => None,
        }
    }

    fn take_away(&mut self, side: Side, difference: &Difference, reason: Reason, for_good: bool) {
        let Some(facts) = difference.on(side).facts.clone() else { return };
        let trash = facts.kind != EntryKind::Dir && self.keeps(side, difference);
        let path = difference.path.clone();
        self.resolved.work[side].removals.push(Removal { path, facts, reason, for_good, trash });
    }

    /// Whether what goes on a side is kept in the trash: all of it where the task has one; else what the base
    /// does not have, or only by size and time, what lost a conflict, and what turns out to have been
    /// another thing all along.
    fn keeps(&self, side: Side, difference: &Difference) -> bool {
        let (half, other) = (difference.on(side), difference.on(side.other()));
        let differed = other.facts.is_some() && other.change == Change::Unchanged;
        let is_news = half.change != Change::Unchanged || !half.is_proven || differed;
        self.task.spec.trash.is_some() || self.taken.is_some() || is_news
    }

    /// Nothing changes at the path nor below it.
    pub(crate) fn hold(&mut self, difference: &Difference, reason: String) {
        self.held = Some(difference.path.clone());
        self.list(difference, Conflict::HELD, reason);
    }

    pub(crate) fn list(&mut self, difference: &Difference, policy: &str, reason: String) {
        // A token says nothing to people.
        let shown = |facts: &Option<Box<Facts>>| facts.as_ref().map(|facts| Box::new(facts.without_token()));
        let base = self.task.usable_base().and_then(|base| base.local.get(&difference.path));
        self.resolved.conflicts.push(Conflict {
            task: self.task.name.clone(),
            path: difference.path.clone(),
            local: shown(&difference.sides.local.facts),
            remote: shown(&difference.sides.remote.facts),
            base: base.map(|facts| Box::new(facts.without_token())),
            policy: policy.to_owned(),
            reason,
        });
    }
}

fn is_at_or_below(path: &RelPath, folder: Option<&RelPath>) -> bool {
    folder.is_some_and(|folder| path == folder || is_below(path.as_bytes(), folder.as_bytes()))
}
