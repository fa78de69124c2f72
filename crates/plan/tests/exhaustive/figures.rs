//! How much was checked.

use std::fmt;
use std::ops::AddAssign;

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
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases, {} actions, {} records, {} conflicts, {} with cycles ({} stages), {} steps, {} recoveries, {} replans",
            self.cases,
            self.actions,
            self.records,
            self.conflicts,
            self.with_cycles,
            self.stages,
            self.steps,
            self.recoveries,
            self.replans
        )
    }
}
