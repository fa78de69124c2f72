use std::collections::HashMap;

use sqlx::{Sqlite, SqliteConnection, Transaction};
use syncplan_model::plan::{ActionId, PlanId};
use syncplan_model::{RelPath, TaskName};

use crate::clock::now;
use crate::error::StateError;
use crate::journal::Journal;
use crate::lock::Lock;
use crate::outcome::{Ending, Intent, Outcome};
use crate::run::{Begun, NewRun, Progress, RunId, RunSummary, Unresolved};
use crate::state::State;

const BEGIN: &str = "begin a run";
const READ: &str = "read the journal";

impl State {
    /// Begins to execute a plan, and says what earlier runs of it did and left open.
    ///
    /// Refused while another run goes on, and while another plan's actions on one of the tasks are
    /// not settled.
    pub async fn begin(&self, new: &NewRun<'_>) -> Result<Begun, StateError> {
        let lock = Lock::take(&self.lock_file())?;
        let plan_id = new.plan_id.to_string();
        let in_the_way =
            |it: &Unresolved| it.plan_id != plan_id && it.tasks.iter().any(|task| new.tasks.contains(task));
        if let Some(unresolved) = self.unresolved().await?.into_iter().find(in_the_way) {
            return Err(StateError::Unresolved(unresolved));
        }
        let progress = self.progress(&new.plan_id, new.instance).await?;
        let mut tx = self.write().await.map_err(self.failed(BEGIN))?;
        let run = insert(&mut tx, &plan_id, new).await.map_err(self.failed(BEGIN))?;
        let open = adopt(&mut tx, run, &plan_id).await.map_err(self.failed(BEGIN))?;
        tx.commit().await.map_err(self.failed(BEGIN))?;
        let open =
            open.into_iter().map(|(id, temporary)| self.intent(id, temporary)).collect::<Result<_, _>>()?;
        Ok(Begun { journal: Journal::new(self.clone(), run, lock), progress, open })
    }

    /// An error that says who, while a run goes on.
    pub fn refuse_while_locked(&self) -> Result<(), StateError> {
        Lock::take(&self.lock_file()).map(drop)
    }

