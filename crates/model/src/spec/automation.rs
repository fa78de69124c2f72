use super::{Cron, SecretRef};
use crate::name::{NotifyName, ProfileName, ScheduleName, TaskName};
use crate::quantity::Period;
use crate::text::text_enum;

/// Tasks that `serve` runs at certain times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name in the manifest.
    pub name: ScheduleName,
    /// When it runs.
    pub cron: Cron,
    /// What it runs, in manifest order.
    pub tasks: Vec<TaskName>,
    /// The profile it runs them with.
    pub profile: Option<ProfileName>,
}

/// A task that `watch` keeps in sync as files change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Which task.
    pub task: TaskName,
    /// How long changes have to rest before they are planned.
    pub debounce: Period,
    /// How often the remote is listed; `None` never looks there.
    pub poll_remote: Option<Period>,
}

/// Who is told about the ends of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Its name in the manifest.
    pub name: NotifyName,
    /// How they are told.
    pub channel: NotifyChannel,
    /// What they are told about.
    pub on: Vec<NotifyEvent>,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyChannel {
    /// A POST of JSON to a secret URL.
    Webhook(SecretRef),
    /// A program, as argv without a shell.
    Command(Vec<String>),
}

text_enum! {
    /// What somebody is told about.
    NotifyEvent {
        /// A run ended and nothing is left.
        Success = "success",
        /// A run failed, or a part of it.
        Failure = "failure",
        /// Conflicts are held.
        Conflict = "conflict",
        /// A guard blocked a plan.
        Blocked = "blocked",
    }
}
