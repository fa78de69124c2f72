use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use syncplan_model::plan::{Action, ActionId, Op, Side};
use syncplan_model::{Mtime, RelPath, TaskName};

use crate::event::Event;
use crate::report::Counts;

/// What every stream of events begins with.
const FORMAT: &str = "syncplan.events";
const VERSION: &str = "1.0";

/// One line of a stream of events: see `docs/events.md`.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a> {
    #[serde(flatten)]
    what: What<'a>,
    /// Seconds since 1970.
    at: Mtime,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum What<'a> {
    Stream {
        format: &'static str,
        version: &'static str,
    },
    RunStarted {
        #[serde(serialize_with = "as_text")]
        actions: u64,
        #[serde(serialize_with = "as_text")]
        bytes: u64,
    },
    ActionStarted {
        #[serde(flatten)]
        action: Named<'a>,
    },
    Progress {
        #[serde(flatten)]
        action: Named<'a>,
        #[serde(serialize_with = "as_text")]
        passed: u64,
    },
    Resumed {
        #[serde(flatten)]
        action: Named<'a>,
        #[serde(serialize_with = "as_text")]
        found: u64,
    },
    Retrying {
        #[serde(flatten)]
        action: Named<'a>,
        message: &'a str,
    },
    Throttled {
        store: &'a str,
        jobs: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        pause: Option<Mtime>,
    },
    Offline {
        store: &'a str,
        message: &'a str,
    },
    Online {
        store: &'a str,
        after: Mtime,
    },
    ActionFinished {
        #[serde(flatten)]
        action: Named<'a>,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    RunFinished {
        ending: &'static str,
        already_applied: bool,
        counts: Tally,
        #[serde(serialize_with = "as_text")]
        bytes: u64,
    },
}

/// What an action is called in every line about it.
#[derive(Debug, Serialize)]
struct Named<'a> {
    action: ActionId,
    task: &'a TaskName,
    op: Op,
    side: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a RelPath>,
    path: &'a RelPath,
    #[serde(serialize_with = "as_text")]
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Tally {
    #[serde(serialize_with = "as_text")]
    applied: u64,
    #[serde(serialize_with = "as_text")]
    already_satisfied: u64,
    #[serde(serialize_with = "as_text")]
    stale: u64,
    #[serde(serialize_with = "as_text")]
    failed: u64,
    #[serde(serialize_with = "as_text")]
    skipped: u64,
    #[serde(serialize_with = "as_text")]
    not_begun: u64,
}

impl<'a> Record<'a> {
    /// The first line of a stream.
    pub(crate) fn head() -> Self {
        Self { what: What::Stream { format: FORMAT, version: VERSION }, at: now(), run: None }
    }

    /// The line of an event; `passed` is how much content of its action passed so far.
    pub(crate) fn of(event: Event<'a>, run: Option<i64>, passed: u64) -> Self {
        Self { what: What::of(event, passed), at: now(), run }
    }

    /// As JSON, with the end of the line.
    pub(crate) fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

impl<'a> What<'a> {
    fn of(event: Event<'a>, passed: u64) -> Self {
        match event {
            Event::RunStarted { actions, bytes, .. } => Self::RunStarted { actions, bytes },
            Event::ActionStarted { action } => Self::ActionStarted { action: action.into() },
            Event::Progress { action, .. } => Self::Progress { action: action.into(), passed },
            Event::Resumed { action, bytes } => Self::Resumed { action: action.into(), found: bytes },
            Event::Retrying { action, message } => Self::Retrying { action: action.into(), message },
            Event::Throttled { store, jobs, pause } => {
                Self::Throttled { store, jobs, pause: pause.map(seconds) }
            }
            Event::Offline { store, message } => Self::Offline { store, message },
            Event::Online { store, after } => Self::Online { store, after: seconds(after) },
            Event::ActionFinished { action, outcome, message } => {
                Self::ActionFinished { action: action.into(), outcome: outcome.as_str(), message }
            }
            Event::RunFinished { report } => Self::RunFinished {
                ending: report.ending.as_str(),
                already_applied: report.already_applied,
                counts: report.counts.into(),
                bytes: report.bytes,
            },
        }
    }
}

impl<'a> From<&'a Action> for Named<'a> {
    fn from(action: &'a Action) -> Self {
        Self {
            action: action.id,
            task: &action.task,
            op: action.op,
            side: action.side,
            from: action.from.as_ref(),
            path: &action.path,
            bytes: action.bytes,
        }
    }
}

impl From<Counts> for Tally {
    fn from(counts: Counts) -> Self {
        let Counts { applied, already_satisfied, stale, failed, skipped, not_begun } = counts;
        Self { applied, already_satisfied, stale, failed, skipped, not_begun }
    }
}

/// 64-bit numbers are strings, as in plan.json.
fn as_text<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn now() -> Mtime {
    seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// To the millisecond.
fn seconds(duration: Duration) -> Mtime {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Mtime { seconds, nanos: duration.subsec_millis() * 1_000_000 }
}
