use syncplan_model::plan::ActionId;

use crate::error::StateError;
use crate::outcome::Outcome;
use crate::run::RunId;
use crate::runs::{READ, action_id};
use crate::state::State;

/// What a run did with one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Which.
    pub action: ActionId,
    /// What became of it; `None` while that is not settled.
    pub outcome: Option<Outcome>,
    /// Why, where it was not done.
    pub message: Option<String>,
    /// When that was recorded, in milliseconds since 1970; unknown for runs of older versions.
    pub at: Option<i64>,
}

impl State {
    /// What a run did, in the order in which it was recorded; what is not settled comes last.
    pub async fn log(&self, run: RunId) -> Result<Vec<LogEntry>, StateError> {
        type Row = (Vec<u8>, Option<String>, Option<String>, Option<i64>);
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let rows: Vec<Row> = tx
            .query(
                "SELECT id, outcome, message, concluded FROM action WHERE run = $1 \
                 ORDER BY outcome IS NULL, concluded, id",
            )
            .bind(run.0)
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let entry = |(action, outcome, message, at): Row| {
            let outcome = match outcome {
                Some(name) => Some(Outcome::parse(&name)?),
                None => None,
            };
            Some(LogEntry { action: action_id(action)?, outcome, message, at })
        };
        let damaged = || self.damaged(READ, "what became of an action cannot be read");
        rows.into_iter().map(|row| entry(row).ok_or_else(damaged)).collect()
    }
}
