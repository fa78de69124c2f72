use std::sync::Arc;

use syncplan_model::plan::Action;
use syncplan_state::{Ending, Outcome};

/// Something that happened in a run, for whoever shows it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// It begins, or goes on.
    RunStarted {
        /// How many actions are left to do.
        actions: u64,
        /// How many bytes they transfer.
        bytes: u64,
    },
    /// An action is under way.
    ActionStarted {
        /// Which.
        action: &'a Action,
    },
    /// Content passed.
    Progress {
        /// For which action.
        action: &'a Action,
        /// How much since the last time, in bytes. What is tried again passes again.
        bytes: u64,
    },
    /// It did not work and is tried again.
    Retrying {
        /// Which.
        action: &'a Action,
        /// How it failed, with its causes.
        message: &'a str,
    },
    /// An action has its outcome.
    ActionFinished {
        /// Which.
        action: &'a Action,
        /// What became of it.
        outcome: Outcome,
        /// Why, where it was not done.
        message: Option<&'a str>,
    },
    /// It ended.
    RunFinished {
        /// How.
        ending: Ending,
    },
}

/// Where events go. It is called from several threads, and must not block.
pub type Events = Arc<dyn Fn(Event<'_>) + Send + Sync>;
