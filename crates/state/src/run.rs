use std::collections::HashMap;
use std::fmt;

use syncplan_model::TaskName;
use syncplan_model::plan::{ActionId, PlanId};

use crate::journal::Journal;
use crate::outcome::{Ending, Intent, Outcome};
use crate::transfer::Transfer;

/// One execution of one plan; rises with every run of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub(crate) i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RunId {
    /// The number of the run.
    pub fn number(self) -> i64 {
        self.0
    }

    /// Takes a number that a person gave.
    pub fn new(number: i64) -> Self {
        Self(number)
    }
}

/// What is to be executed.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// Of the plan.
    pub plan_id: PlanId,
    /// Tells plans apart that were made at different times from the same facts and so share an
    /// id: when it was made, as finely as it is known. Only a run of the same instance is resumed.
    pub instance: &'a str,
    /// The plan itself, so that it can be rolled forward without its file.
    pub plan: &'a [u8],
    /// The tasks it is about.
    pub tasks: Vec<TaskName>,
    /// How many actions it has.
    pub actions: u64,
    /// What executes it: `syncplan 0.1.0`.
    pub tool: &'a str,
    /// Which guards were overruled, and why.
    pub overrides: Option<&'a str>,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where it is recorded.
    pub journal: Journal,
    /// What earlier runs of the plan did.
    pub progress: Progress,
    /// What they began and did not finish: it may have had its effect, or a part of it.
    pub open: Vec<Intent>,
    /// How far the large files among it came.
    pub transfers: HashMap<ActionId, Transfer>,
}

/// What runs of a plan did so far.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The actions that are done, and how.
    pub done: HashMap<ActionId, Outcome>,
}

/// Actions of an interrupted run that may have had their effect, or a part of it.
///
/// Until the plan is applied again, what is found in its tasks may be half of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan_id: String,
    /// The tasks of the plan.
    pub tasks: Vec<TaskName>,
    /// How many actions.
    pub count: u64,
}

/// A run, for lists of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan_id: String,
    /// The tasks of the plan.
    pub tasks: Vec<TaskName>,
    /// How many actions the plan has.
    pub actions: u64,
    /// When it began, in milliseconds since 1970.
    pub started: i64,
    /// When it ended; `None` while it goes on, and for ever if it was stopped.
    pub finished: Option<i64>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Whether it goes on, as far as can be told from here.
    pub running: bool,
    /// Where it ran.
    pub host: String,
    /// In which process.
    pub pid: i64,
    /// What executed it.
    pub tool: String,
    /// Which guards were overruled, and why.
    pub overrides: Option<String>,
}

impl RunSummary {
    /// How it stands, in a word: `running`, or how it ended, which is `interrupted` if it was killed.
    pub fn status(&self) -> &'static str {
        match self.ending {
            Some(ending) => ending.as_str(),
            None if self.running => "running",
            None => Ending::Interrupted.as_str(),
        }
    }
}
