use syncplan_model::plan::InvalidPlan;
use syncplan_model::{StoreName, TaskName};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// There is something to do on a store that cannot be written to.
    #[error("the task `{task}` would change the store `{store}`, which is read-only")]
    ReadOnly {
        /// Which task.
        task: TaskName,
        /// Which store.
        store: StoreName,
    },
    /// The actions are no valid plan; with distinct task names it is a defect of the planner.
    #[error("the planner made a plan that is not valid")]
    Invalid(#[from] InvalidPlan),
}
