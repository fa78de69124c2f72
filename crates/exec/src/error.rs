use syncplan_model::TaskName;
use syncplan_model::plan::Op;
use syncplan_state::StateError;
use syncplan_store::StoreError;

use crate::remote_lease::RemoteLease;

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
    /// Somebody else holds the lease on a remote side.
    #[error("another run holds the lease on {store}{}", of(holder))]
    Leased {
        /// The task, or the first of those, whose remote side that is.
        task: TaskName,
        /// Where.
        store: String,
        /// Who; nothing if that cannot be read.
        holder: Option<Box<RemoteLease>>,
    },
    /// The lease on a remote side was broken, and perhaps taken by somebody else, while the run went on.
    #[error("the lease on {store} was lost{}: nothing more is done", of(holder))]
    LeaseLost {
        /// Where.
        store: String,
        /// Who has it by now.
        holder: Option<Box<RemoteLease>>,
    },
    /// A remote side could not be asked for its lease.
    #[error("no lease could be taken")]
    Lease(#[source] StoreError),
    /// What is left in a store could not be listed.
    #[error("what is left in a store could not be listed")]
    Collect(#[source] StoreError),
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

fn of(holder: &Option<Box<RemoteLease>>) -> String {
    holder.as_ref().map(|holder| format!(" ({holder})")).unwrap_or_default()
}

/// An error with all of its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
