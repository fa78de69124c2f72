use std::collections::HashSet;
use std::sync::Arc;

use syncplan_model::plan::{Action, ActionId, Op, Side};
use syncplan_model::{Capability, Facts, RelPath, TEMPORARY_PREFIX};
use syncplan_state::{Agreed, Learned, Outcome};
use syncplan_store::{StoreError, StoreErrorKind};

use crate::act::act;
use crate::agreement::agreements;
use crate::confirm::confirm;
use crate::error::chain;
use crate::event::Event;
use crate::job::{Job, Sides};
use crate::known::{Known, Trace};
use crate::place::{Obstacle, View};
use crate::retry::is_momentary;
use crate::settle::{contradiction, settle};
use crate::trash;

/// Performs single actions; shared by all that are under way.
pub(crate) struct Worker {
    pub(crate) job: Job,
    pub(crate) known: Known,
    /// What earlier runs began and did not finish.
    pub(crate) begun_before: HashSet<ActionId>,
    /// Makes the names of this run's temporaries unlike those of any other.
    pub(crate) tag: String,
}

/// What became of an action, before anybody wrote it down.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) at: usize,
    pub(crate) outcome: Outcome,
    pub(crate) message: Option<String>,
    pub(crate) effect: Effect,
}

/// What an action did, or found done.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// What stands where now.
    pub(crate) learned: Vec<(Side, RelPath, Option<Facts>)>,
    /// What was read, by a transfer that read it.
    pub(crate) read: Option<Facts>,
    /// Where both sides agree now.
    pub(crate) agreed: Vec<Agreed>,
    /// How many bytes were transferred.
    pub(crate) bytes: u64,
}

enum Verdict {
    Applied(Effect),
    AlreadySatisfied(Effect),
    Stale(String, Effect),
    Failed(String),
}

impl Worker {
    pub(crate) fn action(&self, at: usize) -> &Action {
        &self.job.plan.actions()[at]
    }

    pub(crate) fn sides(&self, action: &Action) -> Option<&Sides> {
        self.job.sides.get(&action.task)
    }

    /// The temporary that an action may leave behind beside its target. Where there are no
    /// directories a write appears whole or not at all, and needs none.
    pub(crate) fn temporary(&self, at: usize) -> Option<RelPath> {
        let action = self.action(at);
        let writes = action.op.transfers() || matches!(action.op, Op::Copy | Op::Run);
        let store = self.sides(action)?.store(action.side);
        if !writes || !store.capabilities().has(Capability::Directories) {
            return None;
        }
        action.path.with_file_name(format!("{TEMPORARY_PREFIX}{}-{at}", self.tag)).ok()
    }

    /// Does what an action says, if everything is as it expects.
    pub(crate) async fn perform(self: Arc<Self>, at: usize) -> Performed {
        let action = self.action(at);
        (self.job.events)(Event::ActionStarted { action });
        let verdict = match self.sides(action) {
            Some(sides) => self.settle_and_agree(at, self.view(action, sides)).await,
            None => Verdict::Failed(format!("no stores were given for the task `{}`", action.task)),
        };
        let (outcome, message, effect) = match verdict {
            Verdict::Applied(effect) => (Outcome::Applied, None, effect),
            Verdict::AlreadySatisfied(effect) => (Outcome::AlreadySatisfied, None, effect),
            Verdict::Stale(message, learned) => (Outcome::Stale, Some(message), learned),
            Verdict::Failed(message) => (Outcome::Failed, Some(message), Effect::default()),
        };
        Performed { at, outcome, message, effect }
    }

    fn view<'a>(&self, action: &'a Action, sides: &'a Sides) -> View<'a> {
        View { begun: self.begun_before.contains(&action.id), ..View::new(action, sides, &self.known) }
    }

    async fn settle_and_agree(&self, at: usize, mut view: View<'_>) -> Verdict {
        let mut verdict = self.try_until_settled(at, &mut view).await;
        if let Verdict::Applied(effect) | Verdict::AlreadySatisfied(effect) = &mut verdict {
            effect.agreed = agreements(&view, effect, &self.known);
        }
        verdict
    }

