use std::process::ExitCode;

/// How a command ends; scripts are written against these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; nothing is left.
    Done = 0,
    /// An error.
    Error = 1,
    /// There are changes; only with `--detailed-exitcode`.
    Changes = 2,
    /// Blocked by a guard.
    Blocked = 3,
    /// Something changed since the plan.
    Stale = 4,
    /// Failures, or conflicts that are held.
    Partial = 5,
    /// Another run holds the lock.
    Locked = 6,
    /// The command line, or the manifest, is wrong.
    Usage = 64,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
