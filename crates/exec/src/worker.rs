use std::collections::HashSet;
use std::sync::{Arc, Weak};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use syncplan_failpoint::hit;
use syncplan_model::plan::{Action, ActionId, Op, Side};
use syncplan_model::{Capability, Facts, RelPath, TEMPORARY_PREFIX};
use syncplan_state::{Agreed, Journal, Learned, Outcome, StateError, Trashed};
use syncplan_store::{StoreError, StoreErrorKind};
use tokio::time::Instant;

use crate::act::act;
use crate::agreement::agreements;
use crate::aside::Aside;
use crate::bandwidth::Bandwidth;
use crate::confirm::confirm;
use crate::draft::Drafts;
use crate::endpoint::{Endpoint, Endpoints, Reached, is_out_of_reach};
use crate::error::chain;
use crate::event::Event;
use crate::job::{Job, Sides};
use crate::known::{Known, Trace};
use crate::pace::Slot;
use crate::parts::goes_in_parts;
use crate::place::{Obstacle, View};
use crate::remains;
use crate::settle::{contradiction, settle};
use crate::trash;
use syncplan_store::Patience;

/// Performs single actions; shared by all that are under way.
pub(crate) struct Worker {
    pub(crate) job: Job,
    /// What is under way when a run is given up must not keep its journal open.
    pub(crate) journal: Weak<Journal>,
    pub(crate) known: Known,
    /// What earlier runs began and did not finish.
    pub(crate) begun_before: HashSet<ActionId>,
    /// Makes the names of this run's temporaries unlike those of any other.
    pub(crate) tag: String,
    pub(crate) endpoints: Endpoints,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) drafts: Drafts,
    pub(crate) aside: Aside,
}

/// How an action came to rest.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are of that variant")]
pub(crate) enum Ended {
    /// It has an outcome.
    Performed(Performed),
    /// The run was stopped before it had one: the next run goes on with it.
    LeftOpen(usize),
    /// A store went out of reach for good in the middle of a transfer: the next run goes on with it.
    Suspended(usize, String),
    /// The run was stopped before anything was tried.
    Untouched(usize),
    /// The journal failed.
    Broken(StateError),
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
    /// What is in the trash now.
    pub(crate) trashed: Option<Trashed>,
    /// How many bytes were transferred.
    pub(crate) bytes: u64,
}

enum Verdict {
    Applied(Effect),
    AlreadySatisfied(Effect),
    Stale(String, Effect),
    Failed(String),
    /// A store that it needs was out of reach for too long.
    OutOfReach(String),
    Open,
    Broken(StateError),
}

/// Why a try came to nothing, and on which side.
struct Trouble {
    side: Side,
    error: StoreError,
}

/// What comes after a try that came to nothing.
enum Next {
    Again,
    GiveUp,
    Fail(String),
    Stop,
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
    pub(crate) async fn perform(self: Arc<Self>, at: usize) -> Ended {
        let action = self.action(at);
        (self.job.events)(Event::ActionStarted { action });
        let Some(sides) = self.sides(action) else {
            let message = Some(format!("no stores were given for the task `{}`", action.task));
            let effect = Effect::default();
            return Ended::Performed(Performed { at, outcome: Outcome::Failed, message, effect });
        };
        let mut view = self.view(action, sides);
        if view.begun {
            remains::clear(&view).await;
        }
        let verdict = self.try_until_settled(at, &mut view).await;
        let (outcome, message, mut effect) = match verdict {
            Verdict::Applied(effect) => (Outcome::Applied, None, effect),
            Verdict::AlreadySatisfied(effect) => (Outcome::AlreadySatisfied, None, effect),
            Verdict::Stale(message, learned) => (Outcome::Stale, Some(message), learned),
            Verdict::OutOfReach(why) if self.drafts.get(&action.id).is_some() => {
                return Ended::Suspended(at, why);
            }
            Verdict::Failed(message) | Verdict::OutOfReach(message) => {
                (Outcome::Failed, Some(message), Effect::default())
            }
            Verdict::Broken(error) => return Ended::Broken(error),
            Verdict::Open if view.begun => return Ended::LeftOpen(at),
            Verdict::Open => return Ended::Untouched(at),
        };
        hit("exec/performed");
        if outcome.is_done() {
            effect.agreed = agreements(&view, &effect, &self.known);
            effect.trashed = trash::register(&self, &view).await;
        }
        if outcome != Outcome::Applied {
            self.drafts.abandon(&view).await;
        }
        Ended::Performed(Performed { at, outcome, message, effect })
    }