    async fn try_until_settled(&self, at: usize, view: &mut View<'_>) -> Verdict {
        let mut number = 0;
        loop {
            let error = match self.try_once(at, view).await {
                Ok(verdict) => return verdict,
                Err(error) => error,
            };
            view.begun = true;
            let again = is_momentary(error.kind)
                && number < self.job.options.retry.times
                && !self.job.cancel.is_cancelled();
            if !again {
                return self.failed(view, error).await;
            }
            (self.job.events)(Event::Retrying { action: view.action, message: &chain(&error) });
            tokio::select! {
                () = tokio::time::sleep(self.job.options.retry.wait(number)) => {}
                () = self.job.cancel.cancelled() => {}
            }
            number += 1;
        }
    }

    /// One try. An error here may be tried again.
    async fn try_once(&self, at: usize, view: &View<'_>) -> Result<Verdict, StoreError> {
        let obstacle = match self.confirm_and_act(at, view).await {
            Ok(effect) => return Ok(Verdict::Applied(effect)),
            Err(obstacle) => obstacle,
        };
        match obstacle {
            Obstacle::Store(error) if !says_different(error.kind) => Err(error),
            Obstacle::Failed(message) => Ok(Verdict::Failed(message)),
            obstacle => {
                if let Some(effect) = settle(view, &self.job.cancel).await? {
                    return Ok(Verdict::AlreadySatisfied(effect));
                }
                let (difference, learned) = match obstacle {
                    Obstacle::Refuted(difference, learned) => (difference, *learned),
                    Obstacle::Mismatch(difference) | Obstacle::Failed(difference) => {
                        (difference, Effect::default())
                    }
                    Obstacle::Store(error) => {
                        let difference = contradiction(view).await?;
                        (difference.unwrap_or_else(|| chain(&error)), Effect::default())
                    }
                };
                trash::take_back(view).await;
                Ok(Verdict::Stale(difference, learned))
            }
        }
    }

    async fn confirm_and_act(&self, at: usize, view: &View<'_>) -> Result<Effect, Obstacle> {
        confirm(view).await?;
        act(self, at, view).await
    }

    /// It will not be tried again; but what it should do may be done, if only the answer was lost.
    async fn failed(&self, view: &View<'_>, error: StoreError) -> Verdict {
        let hopeless =
            matches!(error.kind, StoreErrorKind::Denied | StoreErrorKind::Full | StoreErrorKind::NoStore);
        if !hopeless {
            if let Ok(Some(effect)) = settle(view, &self.job.cancel).await {
                return Verdict::AlreadySatisfied(effect);
            }
            // What cannot be done with what stands there may be possible with what was expected.
            if error.kind == StoreErrorKind::Unsupported
                && let Ok(Some(difference)) = contradiction(view).await
            {
                return Verdict::Stale(difference, Effect::default());
            }
        }
        Verdict::Failed(chain(&error))
    }

    /// Keeps in mind what was left where, for actions that come after.
    pub(crate) fn remember(&self, action: &Action, effect: &Effect) {
        for (side, path, facts) in &effect.learned {
            self.known.put(&action.task, *side, path, Trace::from(facts.clone()));
        }
    }
}

/// Whether the error says that something else was found than expected.
fn says_different(kind: StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Precondition
            | StoreErrorKind::Changed
            | StoreErrorKind::NotFound
            | StoreErrorKind::NotDirectory
            | StoreErrorKind::NotEmpty
    )
}

impl Effect {
    /// As rows of the state.
    pub(crate) fn into_rows(self, action: &Action) -> (Vec<Learned>, Vec<Agreed>) {
        let learned = |(side, path, facts)| Learned { task: action.task.clone(), side, path, facts };
        (self.learned.into_iter().map(learned).collect(), self.agreed)
    }

    /// What stands at a place now; nothing is answered where the action does not know.
    pub(crate) fn left(&self, side: Side, path: &RelPath) -> Option<Option<&Facts>> {
        let last = self.learned.iter().rev().find(|(on, at, _)| *on == side && at == path);
        last.map(|(_, _, facts)| facts.as_ref())
    }
}
