use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, Op, Risk};
use crate::name::TaskName;
use crate::text::u64_as_text;

/// A plan in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// By what is done.
    pub by_op: BTreeMap<Op, Amount>,
    /// By task.
    pub by_task: BTreeMap<TaskName, Amount>,
    /// By what could be lost.
    pub by_risk: BTreeMap<Risk, Amount>,
    /// Bytes that pass from one side to the other.
    #[serde(with = "u64_as_text")]
    pub transfer_bytes: u64,
    /// Bytes that moves and copies keep from passing.
    #[serde(with = "u64_as_text")]
    pub saved_bytes: u64,
}

/// So many actions, about so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    /// How many actions.
    #[serde(with = "u64_as_text")]
    pub count: u64,
    /// About how many bytes.
    #[serde(with = "u64_as_text")]
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Summary {
    /// Counts actions.
    pub fn of(actions: &[Action]) -> Self {
        let mut summary = Self::default();
        for action in actions {
            summary.by_op.entry(action.op).or_default().add(action.bytes);
            summary.by_task.entry(action.task.clone()).or_default().add(action.bytes);
            for risk in &action.risk {
                summary.by_risk.entry(*risk).or_default().add(action.bytes);
            }
            match action.op {
                Op::Upload | Op::Download => {
                    summary.transfer_bytes = summary.transfer_bytes.saturating_add(action.bytes)
                }
                Op::Copy | Op::Move | Op::Stage => {
                    summary.saved_bytes = summary.saved_bytes.saturating_add(action.bytes)
                }
                _ => {}
            }
        }
        summary
    }

    /// How many actions do one thing.
    pub fn count(&self, op: Op) -> u64 {
        self.by_op.get(&op).map_or(0, |amount| amount.count)
    }
}
