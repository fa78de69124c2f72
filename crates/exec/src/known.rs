use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncplan_model::plan::{Action, Expectation, Op, Side};
use syncplan_model::{Facts, Plan, RelPath, TaskName};
use syncplan_state::Progress;

/// What this plan's own actions left at places that later actions rely on.
///
/// A plan cannot know the token of what its own actions will leave behind: where an earlier action
/// filled a place, what it left there takes the token's part in the expectation.
pub(crate) struct Known {
    places: Mutex<HashMap<Spot, Trace>>,
    /// Where programs make content that no plan can foresee.
    made: HashSet<Spot>,
}

type Spot = (TaskName, Side, RelPath);

/// What an action of this plan left at a place.
#[derive(Debug, Clone)]
pub(crate) enum Trace {
    /// This.
    Present(Facts),
    /// Nothing.
    Absent,
    /// Something, in an earlier run, that nobody remembers.
    Forgotten,
}

impl From<Option<Facts>> for Trace {
    fn from(facts: Option<Facts>) -> Self {
        facts.map_or(Self::Absent, Self::Present)
    }
}

impl Known {
    /// Nothing was left anywhere yet.
    pub(crate) fn of(plan: &Plan) -> Self {
        let runs = plan.actions().iter().filter(|action| action.op == Op::Run);
        let made = runs.map(|run| (run.task.clone(), run.side, run.path.clone())).collect();
        Self { places: Mutex::default(), made }
    }

    pub(crate) fn put(&self, task: &TaskName, side: Side, path: &RelPath, trace: Trace) {
        self.places().insert((task.clone(), side, path.clone()), trace);
    }

    pub(crate) fn get(&self, task: &TaskName, side: Side, path: &RelPath) -> Option<Trace> {
        let places = self.places();
        if places.is_empty() {
            return None;
        }
        places.get(&(task.clone(), side, path.clone())).cloned()
    }

    /// What a program of this plan made there, whatever the plan says.
    pub(crate) fn made(&self, task: &TaskName, side: Side, path: &RelPath) -> Option<Facts> {
        if self.made.is_empty() || !self.made.contains(&(task.clone(), side, path.clone())) {
            return None;
        }
        match self.get(task, side, path) {
            Some(Trace::Present(facts)) => Some(facts),
            _ => None,
        }
    }

    /// Earlier runs did something at these places; what the plan says of their tokens no longer
    /// holds.
    pub(crate) fn forget(&self, plan: &Plan, progress: &Progress) {
        let done = |action: &&Action| progress.done.contains_key(&action.id) && action.op != Op::Record;
        for action in plan.actions().iter().filter(done) {
            self.put(&action.task, action.side, &action.path, Trace::Forgotten);
            if let (true, Some(from)) = (action.op.has_from(), &action.from) {
                self.put(&action.task, action.side, from, Trace::Forgotten);
            }
        }
    }

    /// The expectation, as it is after this plan's own actions.
    pub(crate) fn adjust(
        &self,
        task: &TaskName,
        side: Side,
        path: &RelPath,
        expected: &Expectation,
    ) -> Expectation {
        match self.get(task, side, path) {
            Some(trace) => adjusted(expected, &trace),
            None => expected.clone(),
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<(TaskName, Side, RelPath), Trace>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn adjusted(expected: &Expectation, trace: &Trace) -> Expectation {
    let Some(facts) = expected.facts() else { return expected.clone() };
    match trace {
        Trace::Present(left) if agree(facts, left) => Expectation::present(Facts {
            token: left.token.clone(),
            mtime: left.mtime.or(facts.mtime),
            digest: facts.digest.or(left.digest),
            fingerprint: facts.fingerprint.or(left.fingerprint),
            ..facts.clone()
        }),
        Trace::Forgotten => Expectation::present(Facts { token: None, ..facts.clone() }),
        // The plan expects something else than was left there: it will be found to be stale.
        Trace::Present(_) | Trace::Absent => expected.clone(),
    }
}

fn agree(expected: &Facts, left: &Facts) -> bool {
    expected.kind == left.kind
        && expected.size == left.size
        && expected.digest.zip(left.digest).is_none_or(|(a, b)| a == b)
        && expected.target.as_ref().zip(left.target.as_ref()).is_none_or(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::Token;

    fn with_token(size: u64, token: &str) -> Facts {
        Facts { token: Some(Token::new(token)), ..Facts::file(size) }
    }

    #[test]
    fn what_an_action_left_gives_the_token() {
        let planned = Expectation::present(with_token(1, "planned"));
        let left = adjusted(&planned, &Trace::Present(with_token(1, "left")));
        assert_eq!(left, Expectation::present(with_token(1, "left")));
    }

    #[test]
    fn something_else_than_planned_changes_no_expectation() {
        let planned = Expectation::present(with_token(1, "planned"));
        assert_eq!(adjusted(&planned, &Trace::Present(with_token(2, "left"))), planned);
        assert_eq!(adjusted(&planned, &Trace::Absent), planned);
        assert_eq!(adjusted(&Expectation::ABSENT, &Trace::Present(with_token(1, "x"))), Expectation::ABSENT);
    }
}
