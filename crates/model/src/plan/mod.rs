//! The plan: what is to be done, in which order, and on which conditions.

mod action;
mod address;
mod canonical;
mod finding;
mod gate;
pub mod guard;
mod header;
mod op;
mod order;
mod read;
mod summary;
mod validate;
mod write;

pub use action::{Action, ActionId, ActionIdError, Agreement, Expect, Expectation, Reason};
pub use address::Address;
pub use canonical::PlanId;
pub use finding::{Conflict, Finding};
pub use gate::{Gate, Gates};
pub use header::{
    BaseHeader, DeleteLimit, FileInfo, Header, Left, Limits, ManifestInfo, Selection, SideHeader,
    SnapshotHeader, Snapshots, TaskHeader,
};
pub use op::{Enforce, Evidence, Level, Mark, Op, Phase, Risk, Side};
pub use order::Graph;
pub use read::{ReadError, read};
pub use summary::{Amount, Summary};
pub use validate::{InvalidPlan, STAGE_DIR, TRASH_DIR};
pub use write::{Meta, write};

/// A valid plan.
///
/// It can only be made by [`Plan::new`], which the planner and every reader of plan.json go
/// through: ids are unique and follow from their actions, every edge leads to an action of the same
/// task and of no later phase, there is no cycle among actions nor among tasks, tasks are known,
/// paths are inside their roots and outside the reserved names, and everything stands in canonical
/// order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    header: Header,
    summary: Summary,
    findings: Vec<Finding>,
    conflicts: Vec<Conflict>,
    actions: Vec<Action>,
}

impl Plan {
    /// Checks the parts, brings them into canonical order and takes them as a plan.
    pub fn new(
        header: Header,
        mut findings: Vec<Finding>,
        mut conflicts: Vec<Conflict>,
        mut actions: Vec<Action>,
    ) -> Result<Self, InvalidPlan> {
        validate::canonical_order(&header, &mut findings, &mut conflicts, &mut actions)?;
        validate::validate(&header, &conflicts, &actions)?;
        Ok(Self { summary: Summary::of(&actions), header, findings, conflicts, actions })
    }

    /// What it was made from.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// It in numbers.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What the guards found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What both sides changed, resolved or not.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// What is to be done, by task, path and op.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Whether no guard forbids it outright or asks for an override.
    pub fn is_applyable(&self) -> bool {
        self.findings.iter().all(|finding| finding.level == Level::Advisory)
    }

    /// Whether all of both sides could be read.
    pub fn is_complete(&self) -> bool {
        self.header.tasks.iter().all(|task| task.snapshots.local.complete && task.snapshots.remote.complete)
    }

    /// Whether anything changes on a side; what only the base learns is no change.
    pub fn has_changes(&self) -> bool {
        self.actions.iter().any(|action| action.op != Op::Record)
    }

    /// The conflicts that the plan leaves as they are.
    pub fn held(&self) -> impl Iterator<Item = &Conflict> {
        self.conflicts.iter().filter(|conflict| conflict.is_held())
    }
}
