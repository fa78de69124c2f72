use syncplan_model::{Digest, TaskName, Token};

use crate::error::StateError;
use crate::state::State;

const LOAD: &str = "load what is known of a shared index";
const SAVE: &str = "remember a shared index";

/// What is known here of the index that machines share on the remote side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedIndex {
    /// The one that was read or written last, all of which is known here; nothing if there is none that
    /// can be read.
    pub token: Option<Token>,
    /// How many entries it had.
    pub entries: u64,
    /// How much has come to be known here since that it does not have.
    pub pending: u64,
}

impl State {
    /// What is known of the shared index of a task; nothing, if that was at another `source`.
    pub async fn shared_index(
        &self,
        task: &TaskName,
        source: &Digest,
    ) -> Result<Option<SharedIndex>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(LOAD))?;
        let row: Option<(Option<String>, i64, i64)> = tx
            .query("SELECT token, entries, pending FROM shared_index WHERE task = $1 AND source = $2")
            .bind(task.as_str())
            .bind(source.as_bytes().as_slice())
            .fetch_optional()
            .await
            .map_err(self.failed(LOAD))?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(row.map(|(token, entries, pending)| SharedIndex {
            token: token.map(Token::new),
            entries: count(entries),
            pending: count(pending),
        }))
    }

    /// Remembers it.
    pub async fn save_shared_index(
        &self,
        task: &TaskName,
        source: &Digest,
        index: &SharedIndex,
    ) -> Result<(), StateError> {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut tx = self.write([task]).await.map_err(self.failed(SAVE))?;
        tx.query(
            "INSERT INTO shared_index (task, source, token, entries, pending) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (task) DO UPDATE SET source = excluded.source, token = excluded.token, \
             entries = excluded.entries, pending = excluded.pending",
        )
        .bind(task.as_str())
        .bind(source.as_bytes().as_slice())
        .bind(index.token.as_ref().map(|token| token.as_str().to_owned()))
        .bind(count(index.entries))
        .bind(count(index.pending))
        .execute()
        .await
        .map_err(self.failed(SAVE))?;
        tx.commit().await.map_err(self.failed(SAVE))
    }
}
