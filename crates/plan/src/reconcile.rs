//! What each difference brings about: decisions become work, where nothing stands in the way.
//!
//! Nothing here knows of moves: a renamed file is one that goes and one that comes; see
//! [`identity`](crate::identity).

use syncplan_model::plan::{Conflict, Reason, Side};
use syncplan_model::spec::{DeletePolicy, Mode};
use syncplan_model::{Capability, EntryKind, Facts, RelPath, is_below};

use crate::change::Change;
use crate::conflict::{Ending, Unnamed, kept_name, policy_of, settle};
use crate::decision::Decision;
use crate::difference::{Difference, Half};
use crate::input::TaskInput;
use crate::parents::add_missing;
use crate::sides::Sides;
use crate::way::Way;
use crate::work::{Aside, Fill, Merge, NewDir, Record, Removal, Resolved, Touch};
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

struct Reconciler<'a> {
    task: &'a TaskInput<'a>,
    ways: Sides<Way<'a>>,
    /// Which sides may be changed.
    writable: Sides<bool>,
    /// At and below it nothing changes on either side.
    held: Option<RelPath>,
    /// It stays, and so do the folders below it that lead to why.
    withheld: Sides<Option<RelPath>>,
    /// At and below it one side is taken as it is: it won a conflict.
    taken: Option<(RelPath, Side)>,
    resolved: Resolved,
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

    fn carry_out(&mut self, decision: Decision, difference: &Difference) {
        match decision {
            Decision::Leave => {}
            Decision::Record => self.record(difference),
            Decision::Drop => self.drop_from_base(difference),
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
            local: local.facts.clone(),
            remote: remote.facts.clone(),
            evidence: difference.same,
            reason: Reason::AGREED,
        });
    }

    fn drop_from_base(&mut self, difference: &Difference) {
        let (path, reason) = (difference.path.clone(), Reason::DROPPED);
        self.resolved.records.push(Record { path, local: None, remote: None, evidence: None, reason });
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

    fn bring(&mut self, side: Side, difference: &Difference, replaced: Option<Box<Facts>>, reason: Reason) {
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
        self.take_away(side, difference, reason.clone(), false);
        self.bring(side, difference, None, reason);
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

    /// Whether what goes on a side is kept in the trash: what the base does not have, what lost a
    /// conflict, and what turns out to have been another thing all along.
    fn keeps(&self, side: Side, difference: &Difference) -> bool {
        let (half, other) = (difference.on(side), difference.on(side.other()));
        let differed = other.facts.is_some() && other.change == Change::Unchanged;
        self.taken.is_some() || half.change != Change::Unchanged || differed
    }

    fn conflict(&mut self, difference: &Difference, reason: String) {
        let decided = self.task.resolution.map(|resolution| policy_of(resolution.take));
        let policy = decided.as_ref().unwrap_or(&self.task.spec.conflict);
        let word = policy.as_str();
        match settle(policy, difference) {
            Ending::Held => self.hold(difference, reason),
            Ending::Winner(side) => self.let_win(side, difference, word, reason),
            Ending::KeepBoth { loser } => self.keep_both(loser, difference, word, reason),
            Ending::Merge => self.merge(difference, word, reason),
        }
    }

    fn let_win(&mut self, side: Side, difference: &Difference, policy: &str, reason: String) {
        let loser = side.other();
        if !self.writable[loser] {
            // The target wins, and the source is not changed: both stay.
            self.held = Some(difference.path.clone());
            return self.list(difference, policy, reason);
        }
        if let Some(obstacle) = self.obstacle(loser, difference.on(loser)) {
            return self.hold(difference, format!("{reason}, and {obstacle}"));
        }
        self.list(difference, policy, reason);
        self.taken = Some((difference.path.clone(), side));
        self.carry_out(take(side, difference), difference);
    }

    /// Why what a side has cannot make room for the winner.
    fn obstacle(&self, side: Side, half: &Half) -> Option<String> {
        match &half.below.hidden {
            _ if !self.ways[side].can_keep() => {
                Some(format!("the {side} store cannot keep what it replaces"))
            }
            Some(hidden) if half.is_dir() || half.facts.is_none() => Some(hidden.clause()),
            _ => None,
        }
    }

    fn keep_both(&mut self, loser: Side, difference: &Difference, policy: &str, reason: String) {
        // Where only one side may be changed, it is the one that makes room.
        let loser = if self.writable[loser] { loser } else { loser.other() };
        let winner = loser.other();
        let (half, way) = (difference.on(loser), self.ways[loser]);
        let facts = match &half.facts {
            Some(facts) if facts.kind != EntryKind::Dir && self.writable[loser] && way.can_move() => facts,
            _ => return self.hold(difference, reason),
        };
        let to = match kept_name(&difference.path, loser, facts, self.max_name()) {
            Ok(to) => to,
            Err(Unnamed::TooLong) => {
                return self
                    .hold(difference, format!("{reason}, and the name of a kept copy would be too long"));
            }
            Err(Unnamed::NoDigest) => {
                self.resolved.unknown.push((loser, difference.path.clone()));
                let reason = format!(
                    "{reason}, and the content on the {loser} side could not be read to name its copy"
                );
                return self.hold(difference, reason);
            }
        };
        if [Side::Local, Side::Remote]
            .into_iter()
            .any(|side| self.ways[side].target.snapshot.get(&to).is_some())
        {
            // It was kept before; once more would be a conflict of a conflict.
            return self.let_win(winner, difference, policy, reason);
        }
        self.list(difference, policy, reason);
        self.taken = Some((difference.path.clone(), winner));
        let aside = Aside { path: difference.path.clone(), to: to.clone(), facts: facts.clone() };
        self.resolved.work[loser].asides.push(aside);
        self.bring(loser, difference, None, Reason::CONFLICT_DECIDED);
        if self.writable[winner] && self.task.spec.mode == Mode::TwoWay {
            self.resolved.work[winner].fills.push(Fill {
                path: to,
                facts: Box::new(facts.without_token()),
                replaced: None,
                trash: false,
                reason: Reason::CONFLICT_KEPT,
                home: difference.on(winner).home,
                is_made: true,
            });
        }
    }

    fn max_name(&self) -> usize {
        let of = |side: Side| self.ways[side].target.capabilities.max_name;
        of(Side::Local).min(of(Side::Remote))
    }

    fn merge(&mut self, difference: &Difference, policy: &str, reason: String) {
        let Sides { local, remote } = &difference.sides;
        let (Some(local), Some(remote)) = (&local.facts, &remote.facts) else { return };
        if !(self.writable.local && self.writable.remote) {
            return self.hold(difference, format!("{reason}, and merging them changes both sides"));
        }
        if !(self.ways.local.can_keep() && self.ways.remote.can_keep()) {
            return self.hold(difference, format!("{reason}, and a store cannot keep what it replaces"));
        }
        let path = difference.path.clone();
        let merge = Merge { path: path.clone(), local: local.clone(), remote: remote.clone() };
        self.resolved.work.local.merges.push(merge);
        self.resolved.work.remote.fills.push(Fill {
            path,
            facts: local.clone(),
            replaced: Some(remote.clone()),
            trash: true,
            reason: Reason::MERGED,
            home: difference.on(Side::Remote).home,
            is_made: true,
        });
        self.list(difference, policy, reason);
    }

    /// Nothing changes at the path nor below it.
    fn hold(&mut self, difference: &Difference, reason: String) {
        self.held = Some(difference.path.clone());
        self.list(difference, Conflict::HELD, reason);
    }

    fn list(&mut self, difference: &Difference, policy: &str, reason: String) {
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

/// What makes the other side like this one.
fn take(side: Side, difference: &Difference) -> Decision {
    let (winner, loser) = (difference.on(side), difference.on(side.other()));
    let (there, reason) = (side.other(), Reason::CONFLICT_DECIDED);
    match (&winner.facts, &loser.facts) {
        (None, None) => Decision::Record,
        (None, Some(_)) if winner.below.present && loser.is_dir() => Decision::Leave,
        (None, Some(_)) => Decision::Remove(there, reason),
        (Some(_), Some(_)) if difference.metadata => Decision::Touch(there),
        (Some(_), Some(_)) if difference.same.is_some() => Decision::Record,
        (Some(_), Some(_)) if winner.is_dir() || loser.is_dir() => Decision::Replace(there, reason),
        (Some(_), _) => Decision::Bring(there, reason),
    }
}

fn is_at_or_below(path: &RelPath, folder: Option<&RelPath>) -> bool {
    folder.is_some_and(|folder| path == folder || is_below(path.as_bytes(), folder.as_bytes()))
}
