//! Conflicts on their way into the plan: the winner is brought, the loser makes room.

use syncplan_model::plan::{Reason, Side};
use syncplan_model::spec::{DeletePolicy, Mode};
use syncplan_model::{EntryKind, Facts, RelPath, Snapshot};

use crate::conflict::{Ending, Unnamed, kept_name, policy_of, settle};
use crate::decision::Decision;
use crate::difference::{Difference, Half};
use crate::reconcile::Reconciler;
use crate::sides::Sides;
use crate::work::{Aside, Fill, Merge};

impl Reconciler<'_> {
    /// What the policy of the task, or a person's word, makes of a conflict.
    pub(crate) fn conflict(&mut self, difference: &Difference, reason: String) {
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
        if self.deletes_kept_copies() {
            return self.let_win(winner, difference, policy, reason);
        }
        let Some(facts) = self.movable(loser, difference) else { return self.hold(difference, reason) };
        let to = match self.kept_name(loser, difference, facts) {
            Ok(to) => to,
            Err(obstacle) => return self.hold(difference, format!("{reason}, and {obstacle}")),
        };
        if self.stands_somewhere(&to) {
            // It was kept before; once more would be a conflict of a conflict.
            return self.let_win(winner, difference, policy, reason);
        }
        self.list(difference, policy, reason);
        self.taken = Some((difference.path.clone(), winner));
        let aside = Aside { path: difference.path.clone(), to: to.clone(), facts: Box::new(facts.clone()) };
        self.resolved.work[loser].asides.push(aside);
        self.bring(loser, difference, None, Reason::CONFLICT_DECIDED);
        if self.writable[winner] && self.task.spec.mode == Mode::TwoWay {
            self.bring_kept(winner, difference, to, facts);
        }
    }

    /// Where all that the source lacks goes, a copy kept on the target alone would go with the next plan:
    /// the trash has it at once.
    fn deletes_kept_copies(&self) -> bool {
        let one_way = self.task.spec.mode != Mode::TwoWay && self.task.resolution.is_none();
        one_way && self.task.spec.delete.policy == DeletePolicy::Extra
    }

    /// The file or link of a side that can get another name there.
    fn movable<'d>(&self, side: Side, difference: &'d Difference) -> Option<&'d Facts> {
        let facts = difference.on(side).facts.as_deref()?;
        let can = facts.kind != EntryKind::Dir && self.writable[side] && self.ways[side].can_move();
        can.then_some(facts)
    }

    /// The name of a loser; or why it gets none.
    fn kept_name(&mut self, loser: Side, difference: &Difference, facts: &Facts) -> Result<RelPath, String> {
        let longest = |side: Side| self.ways[side].target.capabilities.max_name;
        let max_name = longest(Side::Local).min(longest(Side::Remote));
        kept_name(&difference.path, loser, facts, max_name).map_err(|unnamed| match unnamed {
            Unnamed::TooLong => "the name of a kept copy would be too long".to_owned(),
            Unnamed::NoDigest => {
                self.resolved.unknown.push((loser, difference.path.clone()));
                format!("the content on the {loser} side could not be read to name its copy")
            }
        })
    }

    fn stands_somewhere(&self, path: &RelPath) -> bool {
        let sides = [self.task.local.snapshot, self.task.remote.snapshot];
        let is_unknown = |snapshot: &Snapshot| snapshot.gaps().any(|gap| gap.covers(path.as_bytes()));
        sides.into_iter().any(|snapshot| snapshot.get(path).is_some() || is_unknown(snapshot))
    }

    /// What made room on one side comes to the other as well, under its new name.
    fn bring_kept(&mut self, side: Side, difference: &Difference, to: RelPath, facts: &Facts) {
        self.resolved.work[side].fills.push(Fill {
            path: to,
            facts: Box::new(facts.without_token()),
            replaced: None,
            trash: false,
            reason: Reason::CONFLICT_KEPT,
            home: difference.on(side).home,
            is_made: true,
        });
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
            // What the program makes is not known before it has run.
            facts: Box::new(Facts::new(EntryKind::File)),
            replaced: Some(remote.clone()),
            trash: true,
            reason: Reason::MERGED,
            home: difference.on(Side::Remote).home,
            is_made: true,
        });
        self.list(difference, policy, reason);
    }
}

/// What makes the other side like this one.
pub(crate) fn take(side: Side, difference: &Difference) -> Decision {
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
