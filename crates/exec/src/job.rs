use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use syncplan_model::plan::{Action, Address, Op, PlanId, Reason, Side};
use syncplan_model::{Plan, Rate, SampleSpec, TaskName};
use syncplan_store::Store;

use crate::cancel::Cancel;
use crate::error::ExecError;
use crate::event::Events;
use syncplan_store::Retry;

/// What is to be executed, and where.
#[derive(Clone)]
pub struct Job {
    /// What to do.
    pub plan: Arc<Plan>,
    /// The stores of each of its tasks.
    pub sides: HashMap<TaskName, Sides>,
    /// How.
    pub options: Options,
    /// Where events go.
    pub events: Events,
    /// Stops it.
    pub cancel: Cancel,
}

/// The two sides of a task.
#[derive(Clone)]
pub struct Sides {
    /// The local one.
    pub local: Arc<dyn Store>,
    /// The remote one.
    pub remote: Arc<dyn Store>,
    /// How the task samples content.
    pub sample: SampleSpec,
    /// The program that merges conflicting files, and its arguments; empty where there is none.
    ///
    /// In the arguments `{base}`, `{local}`, `{remote}` and `{output}` stand for files. No shell takes
    /// part.
    pub merge: Vec<String>,
    /// How fast content of the task may be read to be transferred.
    pub bandwidth: Option<Rate>,
    /// Where others write to the remote side too: so long a lease on it holds that is not renewed. Nothing
    /// is done there without one.
    pub lease: Option<Duration>,
    /// How long its trash is kept; `None` is for ever.
    pub trash: Option<Duration>,
}

/// How a plan is executed.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many actions are under way at once; at least 1.
    pub jobs: usize,
    /// What a stale action means for the others.
    pub on_stale: OnStale,
    /// How often, and how soon, something is tried again.
    pub retry: Retry,
    /// How fast content may be read to be transferred, all tasks together.
    pub bandwidth: Option<Rate>,
    /// How long a store may be out of reach before what needs it fails; `None` is for ever.
    pub max_offline: Option<Duration>,
}

/// What a stale action means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStale {
    /// Go on with what does not depend on it.
    #[default]
    Skip,
    /// Begin nothing more.
    Abort,
}

/// How a run is named in the journal.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// Of the plan.
    pub plan_id: PlanId,
    /// When the plan was made, as finely as it is known: plans made at different times from the
    /// same facts share an id, and only a run of the same instance is resumed.
    pub instance: &'a str,
    /// The plan as a file, so that a run can be rolled forward without it; best compressed.
    pub bytes: &'a [u8],
    /// What executes it: `syncplan 0.1.0`.
    pub tool: &'a str,
    /// Which guards were overruled, and why.
    pub overrides: Option<&'a str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: 8,
            on_stale: OnStale::Skip,
            retry: Retry::default(),
            bandwidth: None,
            max_offline: Some(Duration::from_secs(600)),
        }
    }
}

impl Job {
    /// A job with usual options, which nobody watches or stops.
    pub fn new(plan: Arc<Plan>, sides: HashMap<TaskName, Sides>) -> Self {
        Self { plan, sides, options: Options::default(), events: Arc::new(|_| ()), cancel: Cancel::new() }
    }

    /// Where a side of a task is, as the plan says: whoever brings the stores has compared that with them.
    pub(crate) fn address(&self, task: &TaskName, side: Side) -> Option<Address> {
        Some(self.plan.header().task(task)?.side(side).address())
    }

    /// Finds out beforehand what would only fail half-way.
    pub(crate) fn check(&self) -> Result<(), ExecError> {
        for task in &self.plan.header().tasks {
            if !self.sides.contains_key(&task.name) {
                return Err(ExecError::NoStores(task.name.clone()));
            }
        }
        match self.plan.actions().iter().find(|action| !is_supported(action)) {
            Some(action) => Err(ExecError::Unsupported(action.op)),
            None => Ok(()),
        }
    }
}

fn is_supported(action: &Action) -> bool {
    match action.op {
        Op::Dump | Op::Restore | Op::Prune => false,
        Op::Run => action.reason == Reason::MERGED,
        _ => true,
    }
}

impl Sides {
    /// A task's two sides, sampled as usual, with nothing to merge with, as fast as they can, and with no
    /// lease.
    pub fn new(local: Arc<dyn Store>, remote: Arc<dyn Store>) -> Self {
        let sample = SampleSpec::default();
        Self { local, remote, sample, merge: Vec::new(), bandwidth: None, lease: None, trash: None }
    }

    /// The store of one side.
    pub fn store(&self, side: Side) -> &Arc<dyn Store> {
        match side {
            Side::Local => &self.local,
            Side::Remote => &self.remote,
        }
    }
}
