use syncplan_model::TaskName;
use syncplan_model::plan::Op;
use syncplan_state::StateError;
use syncplan_store::StoreError;

/// A run that could not begin, or could not go on.
///
/// What single actions meet is in the [`Report`](crate::Report). Whatever was done before such an
/// error stays done, and the next run of the plan goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The plan has a task for which no stores were given.
    #[error("no stores were given for the task `{0}`")]
    NoStores(TaskName),
    /// The plan asks for something that cannot be executed.
    #[error("the plan has `{0}` actions, which this version cannot execute")]
    Unsupported(Op),
    /// The journal could not be read or written. Nothing goes on without it.
    #[error(transparent)]
    State(#[from] StateError),
    /// What was done could not be made durable, and so was not recorded as done.
    #[error("what was done could not be made durable")]
    Sync(#[source] StoreError),
    /// A defect of this program.
    #[error("an action ended unexpectedly")]
    Panicked(#[source] tokio::task::JoinError),
}

/// An error with all of its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