    /// What runs of a plan did so far. Changes nothing.
    pub async fn progress(&self, plan_id: &PlanId, instance: &str) -> Result<Progress, StateError> {
        let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
            "SELECT action.id, outcome FROM action JOIN run ON run.id = action.run \
             WHERE plan_id = ? AND instance = ? AND outcome IN ('applied', 'already-satisfied')",
        )
        .bind(plan_id.to_string())
        .bind(instance)
        .fetch_all(&self.pool)
        .await
        .map_err(self.failed(READ))?;
        let done =
            rows.into_iter().filter_map(|(id, outcome)| Some((action_id(id)?, Outcome::parse(&outcome)?)));
        Ok(Progress { done: done.collect() })
    }

    /// What interrupted runs left unsettled, oldest first.
    ///
    /// Before any of the tasks is scanned or planned for, those plans have to be applied again.
    pub async fn unresolved(&self) -> Result<Vec<Unresolved>, StateError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT run.id, plan_id, COUNT(*) FROM action JOIN run ON run.id = action.run \
             WHERE outcome IS NULL GROUP BY run.id, plan_id ORDER BY run.id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.failed(READ))?;
        let mut unresolved = Vec::new();
        for (run, plan_id, count) in rows {
            let tasks = self.tasks_of(run).await?;
            unresolved.push(Unresolved { run: RunId(run), plan_id, tasks, count: count.unsigned_abs() });
        }
        Ok(unresolved)
    }

    /// The plan that a run executed, as it was given.
    pub async fn plan_of(&self, run: RunId) -> Result<Option<Vec<u8>>, StateError> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT plan FROM run WHERE id = ?")
            .bind(run.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(self.failed(READ))?;
        Ok(row.map(|(plan,)| plan))
    }

    /// The latest runs, newest first.
    pub async fn history(&self, most: u32) -> Result<Vec<RunSummary>, StateError> {
        type Row = (i64, String, i64, i64, Option<i64>, Option<String>, String, i64, String, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, plan_id, actions, started, finished, ending, host, pid, tool, overrides FROM run \
             ORDER BY id DESC LIMIT ?",
        )
        .bind(most)
        .fetch_all(&self.pool)
        .await
        .map_err(self.failed(READ))?;
        let summary =
            |(run, plan_id, actions, started, finished, ending, host, pid, tool, overrides): Row| {
                RunSummary {
                    run: RunId(run),
                    plan_id,
                    actions: actions.unsigned_abs(),
                    started,
                    finished,
                    ending: ending.as_deref().and_then(Ending::parse),
                    host,
                    pid,
                    tool,
                    overrides,
                }
            };
        Ok(rows.into_iter().map(summary).collect())
    }

    /// How many actions of a run had which outcome.
    pub async fn outcomes(&self, run: RunId) -> Result<HashMap<Outcome, u64>, StateError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT outcome, COUNT(*) FROM action WHERE run = ? AND outcome IS NOT NULL GROUP BY outcome",
        )
        .bind(run.0)
        .fetch_all(&self.pool)
        .await
        .map_err(self.failed(READ))?;
        let counts =
            rows.into_iter().filter_map(|(name, count)| Some((Outcome::parse(&name)?, count.unsigned_abs())));
        Ok(counts.collect())
    }

    pub(crate) async fn tasks_of(&self, run: i64) -> Result<Vec<TaskName>, StateError> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT task FROM run_task WHERE run = ? ORDER BY task")
            .bind(run)
            .fetch_all(&self.pool)
            .await
            .map_err(self.failed(READ))?;
        let names = rows.into_iter().map(|(name,)| TaskName::new(name));
        names.collect::<Result<_, _>>().map_err(|e| self.damaged(READ, e))
    }

    fn intent(&self, id: Vec<u8>, temporary: Option<Vec<u8>>) -> Result<Intent, StateError> {
        let action =
            action_id(id).ok_or_else(|| self.damaged(READ, "an action's id has the wrong length"))?;
        let temporary = temporary.map(RelPath::new).transpose().map_err(|e| self.damaged(READ, e))?;
        Ok(Intent { action, temporary })
    }
}

fn action_id(bytes: Vec<u8>) -> Option<ActionId> {
    bytes.try_into().ok().map(ActionId::from_bytes)
}

async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    plan_id: &str,
    new: &NewRun<'_>,
) -> Result<RunId, sqlx::Error> {
    let (run,): (i64,) = sqlx::query_as(
        "INSERT INTO run (plan_id, instance, plan, actions, started, host, pid, tool, overrides) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(plan_id)
    .bind(new.instance)
    .bind(new.plan)
    .bind(i64::try_from(new.actions).unwrap_or(i64::MAX))
    .bind(now())
    .bind(rustix::system::uname().nodename().to_string_lossy().into_owned())
    .bind(i64::from(std::process::id()))
    .bind(new.tool)
    .bind(new.overrides)
    .fetch_one(&mut **tx)
    .await?;
    for task in &new.tasks {
        sqlx::query("INSERT INTO run_task (run, task) VALUES (?, ?)")
            .bind(run)
            .bind(task.as_str())
            .execute(&mut **tx)
            .await?;
    }
    Ok(RunId(run))
}

/// Takes over what earlier runs of the plan left open: from now on it is this run's to settle.
async fn adopt(
    conn: &mut SqliteConnection,
    run: RunId,
    plan_id: &str,
) -> Result<Vec<(Vec<u8>, Option<Vec<u8>>)>, sqlx::Error> {
    sqlx::query(
        "UPDATE action SET run = ? WHERE outcome IS NULL AND run IN (SELECT id FROM run WHERE plan_id = ?)",
    )
    .bind(run.0)
    .bind(plan_id)
    .execute(&mut *conn)
    .await?;
    sqlx::query_as("SELECT id, temporary FROM action WHERE run = ? ORDER BY id")
        .bind(run.0)
        .fetch_all(conn)
        .await
}
