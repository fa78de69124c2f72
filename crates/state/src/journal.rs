use sqlx::{QueryBuilder, Sqlite, Transaction};
use syncplan_model::plan::ActionId;

use crate::archive::agree;
use crate::clock::now;
use crate::error::StateError;
use crate::lock::Lock;
use crate::outcome::{Agreed, Conclusion, Ending, Intent, Learned};
use crate::rows::in_runs;
use crate::run::RunId;
use crate::snapshots::learn;
use crate::state::State;

/// The record of one run. Whoever has it holds the lock: there is one at a time.
///
/// Every call is one transaction that is on the disk when it answers, so that many actions share
/// the cost: an intent before the action's first effect, a conclusion after its effect is durable.
#[derive(Debug)]
pub struct Journal {
    state: State,
    run: RunId,
    _lock: Lock,
}

impl Journal {
    pub(crate) fn new(state: State, run: RunId, lock: Lock) -> Self {
        Self { state, run, _lock: lock }
    }

    /// The run that it records.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Records that actions are about to have effects.
    pub async fn intend(&self, intents: &[Intent]) -> Result<(), StateError> {
        let failed = self.state.failed("record what is about to be done");
        let mut tx = self.state.write().await.map_err(&failed)?;
        for run in in_runs(intents) {
            let mut query = QueryBuilder::new("INSERT INTO action (run, id, temporary) ");
            query.push_values(run, |mut row, it| {
                row.push_bind(self.run.0)
                    .push_bind(it.action.as_bytes().as_slice())
                    .push_bind(it.temporary.as_ref().map(|path| path.as_bytes().to_vec()));
            });
            // An action that is tried again has a new temporary, and no outcome yet.
            query.push(
                " ON CONFLICT (run, id) DO UPDATE \
                 SET temporary = excluded.temporary, outcome = NULL, message = NULL",
            );
            query.build().execute(&mut *tx).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)
    }

    /// Takes intents back: nothing was done.
    pub async fn withdraw(&self, actions: &[ActionId]) -> Result<(), StateError> {
        let failed = self.state.failed("take back what was about to be done");
        let mut tx = self.state.write().await.map_err(&failed)?;
        for run in in_runs(actions) {
            let mut query = QueryBuilder::new("DELETE FROM action WHERE outcome IS NULL AND run = ");
            query.push_bind(self.run.0).push(" AND id IN (");
            let mut ids = query.separated(", ");
            for action in run {
                ids.push_bind(action.as_bytes().as_slice());
            }
            query.push(")").build().execute(&mut *tx).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)
    }

    /// Records what became of actions, what was learned from them, and what both sides agree on by
    /// now, all or nothing.
    pub async fn conclude(&self, conclusions: &[Conclusion]) -> Result<(), StateError> {
        let failed = self.state.failed("record what was done");
        let mut tx = self.state.write().await.map_err(&failed)?;
        self.put_outcomes(&mut tx, conclusions).await.map_err(&failed)?;
        let learned: Vec<&Learned> = conclusions.iter().flat_map(|it| &it.learned).collect();
        learn(&mut tx, &learned).await.map_err(&failed)?;
        let agreed: Vec<&Agreed> = conclusions.iter().flat_map(|it| &it.agreed).collect();
        agree(&mut tx, &agreed).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    async fn put_outcomes(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        conclusions: &[Conclusion],
    ) -> Result<(), sqlx::Error> {
        for run in in_runs(conclusions) {
            let mut query = QueryBuilder::new("INSERT INTO action (run, id, outcome, message) ");
            query.push_values(run, |mut row, it| {
                row.push_bind(self.run.0)
                    .push_bind(it.action.as_bytes().as_slice())
                    .push_bind(it.outcome.as_str())
                    .push_bind(it.message.as_deref());
            });
            query.push(
                " ON CONFLICT (run, id) DO UPDATE SET outcome = excluded.outcome, message = excluded.message",
            );
            query.build().execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Records how the run ended, and lets go of the lock.
    pub async fn finish(self, ending: Ending) -> Result<(), StateError> {
        sqlx::query("UPDATE run SET finished = ?, ending = ? WHERE id = ?")
            .bind(now())
            .bind(ending.as_str())
            .bind(self.run.0)
            .execute(&self.state.pool)
            .await
            .map_err(self.state.failed("record the end of the run"))?;
        let tasks = self.state.tasks_of(self.run.0).await?;
        self.state.fold_bases(&tasks).await
    }
}