    /// Where parts are put on record, as long as the run goes on.
    pub(crate) fn journal(&self) -> Result<Arc<Journal>, Obstacle> {
        self.journal.upgrade().ok_or(Obstacle::Stopped)
    }

    /// Throws the draft of an action away that will not be performed.
    pub(crate) async fn abandon(&self, at: usize) {
        let action = self.action(at);
        if let Some(sides) = self.sides(action) {
            self.drafts.abandon(&self.view(action, sides)).await;
        }
    }

    fn view<'a>(&self, action: &'a Action, sides: &'a Sides) -> View<'a> {
        View { begun: self.begun_before.contains(&action.id), ..View::new(action, sides, &self.known) }
    }

    async fn try_until_settled(&self, at: usize, view: &mut View<'_>) -> Verdict {
        let mut patience = Patience::new(&self.job.options.retry);
        loop {
            if let Some(why) = self.out_of_reach(view.action) {
                return Verdict::OutOfReach(why);
            }
            let Some(slots) = self.enter(view).await else { return Verdict::Open };
            let tried = self.try_once(at, view).await;
            view.begun = true;
            let trouble = match tried {
                Ok(verdict) => {
                    slots.into_iter().flatten().for_each(Slot::succeeded);
                    return verdict;
                }
                Err(trouble) => trouble,
            };
            drop(slots);
            match self.after(view, &trouble, &mut patience).await {
                Next::Again => {}
                Next::GiveUp => return self.failed(view, trouble.error).await,
                Next::Fail(why) => return Verdict::OutOfReach(why),
                Next::Stop => return Verdict::Open,
            }
        }
    }

    /// Waits until the stores of an action have room for it; nothing if the run is to stop.
    ///
    /// What goes in parts asks for room for each of them, and must not hold any meanwhile.
    async fn enter(&self, view: &View<'_>) -> Option<[Option<Slot<'_>>; 2]> {
        if goes_in_parts(view).is_some() {
            return (!self.job.cancel.is_cancelled()).then_some([None, None]);
        }
        let mut both = self.needed(view.action);
        if let [Some(target), Some(source)] = both
            && Arc::ptr_eq(target, source)
        {
            both[1] = None;
        }
        // Two stores are entered in one order by all, so that nobody waits for those who wait for it.
        both.sort_by_key(|endpoint| endpoint.map(Arc::as_ptr));
        let enter = async {
            let [first, second] = both;
            [enter(first).await, enter(second).await]
        };
        tokio::select! {
            biased;
            () = self.job.cancel.cancelled() => None,
            slots = enter => Some(slots),
        }
    }

    /// Why one of the stores that an action needs will not be tried any more, if that is so.
    fn out_of_reach(&self, action: &Action) -> Option<String> {
        let given_up = self.needed(action).into_iter().flatten().find_map(|endpoint| endpoint.given_up());
        given_up.map(str::to_owned)
    }

    /// Whether one of the stores that an action needs is out of reach for now.
    pub(crate) fn has_to_wait(&self, at: usize) -> bool {
        self.needed(self.action(at)).into_iter().flatten().any(|endpoint| endpoint.is_offline())
    }

    /// The stores that an action needs: that of its target, and the other one if it is read.
    fn needed(&self, action: &Action) -> [Option<&Arc<Endpoint>>; 2] {
        let of = |side| self.endpoints.get(&action.task, side);
        match action.op {
            Op::Record => [None, None],
            op if op.transfers() || op == Op::Run => [of(action.side), of(action.side.other())],
            _ => [of(action.side), None],
        }
    }

    /// Waits as long as it takes before the next try, if there is to be one.
    async fn after(&self, view: &View<'_>, trouble: &Trouble, patience: &mut Patience<'_>) -> Next {
        let error = &trouble.error;
        if !error.kind.is_momentary() {
            return Next::GiveUp;
        }
        if self.job.cancel.is_cancelled() {
            return Next::Stop;
        }
        if is_out_of_reach(error.kind) {
            let failed = Instant::now();
            for endpoint in self.needed(view.action).into_iter().flatten() {
                let waiting = endpoint.wait_for(failed, error, &self.job).boxed();
                match self.aside.wait(waiting, &self.job.cancel).await {
                    None => return Next::Stop,
                    Some(Reached::Again) => return Next::Again,
                    Some(Reached::Never(why)) => return Next::Fail(why),
                    Some(Reached::AtOnce) => {}
                }
            }
        }
        match self.pause(view.action, trouble.side, error, patience).await {
            true => Next::Again,
            false if self.job.cancel.is_cancelled() => Next::Stop,
            false => Next::GiveUp,
        }
    }

