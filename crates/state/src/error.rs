use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use crate::run::Unresolved;

/// The state could not be read or written.
///
/// The cause is in [`source`](std::error::Error::source) and is not repeated in the message.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process applies a plan.
    #[error("another run holds the lock {}{}", file.display(), holder(*pid))]
    Locked {
        /// The process that holds it, as far as it said so.
        pid: Option<u32>,
        /// The lock.
        file: PathBuf,
    },
    /// An earlier run of another plan was interrupted, and how far it came is not settled.
    #[error("{} not settled: run {} of the plan {} was interrupted", actions(.0), .0.run, .0.plan_id)]
    Unresolved(Unresolved),
    /// The file is damaged, or was never a state.
    #[error("the state {} is damaged: cannot {operation}", file.display())]
    Damaged {
        /// What was tried.
        operation: &'static str,
        /// The database.
        file: PathBuf,
        /// What gave it away.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer syncplan wrote it.
    #[error("the state {} was written by a newer syncplan", file.display())]
    Newer {
        /// The database.
        file: PathBuf,
    },
    /// The database failed.
    #[error("cannot {operation} in the state {}", file.display())]
    Database {
        /// What was tried.
        operation: &'static str,
        /// The database.
        file: PathBuf,
        /// How it failed.
        source: sqlx::Error,
    },
    /// The file system failed.
    #[error("cannot {operation} {}", file.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        file: PathBuf,
        /// How it failed.
        source: std::io::Error,
    },
}

impl StateError {
    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Locked { .. } => "wait until it is done; a lock ends with its process",
            Self::Unresolved(_) => "apply that plan again first: it goes on where it stopped",
            Self::Damaged { .. } => {
                "move it away and plan again: everything is scanned anew, and nothing is lost but time"
            }
            Self::Newer { .. } => "use that version, or a state of its own with --state",
            _ => return None,
        })
    }

    pub(crate) fn database(operation: &'static str, file: &Path, source: sqlx::Error) -> Self {
        if says_damaged(&source) {
            Self::damaged(operation, file, source)
        } else {
            Self::Database { operation, file: file.to_owned(), source }
        }
    }

    pub(crate) fn damaged(
        operation: &'static str,
        file: &Path,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Damaged { operation, file: file.to_owned(), source: source.into() }
    }

    pub(crate) fn migration(file: &Path, error: MigrateError) -> Self {
        const OPERATION: &str = "bring its tables up to date";
        match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
                Self::Newer { file: file.to_owned() }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                Self::database(OPERATION, file, source)
            }
            other => Self::damaged(OPERATION, file, other),
        }
    }
}

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`, whatever their extended code.
fn says_damaged(error: &sqlx::Error) -> bool {
    let code =
        error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

fn actions(unresolved: &Unresolved) -> String {
    match unresolved.count {
        1 => "1 action is".to_owned(),
        count => format!("{count} actions are"),
    }
}
