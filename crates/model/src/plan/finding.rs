use serde::{Deserialize, Serialize};

use super::action::ActionId;
use super::op::Level;
use crate::entry::Facts;
use crate::name::TaskName;
use crate::path::RelPath;

/// What a guard has to say about a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Which guard: `max-delete`, `protected`, …
    pub code: String,
    /// How much it matters.
    pub level: Level,
    /// The task it is about; absent when it is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// What it found, for people.
    pub message: String,
    /// The actions it is about: the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionId>,
}

impl Finding {
    /// At most this many actions are named.
    pub const MAX_ACTIONS: usize = 100;
}

/// A path on which the sides disagree in a way that only a policy, or a person, decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The task it belongs to.
    pub task: TaskName,
    /// Where.
    pub path: RelPath,
    /// What stands on the local side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Box<Facts>>,
    /// What stands on the remote side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Box<Facts>>,
    /// What both sides agreed on before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Box<Facts>>,
    /// What decided: a conflict policy of the manifest, or `hold` where none could.
    pub policy: String,
    /// Why there is a conflict, for people.
    pub reason: String,
}

impl Conflict {
    /// The policy of a conflict that stays as it is.
    pub const HELD: &str = "hold";

    /// Whether nothing changes on either side.
    pub fn is_held(&self) -> bool {
        self.policy == Self::HELD
    }
}
