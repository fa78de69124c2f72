use std::collections::HashMap;

use syncplan_model::plan::{ActionId, PlanId};
use syncplan_model::{RelPath, TaskName};

use crate::error::StateError;
use crate::outcome::{Ending, Intent, Outcome};
use crate::run::{Progress, RunId, RunSummary, Unresolved};
use crate::state::State;
use crate::transaction::Tx;

pub(crate) const READ: &str = "read the journal";

impl State {
    /// What runs of a plan did so far. Changes nothing.
    pub async fn progress(&self, plan_id: &PlanId, instance: &str) -> Result<Progress, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        self.progress_of(&mut tx, plan_id, instance).await
    }

    pub(crate) async fn progress_of(
        &self,
        tx: &mut Tx,
        plan_id: &PlanId,
        instance: &str,
    ) -> Result<Progress, StateError> {
        let rows: Vec<(Vec<u8>, String)> = tx
            .query(
                "SELECT action.id, outcome FROM action JOIN run ON run.id = action.run \
                 WHERE plan_id = $1 AND instance = $2 AND outcome IN ('applied', 'already-satisfied')",
            )
            .bind(plan_id.to_string())
            .bind(instance)
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let done =
            rows.into_iter().filter_map(|(id, outcome)| Some((action_id(id)?, Outcome::parse(&outcome)?)));
        Ok(Progress { done: done.collect() })
    }

    /// What interrupted runs left unsettled, oldest first; runs that go on are none of them.
    ///
    /// Before any of the tasks is scanned or planned for, those plans have to be applied again.
    pub async fn unresolved(&self) -> Result<Vec<Unresolved>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let mut unsettled = self.unsettled(&mut tx).await?;
        if !unsettled.is_empty() {
            let going_on = self.going_on(&mut tx).await?;
            unsettled.retain(|it| !going_on.contains(&it.run));
        }
        Ok(unsettled)
    }

    /// What runs have not settled, whether they go on or not.
    pub(crate) async fn unsettled(&self, tx: &mut Tx) -> Result<Vec<Unresolved>, StateError> {
        let rows: Vec<(i64, String, i64)> = tx
            .query(
                "SELECT run.id, plan_id, COUNT(*) FROM action JOIN run ON run.id = action.run \
                 WHERE outcome IS NULL GROUP BY run.id, plan_id ORDER BY run.id",
            )
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let mut unsettled = Vec::new();
        for (run, plan_id, count) in rows {
            let tasks = self.tasks_of(tx, RunId(run)).await?;
            unsettled.push(Unresolved { run: RunId(run), plan_id, tasks, count: count.unsigned_abs() });
        }
        Ok(unsettled)
    }

    /// The plan that a run executed, as it was given.
    pub async fn plan_of(&self, run: RunId) -> Result<Option<Vec<u8>>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let query = tx.query("SELECT plan FROM run WHERE id = $1").bind(run.0);
        let row: Option<(Vec<u8>,)> = query.fetch_optional().await.map_err(self.failed(READ))?;
        Ok(row.map(|(plan,)| plan))
    }

    /// The latest runs, newest first.
    pub async fn history(&self, most: u32) -> Result<Vec<RunSummary>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let query = tx.query(
            "SELECT id, plan_id, actions, started, finished, ending, host, pid, tool, overrides FROM run \
             ORDER BY id DESC LIMIT $1",
        );
        let rows = query.bind(i64::from(most)).fetch_all().await.map_err(self.failed(READ))?;
        self.summaries(&mut tx, rows).await
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Option<RunSummary>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let query = tx.query(
            "SELECT id, plan_id, actions, started, finished, ending, host, pid, tool, overrides FROM run \
             WHERE id = $1",
        );
        let row = query.bind(run.0).fetch_all().await.map_err(self.failed(READ))?;
        Ok(self.summaries(&mut tx, row).await?.pop())
    }

    async fn summaries(&self, tx: &mut Tx, rows: Vec<RunRow>) -> Result<Vec<RunSummary>, StateError> {
        let going_on = self.going_on(tx).await?;
        let mut summaries = Vec::with_capacity(rows.len());
        for (run, plan_id, actions, started, finished, ending, host, pid, tool, overrides) in rows {
            let run = RunId(run);
            summaries.push(RunSummary {
                run,
                plan_id,
                tasks: self.tasks_of(tx, run).await?,
                actions: actions.unsigned_abs(),
                started,
                finished,
                ending: ending.as_deref().and_then(Ending::parse),
                running: finished.is_none() && going_on.contains(&run),
                host,
                pid,
                tool,
                overrides,
            });
        }
        Ok(summaries)
    }

    /// How many actions of a run had which outcome.
    pub async fn outcomes(&self, run: RunId) -> Result<HashMap<Outcome, u64>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let rows: Vec<(String, i64)> = tx
            .query(
                "SELECT outcome, COUNT(*) FROM action WHERE run = $1 AND outcome IS NOT NULL \
                 GROUP BY outcome",
            )
            .bind(run.0)
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let counts =
            rows.into_iter().filter_map(|(name, count)| Some((Outcome::parse(&name)?, count.unsigned_abs())));
        Ok(counts.collect())
    }

    pub(crate) async fn tasks_of(&self, tx: &mut Tx, run: RunId) -> Result<Vec<TaskName>, StateError> {
        let query = tx.query("SELECT task FROM run_task WHERE run = $1 ORDER BY task").bind(run.0);
        let rows: Vec<(String,)> = query.fetch_all().await.map_err(self.failed(READ))?;
        let names = rows.into_iter().map(|(name,)| TaskName::new(name));
        names.collect::<Result<_, _>>().map_err(|e| self.damaged(READ, e))
    }

    pub(crate) fn intent(&self, id: Vec<u8>, temporary: Option<Vec<u8>>) -> Result<Intent, StateError> {
        let action =
            action_id(id).ok_or_else(|| self.damaged(READ, "an action's id has the wrong length"))?;
        let temporary = temporary.map(RelPath::new).transpose().map_err(|e| self.damaged(READ, e))?;
        Ok(Intent { action, temporary })
    }
}

type RunRow = (i64, String, i64, i64, Option<i64>, Option<String>, String, i64, String, Option<String>);

pub(crate) fn action_id(bytes: Vec<u8>) -> Option<ActionId> {
    bytes.try_into().ok().map(ActionId::from_bytes)
}
