use std::collections::{HashMap, HashSet};

use syncplan_model::plan::ActionId;
use syncplan_model::{Digest, TaskName, Token};

use crate::cell::RowsStatement;
use crate::error::StateError;
use crate::rows::last_of;
use crate::run::RunId;
use crate::runs::action_id;
use crate::state::State;
use crate::transaction::Tx;

const READ: &str = "read which transfers are under way";

/// A large file that goes over in parts, so that no part of it has to go twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The action that it belongs to.
    pub action: ActionId,
    /// What the store calls the unfinished whole.
    pub draft: String,
    /// How many bytes a part has, but for the last.
    pub part_size: u64,
    /// How many bytes there are in all.
    pub size: u64,
    /// What the source was when it began: parts of another one never join them.
    pub source: Option<Token>,
    /// The parts that are there, and what they hold, by number.
    pub parts: Vec<(u32, Digest)>,
}

/// A transfer that is under way, or was when its run was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransfer {
    /// The run whose it is to finish.
    pub run: RunId,
    /// The tasks of the run.
    pub tasks: Vec<TaskName>,
    /// The transfer.
    pub transfer: Transfer,
}

impl State {
    /// The transfers of all actions that are not settled, oldest run first.
    pub async fn transfers(&self) -> Result<Vec<OpenTransfer>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let rows: Vec<(i64,)> = tx
            .query("SELECT DISTINCT run FROM transfer ORDER BY run")
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let mut open = Vec::new();
        for (run,) in rows {
            let tasks = self.tasks_of(&mut tx, RunId(run)).await?;
            let transfers = self.transfers_of(&mut tx, RunId(run)).await?;
            let of_run = |transfer| OpenTransfer { run: RunId(run), tasks: tasks.clone(), transfer };
            open.extend(transfers.into_values().map(of_run));
        }
        open.sort_by_key(|it| (it.run, it.transfer.action));
        Ok(open)
    }

    pub(crate) async fn transfers_of(
        &self,
        tx: &mut Tx,
        run: RunId,
    ) -> Result<HashMap<ActionId, Transfer>, StateError> {
        type Row = (Vec<u8>, String, i64, i64, Option<String>);
        let rows: Vec<Row> = tx
            .query("SELECT action, draft, part_size, size, source FROM transfer WHERE run = $1")
            .bind(run.0)
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let mut transfers = HashMap::new();
        for (action, draft, part_size, size, source) in rows {
            let action = action_id(action).ok_or_else(|| self.damaged(READ, "an action's id is damaged"))?;
            let (part_size, size) = (part_size.unsigned_abs(), size.unsigned_abs());
            let source = source.map(Token::new);
            transfers.insert(action, Transfer { action, draft, part_size, size, source, parts: Vec::new() });
        }
        for (action, number, digest) in self.parts_of(tx, run).await? {
            if let Some(transfer) = transfers.get_mut(&action) {
                transfer.parts.push((number, digest));
            }
        }
        Ok(transfers)
    }

    async fn parts_of(&self, tx: &mut Tx, run: RunId) -> Result<Vec<(ActionId, u32, Digest)>, StateError> {
        let rows: Vec<(Vec<u8>, i64, Vec<u8>)> = tx
            .query("SELECT action, number, digest FROM part WHERE run = $1 ORDER BY action, number")
            .bind(run.0)
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let part = |(action, number, digest): (Vec<u8>, i64, Vec<u8>)| {
            let digest = Digest::from_bytes(digest.try_into().ok()?);
            Some((action_id(action)?, u32::try_from(number).ok()?, digest))
        };
        let damaged = || self.damaged(READ, "a part of a transfer is damaged");
        rows.into_iter().map(|row| part(row).ok_or_else(damaged)).collect()
    }
}

/// Records a transfer in place of the one that the action had.
pub(crate) async fn begin(tx: &mut Tx, run: RunId, transfer: &Transfer) -> Result<(), sqlx::Error> {
    let Transfer { action, draft, part_size, size, source, parts } = transfer;
    end(tx, run, action).await?;
    tx.query(
        "INSERT INTO transfer (run, action, draft, part_size, size, source) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(run.0)
    .bind(action.as_bytes().as_slice())
    .bind(draft.as_str())
    .bind(stored(*part_size))
    .bind(stored(*size))
    .bind(source.as_ref().map(Token::as_str))
    .execute()
    .await?;
    note(tx, run, action, parts).await
}

/// Records parts that are there; a number that comes again holds something else by now.
pub(crate) async fn note(
    tx: &mut Tx,
    run: RunId,
    action: &ActionId,
    parts: &[(u32, Digest)],
) -> Result<(), sqlx::Error> {
    const NOTE: RowsStatement = RowsStatement {
        head: "INSERT INTO part (run, action, number, digest)",
        tail: " ON CONFLICT (run, action, number) DO UPDATE SET digest = excluded.digest",
    };
    let parts = last_of(parts, |(number, _)| number);
    tx.put(&NOTE, &parts, |(number, digest)| {
        let (action, digest) = (action.as_bytes().as_slice(), digest.as_bytes().as_slice());
        [run.0.into(), action.into(), i64::from(*number).into(), digest.into()]
    })
    .await
}

/// Forgets the transfer of one action.
pub(crate) async fn end(tx: &mut Tx, run: RunId, action: &ActionId) -> Result<(), sqlx::Error> {
    let query = tx.query("DELETE FROM transfer WHERE run = $1 AND action = $2").bind(run.0);
    query.bind(action.as_bytes().as_slice()).execute().await.map(drop)
}

/// Forgets the transfers of actions that have an outcome by now.
///
/// There are few transfers and many actions; a statement that joins them would leave it to the database to
/// find that out.
pub(crate) async fn end_settled(
    tx: &mut Tx,
    run: RunId,
    settled: impl Iterator<Item = ActionId>,
) -> Result<(), sqlx::Error> {
    let query = tx.query("SELECT action FROM transfer WHERE run = $1").bind(run.0);
    let open: Vec<(Vec<u8>,)> = query.fetch_all().await?;
    if open.is_empty() {
        return Ok(());
    }
    let open: HashSet<ActionId> = open.into_iter().filter_map(|(id,)| action_id(id)).collect();
    for action in settled.filter(|action| open.contains(action)) {
        end(tx, run, &action).await?;
    }
    Ok(())
}

/// As the databases hold it, which know no unsigned numbers.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
