use syncplan_failpoint::hit;
use syncplan_model::plan::ActionId;
use syncplan_model::{Digest, TaskName};

use crate::archive::agree;
use crate::cell::RowsStatement;
use crate::clock::now;
use crate::error::StateError;
use crate::lease;
use crate::outcome::{Agreed, Conclusion, Ending, Intent, Learned};
use crate::process::Presence;
use crate::rows::last_of;
use crate::run::RunId;
use crate::snapshots::learn;
use crate::state::State;
use crate::transaction::Tx;
use crate::transfer::{self, Transfer};
use crate::trash;

/// The record of one run. Whoever has it holds the tasks of the plan: nobody else writes about them.
///
/// Every call is one transaction that is on the disk when it answers, so that many actions share
/// the cost: an intent before the action's first effect, a conclusion after its effect is durable. Each
/// also says that the run goes on, and writes nothing if a task was taken from it
/// ([`StateError::LeaseLost`]).
#[derive(Debug)]
pub struct Journal {
    state: State,
    run: RunId,
    tasks: Vec<TaskName>,
    _presence: Presence,
    /// Whether the state still says that this run has its tasks.
    holds: bool,
}

impl Journal {
    pub(crate) fn new(state: State, run: RunId, tasks: Vec<TaskName>, presence: Presence) -> Self {
        Self { state, run, tasks, _presence: presence, holds: true }
    }

    /// The run that it records.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Says that the run goes on, where it has nothing to record for long.
    pub async fn beat(&self) -> Result<(), StateError> {
        let operation = "say that the run goes on";
        let tx = self.write(operation).await?;
        tx.commit().await.map_err(self.state.failed(operation))
    }

    /// Records that actions are about to have effects.
    pub async fn intend(&self, intents: &[Intent]) -> Result<(), StateError> {
        // An action that is tried again has a new temporary, and no outcome yet.
        const INTEND: RowsStatement = RowsStatement {
            head: "INSERT INTO action (run, id, temporary)",
            tail: " ON CONFLICT (run, id) DO UPDATE \
                   SET temporary = excluded.temporary, outcome = NULL, message = NULL, concluded = NULL",
        };
        let operation = "record what is about to be done";
        let failed = self.state.failed(operation);
        let mut tx = self.write(operation).await?;
        let intents = last_of(intents, |it| it.action);
        tx.put(&INTEND, &intents, |it| {
            let temporary = it.temporary.as_ref().map(|path| path.as_bytes());
            [self.run.0.into(), it.action.as_bytes().as_slice().into(), temporary.into()]
        })
        .await
        .map_err(&failed)?;
        hit("journal/before-intent");
        tx.commit().await.map_err(&failed)?;
        hit("journal/after-intent");
        Ok(())
    }

