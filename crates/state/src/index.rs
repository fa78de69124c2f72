use syncplan_model::plan::Side;
use syncplan_model::snapshot::{Page, Problem};
use syncplan_model::{Digest, Facts, Snapshot, TaskName};

use crate::clock::now;
use crate::error::StateError;
use crate::state::State;
use crate::transaction::Tx;

/// One of the snapshots that are kept of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// A side as it was last scanned.
    Seen(Side),
    /// A side as it was when both last agreed.
    Agreed(Side),
}

impl Index {
    /// Its name in the column `side`.
    fn as_str(self) -> &'static str {
        match self {
            Self::Seen(side) => side.as_str(),
            Self::Agreed(Side::Local) => "local-base",
            Self::Agreed(Side::Remote) => "remote-base",
        }
    }
}

impl State {
    /// A snapshot as its pages have it, if it is of `source`.
    pub(crate) async fn load_index(
        &self,
        tx: &mut Tx,
        (task, index, source): (&TaskName, Index, &Digest),
        operation: &'static str,
    ) -> Result<Option<Snapshot>, StateError> {
        let head: Option<(Vec<u8>, String)> = tx
            .query("SELECT digest, problems FROM snapshot WHERE task = $1 AND side = $2 AND source = $3")
            .bind(task.as_str())
            .bind(index.as_str())
            .bind(source.as_bytes().as_slice())
            .fetch_optional()
            .await
            .map_err(self.failed(operation))?;
        let Some((digest, problems)) = head else { return Ok(None) };
        let pages = load_pages(tx, task, index).await.map_err(self.failed(operation))?;
        let damaged = |error| self.damaged(operation, error);
        let snapshot = unpack(pages, &problems).map_err(damaged)?;
        if snapshot.digest().as_bytes().as_slice() != digest.as_slice() {
            return Err(damaged("a snapshot is not the one that was saved".into()));
        }
        Ok(Some(snapshot))
    }
}

async fn load_pages(tx: &mut Tx, task: &TaskName, index: Index) -> Result<Vec<(Vec<u8>,)>, sqlx::Error> {
    tx.query("SELECT packed FROM page WHERE task = $1 AND side = $2 ORDER BY number")
        .bind(task.as_str())
        .bind(index.as_str())
        .fetch_all()
        .await
}

fn unpack(
    pages: Vec<(Vec<u8>,)>,
    problems: &str,
) -> Result<Snapshot, Box<dyn std::error::Error + Send + Sync>> {
    let problems: Vec<Problem> = serde_json::from_str(problems)?;
    let pages = pages.into_iter().map(|(page,)| Page::parse(page)).collect::<Result<_, _>>()?;
    Ok(Snapshot::from_pages(pages, problems)?)
}

/// Writes a snapshot in place of the one that is kept.
pub(crate) async fn replace(
    tx: &mut Tx,
    (task, index, source): (&TaskName, Index, &Digest),
    snapshot: &Snapshot,
) -> Result<(), sqlx::Error> {
    remove(tx, task, index).await?;
    let problems = serde_json::to_string(snapshot.problems()).map_err(|e| sqlx::Error::Encode(e.into()))?;
    tx.query(
        "INSERT INTO snapshot (task, side, source, digest, problems, saved) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(task.as_str())
    .bind(index.as_str())
    .bind(source.as_bytes().as_slice())
    .bind(snapshot.digest().as_bytes().to_vec())
    .bind(problems)
    .bind(now())
    .execute()
    .await?;
    for (number, page) in (0_i64..).zip(snapshot.pages()) {
        tx.query("INSERT INTO page (task, side, number, packed) VALUES ($1, $2, $3, $4)")
            .bind(task.as_str())
            .bind(index.as_str())
            .bind(number)
            .bind(page.as_bytes())
            .execute()
            .await?;
    }
    Ok(())
}

/// Removes a snapshot, pages and all.
pub(crate) async fn remove(tx: &mut Tx, task: &TaskName, index: Index) -> Result<(), sqlx::Error> {
    tx.query("DELETE FROM snapshot WHERE task = $1 AND side = $2")
        .bind(task.as_str())
        .bind(index.as_str())
        .execute()
        .await
        .map(|_| ())
}

/// How many pages a snapshot has.
pub(crate) async fn count_pages(tx: &mut Tx, task: &TaskName, index: Index) -> Result<i64, sqlx::Error> {
    let (count,): (i64,) = tx
        .query("SELECT COUNT(*) FROM page WHERE task = $1 AND side = $2")
        .bind(task.as_str())
        .bind(index.as_str())
        .fetch_one()
        .await?;
    Ok(count)
}

/// What stands somewhere, as rows have it.
pub(crate) fn unpack_facts(packed: Option<Vec<u8>>) -> Result<Option<Facts>, &'static str> {
    packed.map(|packed| Facts::from_packed(&packed).ok_or("what was learned cannot be read")).transpose()
}
