use std::sync::Arc;
use std::time::Duration;

use syncplan_model::plan::Action;
use syncplan_state::{Outcome, RunId};

use crate::report::Report;

/// Something that happened in a run, for whoever shows it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// It begins, or goes on.
    RunStarted {
        /// Which; a dry run is none.
        run: Option<RunId>,
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
    /// Content that an earlier try brought over was found to be there, and is not sent again.
    Resumed {
        /// For which action.
        action: &'a Action,
        /// How much, in bytes: it counts towards the bytes of the run as what passes does.
        bytes: u64,
    },
    /// It did not work and is tried again.
    Retrying {
        /// Which.
        action: &'a Action,
        /// How it failed, with its causes.
        message: &'a str,
    },
    /// A store asks for less at once.
    Throttled {
        /// Which, as people know it.
        store: &'a str,
        /// How much is asked of it at once from now on.
        jobs: usize,
        /// How long it wants to be left alone, if it says so.
        pause: Option<Duration>,
    },
    /// A store cannot be reached: what needs it waits.
    Offline {
        /// Which, as people know it.
        store: &'a str,
        /// How that was noticed, with its causes.
        message: &'a str,
    },
    /// It can be reached again: what waited goes on.
    Online {
        /// Which, as people know it.
        store: &'a str,
        /// How long it was out of reach.
        after: Duration,
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
        /// How, and what was done.
        report: &'a Report,
    },
}

/// Where events go. It is called from several threads, and must not block.
pub type Events = Arc<dyn Fn(Event<'_>) + Send + Sync>;
