use std::collections::BTreeSet;

use syncplan_model::TaskName;

use crate::clock::now;
use crate::error::StateError;
use crate::journal::Journal;
use crate::outcome::Intent;
use crate::process::{Presence, Process};
use crate::run::{Begun, NewRun, RunId, Unresolved};
use crate::state::State;
use crate::transaction::Tx;
use crate::transfer::stored;

const BEGIN: &str = "begin a run";

impl State {
    /// Begins to execute a plan, and says what earlier runs of it did and left open.
    ///
    /// Refused while another run has one of the tasks, and while another plan's actions on one of them
    /// are not settled. What a run that is gone had is taken over at once.
    pub async fn begin(&self, new: &NewRun<'_>) -> Result<Begun, StateError> {
        let failed = self.failed(BEGIN);
        let tasks: BTreeSet<&TaskName> = new.tasks.iter().collect();
        let plan_id = new.plan_id.to_string();
        let presence = Presence::new().map_err(|e| failed(sqlx::Error::Encode(e.into())))?;
        let process = Process::of(&presence);
        let mut tx = self.write(tasks.iter().copied()).await.map_err(&failed)?;
        let run = insert(&mut tx, &plan_id, new).await.map_err(&failed)?;
        for &task in &tasks {
            self.take(&mut tx, (task, run), &process).await?;
        }
        // Only now: whoever had the tasks can add nothing to it any more.
        let in_the_way =
            |it: &Unresolved| it.plan_id != plan_id && it.tasks.iter().any(|task| tasks.contains(task));
        if let Some(unresolved) = self.unsettled(&mut tx).await?.into_iter().find(in_the_way) {
            return Err(StateError::Unresolved(unresolved));
        }
        let progress = self.progress_of(&mut tx, &new.plan_id, new.instance).await?;
        adopt(&mut tx, run, &plan_id).await.map_err(&failed)?;
        let open = self.intents_of(&mut tx, run).await?;
        let transfers = self.transfers_of(&mut tx, run).await?;
        tx.commit().await.map_err(&failed)?;
        let tasks = tasks.into_iter().cloned().collect();
        Ok(Begun { journal: Journal::new(self.clone(), run, tasks, presence), progress, open, transfers })
    }

    /// What runs are about to do, or were when they were interrupted: all that is not settled.
    pub async fn open_intents(&self) -> Result<Vec<Intent>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(BEGIN))?;
        let mut open = Vec::new();
        for unsettled in self.unsettled(&mut tx).await? {
            open.extend(self.intents_of(&mut tx, unsettled.run).await?);
        }
        Ok(open)
    }

    async fn intents_of(&self, tx: &mut Tx, run: RunId) -> Result<Vec<Intent>, StateError> {
        let query =
            tx.query("SELECT id, temporary FROM action WHERE run = $1 AND outcome IS NULL ORDER BY id");
        let rows = query.bind(run.0).fetch_all().await.map_err(self.failed(BEGIN))?;
        rows.into_iter().map(|(id, temporary)| self.intent(id, temporary)).collect()
    }
}

async fn insert(tx: &mut Tx, plan_id: &str, new: &NewRun<'_>) -> Result<RunId, sqlx::Error> {
    let (run,): (i64,) = tx
        .query(
            "INSERT INTO run (plan_id, instance, plan, actions, started, host, pid, tool, overrides) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        )
        .bind(plan_id)
        .bind(new.instance)
        .bind(new.plan)
        .bind(stored(new.actions))
        .bind(now())
        .bind(rustix::system::uname().nodename().to_string_lossy().into_owned())
        .bind(i64::from(std::process::id()))
        .bind(new.tool)
        .bind(new.overrides)
        .fetch_one()
        .await?;
    for task in &new.tasks {
        let query = tx.query("INSERT INTO run_task (run, task) VALUES ($1, $2)");
        query.bind(run).bind(task.as_str()).execute().await?;
    }
    Ok(RunId(run))
}

/// Takes over what earlier runs of the plan left open, transfers and all: from now on it is this run's to
/// settle.
async fn adopt(tx: &mut Tx, run: RunId, plan_id: &str) -> Result<(), sqlx::Error> {
    tx.query(
        "UPDATE action SET run = $1 \
         WHERE outcome IS NULL AND run IN (SELECT id FROM run WHERE plan_id = $2)",
    )
    .bind(run.0)
    .bind(plan_id)
    .execute()
    .await
    .map(drop)
}
