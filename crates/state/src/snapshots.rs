use sqlx::{QueryBuilder, Sqlite, Transaction};
use syncplan_model::plan::Side;
use syncplan_model::snapshot::{Page, Problem};
use syncplan_model::{Digest, Facts, RelPath, Snapshot, TaskName};

use crate::clock::now;
use crate::error::StateError;
use crate::outcome::Learned;
use crate::overlay::overlay;
use crate::rows::in_runs;
use crate::state::State;

const LOAD: &str = "load a snapshot";
const SAVE: &str = "save a snapshot";

impl State {
    /// What is known of one side of a task: its last snapshot, with what actions did since.
    ///
    /// Nothing, if the last snapshot was of another `source`.
    pub async fn load_snapshot(
        &self,
        task: &TaskName,
        side: Side,
        source: &Digest,
    ) -> Result<Option<Snapshot>, StateError> {
        // One transaction: pages and what was learned belong together.
        let mut tx = self.pool.begin().await.map_err(self.failed(LOAD))?;
        let head: Option<(Vec<u8>, String)> = sqlx::query_as(
            "SELECT digest, problems FROM snapshot WHERE task = ? AND side = ? AND source = ?",
        )
        .bind(task.as_str())
        .bind(side.as_str())
        .bind(source.as_bytes().as_slice())
        .fetch_optional(&mut *tx)
        .await
        .map_err(self.failed(LOAD))?;
        let Some((digest, problems)) = head else { return Ok(None) };
        let pages = self.load_pages(&mut tx, task, side).await?;
        let learned = self.load_learned(&mut tx, task, side).await?;
        let problems: Vec<Problem> = serde_json::from_str(&problems).map_err(|e| self.damaged(LOAD, e))?;
        let snapshot = Snapshot::from_pages(pages, problems).map_err(|e| self.damaged(LOAD, e))?;
        if snapshot.digest().as_bytes().as_slice() != digest.as_slice() {
            return Err(self.damaged(LOAD, "a snapshot is not the one that was saved"));
        }
        if learned.is_empty() {
            return Ok(Some(snapshot));
        }
        overlay(&snapshot, learned).map(Some).map_err(|e| self.damaged(LOAD, e))
    }

    /// Remembers what one side of a task looks like, in place of all that was known of it.
    ///
    /// `source` is a digest of where it is and of what was filtered out.
    pub async fn save_snapshot(
        &self,
        task: &TaskName,
        side: Side,
        source: &Digest,
        snapshot: &Snapshot,
    ) -> Result<(), StateError> {
        let mut tx = self.write().await.map_err(self.failed(SAVE))?;
        replace(&mut tx, task, side, source, snapshot).await.map_err(self.failed(SAVE))?;
        tx.commit().await.map_err(self.failed(SAVE))
    }

    async fn load_pages(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        task: &TaskName,
        side: Side,
    ) -> Result<Vec<Page>, StateError> {
        let packed: Vec<(Vec<u8>,)> =
            sqlx::query_as("SELECT packed FROM page WHERE task = ? AND side = ? ORDER BY number")
                .bind(task.as_str())
                .bind(side.as_str())
                .fetch_all(&mut **tx)
                .await
                .map_err(self.failed(LOAD))?;
        let pages = packed.into_iter().map(|(page,)| Page::parse(page));
        pages.collect::<Result<_, _>>().map_err(|e| self.damaged(LOAD, e))
    }

    async fn load_learned(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        task: &TaskName,
        side: Side,
    ) -> Result<Vec<(RelPath, Option<Facts>)>, StateError> {
        let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> =
            sqlx::query_as("SELECT path, facts FROM learned WHERE task = ? AND side = ? ORDER BY path")
                .bind(task.as_str())
                .bind(side.as_str())
                .fetch_all(&mut **tx)
                .await
                .map_err(self.failed(LOAD))?;
        rows.into_iter()
            .map(|(path, facts)| {
                let path = RelPath::new(path).map_err(|e| self.damaged(LOAD, e))?;
                let facts = facts.map(|packed| {
                    Facts::from_packed(&packed)
                        .ok_or_else(|| self.damaged(LOAD, "what was learned cannot be read"))
                });
                Ok((path, facts.transpose()?))
            })
            .collect()
    }

    /// What actions taught about one side since its last snapshot, by path.
    pub async fn learned(
        &self,
        task: &TaskName,
        side: Side,
    ) -> Result<Vec<(RelPath, Option<Facts>)>, StateError> {
        let mut tx = self.pool.begin().await.map_err(self.failed(LOAD))?;
        self.load_learned(&mut tx, task, side).await
    }
}

async fn replace(
    tx: &mut Transaction<'_, Sqlite>,
    task: &TaskName,
    side: Side,
    source: &Digest,
    snapshot: &Snapshot,
) -> Result<(), sqlx::Error> {
    let (task, side) = (task.as_str(), side.as_str());
    for statement in [
        "DELETE FROM snapshot WHERE task = ? AND side = ?",
        "DELETE FROM learned WHERE task = ? AND side = ?",
    ] {
        sqlx::query(statement).bind(task).bind(side).execute(&mut **tx).await?;
    }
    let problems = serde_json::to_string(snapshot.problems()).map_err(|e| sqlx::Error::Encode(e.into()))?;
    sqlx::query(
        "INSERT INTO snapshot (task, side, source, digest, problems, saved) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(task)
    .bind(side)
    .bind(source.as_bytes().as_slice())
    .bind(snapshot.digest().as_bytes().to_vec())
    .bind(problems)
    .bind(now())
    .execute(&mut **tx)
    .await?;
    for (number, page) in (0_i64..).zip(snapshot.pages()) {
        sqlx::query("INSERT INTO page (task, side, number, packed) VALUES (?, ?, ?, ?)")
            .bind(task)
            .bind(side)
            .bind(number)
            .bind(page.as_bytes())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Adds what was learned; what comes later counts.
pub(crate) async fn learn(tx: &mut Transaction<'_, Sqlite>, learned: &[&Learned]) -> Result<(), sqlx::Error> {
    for run in in_runs(learned) {
        let mut query = QueryBuilder::new("INSERT INTO learned (task, side, path, facts) ");
        query.push_values(run, |mut row, it| {
            row.push_bind(it.task.as_str())
                .push_bind(it.side.as_str())
                .push_bind(it.path.as_bytes())
                .push_bind(it.facts.as_ref().map(Facts::to_packed));
        });
        query.push(" ON CONFLICT (task, side, path) DO UPDATE SET facts = excluded.facts");
        query.build().execute(&mut **tx).await?;
    }
    Ok(())
}
