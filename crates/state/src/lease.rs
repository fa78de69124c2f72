use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use syncplan_model::TaskName;

use crate::clock::now;
use crate::error::StateError;
use crate::process::Process;
use crate::run::RunId;
use crate::state::State;
use crate::transaction::Tx;

const READ: &str = "read who holds which task";

/// Who applies a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// On which machine, for people: a name proves nothing.
    pub host: String,
    /// In which process.
    pub pid: i64,
    /// The run.
    pub run: RunId,
    /// The plan.
    pub plan_id: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// When it last said that it goes on, in milliseconds since 1970, by its own clock.
    pub heartbeat: i64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, pid, run, .. } = self;
        write!(f, "run {run}, process {pid} on {host}, last heard of {} ago", Age::of(self.heartbeat))
    }
}

/// A time that went by, as coarse as it matters.
struct Age(u64);

impl Age {
    fn of(time: i64) -> Self {
        Self(u64::try_from(now().saturating_sub(time) / 1000).unwrap_or(0))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ 0..120 => write!(f, "{seconds} s"),
            seconds @ 120..7200 => write!(f, "{} min", seconds / 60),
            seconds @ 7200..172_800 => write!(f, "{} h", seconds / 3600),
            seconds => write!(f, "{} days", seconds / 86_400),
        }
    }
}

/// That a task belongs to a run: one run at a time applies a plan to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The task.
    pub task: TaskName,
    /// The run.
    pub holder: Holder,
}

/// A lease as the state has it.
pub(crate) struct Held {
    pub(crate) lease: Lease,
    process: Process,
}

impl State {
    /// The tasks that belong to runs which go on, as far as can be told from here.
    pub async fn leases(&self) -> Result<Vec<Lease>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        Ok(self.held(&mut tx).await?.into_iter().filter(|it| self.is_alive(it)).map(|it| it.lease).collect())
    }

    /// An error that says who, while a run about one of these tasks goes on.
    pub async fn refuse_while_locked(&self, tasks: &[TaskName]) -> Result<(), StateError> {
        let leases = self.leases().await?;
        match leases.into_iter().find(|lease| tasks.contains(&lease.task)) {
            Some(Lease { task, holder }) => Err(StateError::Locked { task, holder: Box::new(holder) }),
            None => Ok(()),
        }
    }

    /// Takes a task from the run that holds it, whoever that is: a person knows that it is gone, or
    /// wants it to stop. A run that does go on is stopped at its next step.
    pub async fn unlock(&self, task: &TaskName) -> Result<Option<Lease>, StateError> {
        let failed = self.failed("unlock a task");
        let mut tx = self.write([task]).await.map_err(&failed)?;
        let held = self.held(&mut tx).await?.into_iter().find(|it| it.lease.task == *task);
        delete(&mut tx, task).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(held.map(|it| it.lease))
    }

    /// Takes a lease for a run, from a holder that is gone if need be.
    pub(crate) async fn take(
        &self,
        tx: &mut Tx,
        (task, run): (&TaskName, RunId),
        process: &Process,
    ) -> Result<(), StateError> {
        const TAKE: &str = "take a task";
        if let Some(held) = self.held(tx).await?.into_iter().find(|it| it.lease.task == *task) {
            if self.is_alive(&held) {
                let Lease { task, holder } = held.lease;
                return Err(StateError::Locked { task, holder: Box::new(holder) });
            }
            tracing::info!(%task, holder = %held.lease.holder, "taken over from a run that is gone");
            delete(tx, task).await.map_err(self.failed(TAKE))?;
        }
        tx.query(
            "INSERT INTO lease (task, run, boot, namespace, process_started, journal, heartbeat) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(task.as_str())
        .bind(run.0)
        .bind(process.boot.as_deref())
        .bind(process.namespace.as_deref())
        .bind(process.started)
        .bind(process.journal)
        .bind(now())
        .execute()
        .await
        .map(drop)
        .map_err(self.failed(TAKE))
    }

    /// The runs that go on: those that still have all their tasks, in a process that is not gone.
    pub(crate) async fn going_on(&self, tx: &mut Tx) -> Result<BTreeSet<RunId>, StateError> {
        let mut held: BTreeMap<RunId, i64> = BTreeMap::new();
        for lease in self.held(tx).await?.iter().filter(|it| self.is_alive(it)) {
            *held.entry(lease.lease.holder.run).or_default() += 1;
        }
        let query =
            tx.query("SELECT run, COUNT(*) FROM run_task WHERE run IN (SELECT run FROM lease) GROUP BY run");
        let tasks: Vec<(i64, i64)> = query.fetch_all().await.map_err(self.failed(READ))?;
        let whole = tasks.into_iter().map(|(run, count)| (RunId(run), count));
        Ok(whole.filter(|(run, count)| held.get(run) == Some(count)).map(|(run, _)| run).collect())
    }

    /// All leases, also of runs that are gone.
    pub(crate) async fn held(&self, tx: &mut Tx) -> Result<Vec<Held>, StateError> {
        type Row =
            (String, i64, String, String, i64, i64, i64, Option<String>, Option<String>, Option<i64>, i64);
        let rows: Vec<Row> = tx
            .query(
                "SELECT task, run.id, plan_id, host, pid, run.started, heartbeat, boot, namespace, \
                 process_started, journal FROM lease JOIN run ON run.id = lease.run ORDER BY task",
            )
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let held =
            |(task, run, plan_id, host, pid, since, heartbeat, boot, namespace, started, journal): Row| {
                let task = TaskName::new(task).map_err(|e| self.damaged(READ, e))?;
                let holder = Holder { host, pid, run: RunId(run), plan_id, since, heartbeat };
                let process = Process { pid, boot, namespace, started, journal };
                Ok(Held { lease: Lease { task, holder }, process })
            };
        rows.into_iter().map(held).collect()
    }

    fn is_alive(&self, held: &Held) -> bool {
        !held.process.is_gone(self.database.is_local())
    }
}

/// Says that a run goes on; answers how many tasks it still has.
pub(crate) async fn renew(tx: &mut Tx, run: RunId) -> Result<u64, sqlx::Error> {
    tx.query("UPDATE lease SET heartbeat = $1 WHERE run = $2").bind(now()).bind(run.0).execute().await
}

/// Lets go of all that a run holds.
pub(crate) async fn release(tx: &mut Tx, run: RunId) -> Result<(), sqlx::Error> {
    tx.query("DELETE FROM lease WHERE run = $1").bind(run.0).execute().await.map(drop)
}

async fn delete(tx: &mut Tx, task: &TaskName) -> Result<(), sqlx::Error> {
    tx.query("DELETE FROM lease WHERE task = $1").bind(task.as_str()).execute().await.map(drop)
}