    /// Asks less of the store that failed, and waits before the next try; answers whether there is to be
    /// one.
    async fn pause(
        &self,
        action: &Action,
        side: Side,
        error: &StoreError,
        patience: &mut Patience<'_>,
    ) -> bool {
        if let Some(endpoint) = self.endpoints.get(&action.task, side) {
            endpoint.slow_down(error, &self.job.events);
        }
        let Some(wait) = patience.after(error) else { return false };
        (self.job.events)(Event::Retrying { action, message: &chain(error) });
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.job.cancel.cancelled() => false,
        }
    }

    /// Asks a store for a part of an action until it answers, or until another try of the part makes no
    /// sense.
    pub(crate) async fn ask<'a, T>(
        &'a self,
        action: &'a Action,
        side: Side,
        question: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut patience = Patience::new(&self.job.options.retry);
        loop {
            let slot = enter(self.endpoints.get(&action.task, side)).await;
            let error = match question().await {
                Ok(answer) => {
                    slot.into_iter().for_each(Slot::succeeded);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            drop(slot);
            // A line that is cut is waited for by the action as a whole, which holds nothing meanwhile.
            let hopeless = !error.kind.is_momentary() || is_out_of_reach(error.kind);
            if hopeless || !self.pause(action, side, &error, &mut patience).await {
                return Err(error);
            }
        }
    }

    /// One try. An error here may be tried again.
    async fn try_once(&self, at: usize, view: &View<'_>) -> Result<Verdict, Trouble> {
        let side = view.action.side;
        let of_target = |error| Trouble { side, error };
        match self.confirm_and_act(at, view).await {
            Ok(effect) => Ok(Verdict::Applied(effect)),
            Err(Obstacle::Store(error)) if !says_different(error.kind) => Err(of_target(error)),
            Err(Obstacle::Source(error)) => {
                Err(Trouble { side: view.source.as_ref().map_or(side, |source| source.side), error })
            }
            Err(Obstacle::Failed(message)) => Ok(Verdict::Failed(message)),
            Err(Obstacle::Stopped) => Ok(Verdict::Open),
            Err(Obstacle::Journal(error)) => Ok(Verdict::Broken(error)),
            Err(obstacle) => self.judge(view, obstacle).await.map_err(of_target),
        }
    }

    /// Something else was found than expected: it may be the action's own work, or somebody else's.
    async fn judge(&self, view: &View<'_>, obstacle: Obstacle) -> Result<Verdict, StoreError> {
        if let Some(effect) = settle(view, &self.job.cancel).await? {
            return Ok(Verdict::AlreadySatisfied(effect));
        }
        let (difference, learned) = match obstacle {
            Obstacle::Refuted(difference, learned) => (difference, *learned),
            Obstacle::Mismatch(difference) | Obstacle::Failed(difference) => (difference, Effect::default()),
            Obstacle::Store(error) | Obstacle::Source(error) => {
                let difference = contradiction(view).await?;
                (difference.unwrap_or_else(|| chain(&error)), Effect::default())
            }
            Obstacle::Stopped => return Ok(Verdict::Open),
            Obstacle::Journal(error) => return Ok(Verdict::Broken(error)),
        };
        trash::take_back(view).await;
        Ok(Verdict::Stale(difference, learned))
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

async fn enter(endpoint: Option<&Arc<Endpoint>>) -> Option<Slot<'_>> {
    match endpoint {
        Some(endpoint) => Some(endpoint.pace.enter().await),
        None => None,
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

/// What the state keeps of an effect.
pub(crate) struct Rows {
    pub(crate) learned: Vec<Learned>,
    pub(crate) agreed: Vec<Agreed>,
    pub(crate) trashed: Option<Trashed>,
}

impl Effect {
    /// As rows of the state.
    pub(crate) fn into_rows(self, action: &Action) -> Rows {
        let learned = |(side, path, facts)| Learned { task: action.task.clone(), side, path, facts };
        let learned = self.learned.into_iter().map(learned).collect();
        Rows { learned, agreed: self.agreed, trashed: self.trashed }
    }

    /// What stands at a place now; nothing is answered where the action does not know.
    pub(crate) fn left(&self, side: Side, path: &RelPath) -> Option<Option<&Facts>> {
        let last = self.learned.iter().rev().find(|(on, at, _)| *on == side && at == path);
        last.map(|(_, _, facts)| facts.as_ref())
    }
}