    /// Takes intents back: nothing was done.
    pub async fn withdraw(&self, actions: &[ActionId]) -> Result<(), StateError> {
        const WITHDRAW: RowsStatement =
            RowsStatement { head: "DELETE FROM action WHERE outcome IS NULL AND (run, id) IN (", tail: ")" };
        let operation = "take back what was about to be done";
        let failed = self.state.failed(operation);
        let mut tx = self.write(operation).await?;
        let withdraw = tx.put(&WITHDRAW, actions, |id| [self.run.0.into(), id.as_bytes().as_slice().into()]);
        withdraw.await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Records what became of actions, what was learned from them, what went to the trash, and what both
    /// sides agree on by now, all or nothing.
    pub async fn conclude(&self, conclusions: &[Conclusion]) -> Result<(), StateError> {
        let operation = "record what was done";
        let failed = self.state.failed(operation);
        let mut tx = self.write(operation).await?;
        self.put_conclusions(&mut tx, conclusions).await.map_err(&failed)?;
        hit("journal/before-outcome");
        tx.commit().await.map_err(&failed)?;
        hit("journal/after-outcome");
        Ok(())
    }

    async fn put_conclusions(&self, tx: &mut Tx, conclusions: &[Conclusion]) -> Result<(), sqlx::Error> {
        self.put_outcomes(tx, conclusions).await?;
        transfer::end_settled(tx, self.run, conclusions.iter().map(|it| it.action)).await?;
        let learned: Vec<&Learned> = conclusions.iter().flat_map(|it| &it.learned).collect();
        learn(tx, &learned).await?;
        let trashed: Vec<_> =
            conclusions.iter().filter_map(|it| Some((it.action, it.trashed.as_ref()?))).collect();
        trash::fill(tx, self.run, &trashed).await?;
        let agreed: Vec<&Agreed> = conclusions.iter().flat_map(|it| &it.agreed).collect();
        agree(tx, &agreed).await
    }

    async fn put_outcomes(&self, tx: &mut Tx, conclusions: &[Conclusion]) -> Result<(), sqlx::Error> {
        const CONCLUDE: RowsStatement = RowsStatement {
            head: "INSERT INTO action (run, id, outcome, message, concluded)",
            tail: " ON CONFLICT (run, id) DO UPDATE SET outcome = excluded.outcome, \
                   message = excluded.message, concluded = excluded.concluded",
        };
        let now = now();
        let conclusions = last_of(conclusions, |it| it.action);
        tx.put(&CONCLUDE, &conclusions, |it| {
            [
                self.run.0.into(),
                it.action.as_bytes().as_slice().into(),
                it.outcome.as_str().into(),
                it.message.as_deref().map(storable).into(),
                now.into(),
            ]
        })
        .await
    }

    /// Records how a large file goes over, before its first part does. It takes the place of an earlier
    /// transfer of that action, whose intent is on record.
    pub async fn begin_transfer(&self, transfer: &Transfer) -> Result<(), StateError> {
        let operation = "record a transfer";
        let failed = self.state.failed(operation);
        let mut tx = self.write(operation).await?;
        transfer::begin(&mut tx, self.run, transfer).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Records parts that are there, by number and content.
    pub async fn note_parts(&self, action: &ActionId, parts: &[(u32, Digest)]) -> Result<(), StateError> {
        let operation = "record parts of a transfer";
        let failed = self.state.failed(operation);
        let mut tx = self.write(operation).await?;
        transfer::note(&mut tx, self.run, action, parts).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        hit("journal/after-part");
        Ok(())
    }

    /// Forgets a transfer that was given up; with an outcome of its action it ends by itself.
    pub async fn end_transfer(&self, action: &ActionId) -> Result<(), StateError> {
        let operation = "record the end of a transfer";
        let failed = self.state.failed(operation);
        let mut tx = self.write(operation).await?;
        transfer::end(&mut tx, self.run, action).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Records how the run ended, and lets go of its tasks.
    pub async fn finish(mut self, ending: Ending) -> Result<(), StateError> {
        let operation = "record the end of the run";
        let failed = self.state.failed(operation);
        hit("run/before-finish");
        let mut tx = self.write(operation).await?;
        let query = tx.query("UPDATE run SET finished = $1, ending = $2 WHERE id = $3");
        query.bind(now()).bind(ending.as_str()).bind(self.run.0).execute().await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        hit("base/before-fold");
        self.state.fold_bases(&self.tasks).await?;
        hit("base/after-fold");
        self.state.release(self.run, &self.tasks).await.map_err(&failed)?;
        self.holds = false;
        Ok(())
    }

    /// A transaction of a run that still has its tasks. Until it ends, nobody can take them.
    async fn write(&self, operation: &'static str) -> Result<Tx, StateError> {
        let failed = self.state.failed(operation);
        let mut tx = self.state.write(&self.tasks).await.map_err(&failed)?;
        if lease::renew(&mut tx, self.run).await.map_err(&failed)? == self.tasks.len() as u64 {
            return Ok(tx);
        }
        let held = self.state.held(&mut tx).await?;
        let holder = |task: &TaskName| held.iter().map(|it| &it.lease).find(|lease| lease.task == *task);
        let ours = |task: &TaskName| holder(task).is_some_and(|lease| lease.holder.run == self.run);
        let lost = self.tasks.iter().find(|task| !ours(task)).unwrap_or(&self.tasks[0]);
        let holder = holder(lost).map(|lease| Box::new(lease.holder.clone()));
        Err(StateError::LeaseLost { task: lost.clone(), holder })
    }
}

/// Lets go of the tasks as well as it can. If the state is not told in time, this process answers for it
/// while it lives, and after it everybody can see that it is gone.
impl Drop for Journal {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.holds {
            let (state, run, tasks) = (self.state.clone(), self.run, std::mem::take(&mut self.tasks));
            runtime.spawn(async move { state.release(run, &tasks).await });
        }
    }
}

impl State {
    async fn release(&self, run: RunId, tasks: &[TaskName]) -> Result<(), sqlx::Error> {
        let mut tx = self.write(tasks).await?;
        lease::release(&mut tx, run).await?;
        tx.commit().await
    }
}

/// PostgreSQL holds every character but one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
