//! How much was checked.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use syncplan_model::plan::{Op, Plan};

#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) cases: u64,
    pub(crate) actions: u64,
    pub(crate) records: u64,
    pub(crate) conflicts: u64,
    pub(crate) stages: u64,
    pub(crate) with_cycles: u64,
    /// Actions carried out, in all orders.
    pub(crate) steps: u64,
    /// Steps after which the plan was taken up again.
    pub(crate) recoveries: u64,
    /// Steps after which a new plan was made and carried out.
    pub(crate) replans: u64,
    /// How long the planner took, on all processors together.
    pub(crate) planning: Duration,
}

impl Figures {
    pub(crate) fn of(plan: &Plan) -> Self {
        let of_op = |op| plan.actions().iter().filter(|action| action.op == op).count() as u64;
        let (records, stages) = (of_op(Op::Record), of_op(Op::Stage));
        Self {
            cases: 1,
            actions: plan.actions().len() as u64 - records,
            records,
            conflicts: plan.conflicts().len() as u64,
            stages,
            with_cycles: u64::from(stages > 0),
            ..Self::default()
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.actions += other.actions;
        self.records += other.records;
        self.conflicts += other.conflicts;
        self.stages += other.stages;
        self.with_cycles += other.with_cycles;
        self.steps += other.steps;
        self.recoveries += other.recoveries;
        self.replans += other.replans;
        self.planning += other.planning;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            actions,
            records,
            conflicts,
            with_cycles,
            stages,
            steps,
            recoveries,
            replans,
            planning,
        } = self;
        write!(f, "{cases} cases, {actions} actions, {records} records, {conflicts} conflicts, ")?;
        write!(f, "{with_cycles} with cycles ({stages} stages), {steps} steps, {recoveries} recoveries, ")?;
        write!(f, "{replans} replans, {:.1} processor seconds planning", planning.as_secs_f64())
    }
}
