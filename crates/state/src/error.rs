use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;
use syncplan_model::TaskName;

use crate::lease::Holder;
use crate::run::Unresolved;

/// The state could not be read or written.
///
/// The cause is in [`source`](std::error::Error::source) and is not repeated in the message. Neither ever
/// holds a password.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another run applies a plan to this task.
    #[error("the task `{task}` is locked by {holder}")]
    Locked {
        /// The task.
        task: TaskName,
        /// Who has it.
        holder: Box<Holder>,
    },
    /// A task of this run was unlocked by a person, and by now another run may have it.
    #[error("this run must stop: the task `{task}` was unlocked{}", by(holder.as_deref()))]
    LeaseLost {
        /// The task.
        task: TaskName,
        /// Who has it by now.
        holder: Option<Box<Holder>>,
    },
    /// An earlier run of another plan was interrupted, and how far it came is not settled.
    #[error("{} not settled: run {} of the plan {} was interrupted", actions(.0), .0.run, .0.plan_id)]
    Unresolved(Unresolved),
    /// The database is damaged, or was never a state.
    #[error("the state {state} is damaged: cannot {operation}")]
    Damaged {
        /// What was tried.
        operation: &'static str,
        /// Which state.
        state: String,
        /// What gave it away.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer syncplan wrote it.
    #[error("the state {state} was written by a newer syncplan")]
    Newer {
        /// Which state.
        state: String,
    },
    /// The server cannot be reached, or the connection was lost.
    #[error("cannot {operation}: the state {state} does not answer")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// Which state.
        state: String,
        /// How it failed.
        source: sqlx::Error,
    },
    /// The database failed.
    #[error("cannot {operation} in the state {state}")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// Which state.
        state: String,
        /// How it failed.
        source: sqlx::Error,
    },
    /// The address names a database that no state can be kept in.
    #[error("a state cannot be kept in `{0}`")]
    Scheme(String),
    /// The address of the server is none.
    #[error("the address of the state cannot be read")]
    Address(#[source] sqlx::Error),
    /// The folder that the file is to be in does not exist.
    #[error("the state is to be in the folder {}, which does not exist", .0.display())]
    NoFolder(PathBuf),
    /// The file system failed.
    #[error("cannot {operation} {}", file.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        file: PathBuf,
        /// How it failed.
        source: io::Error,
    },
}

impl StateError {
    /// What a person can do about it.
    pub fn advice(&self) -> Option<Cow<'static, str>> {
        if let Self::Locked { task, .. } = self {
            let unlock = format!("`syncplan unlock {task}` takes the task from it");
            return Some(
                format!("wait until it is done; if that process is gone for certain, {unlock}").into(),
            );
        }
        self.usual_advice().map(Cow::Borrowed)
    }

    fn usual_advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::LeaseLost { .. } => "what it did is on record: apply the plan again to go on",
            Self::Unresolved(_) => {
                "`syncplan sync`, `push` or `fetch` of these tasks finishes it first, and so does applying that plan again"
            }
            Self::Damaged { .. } => {
                "move it away and plan again: everything is scanned anew, and nothing is lost but time"
            }
            Self::Newer { .. } => "use that version, or a state of its own with --state",
            Self::Unreachable { .. } => {
                "nothing is done without a journal; once the database is there again, apply the plan again"
            }
            Self::Scheme(_) => "give a file, sqlite:FILE, or postgres://USER@HOST/DATABASE",
            Self::Address(_) => {
                "an address looks like postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full; the password \
                 may also be in PGPASSWORD or ~/.pgpass"
            }
            Self::NoFolder(_) => "create it first, or correct the path of the state",
            Self::Locked { .. } | Self::Database { .. } | Self::File { .. } => return None,
        })
    }

    pub(crate) fn database(operation: &'static str, state: &str, source: sqlx::Error) -> Self {
        let name = state.to_owned();
        if says_damaged(&source) {
            Self::damaged(operation, state, source)
        } else if says_unreachable(&source) {
            Self::Unreachable { operation, state: name, source }
        } else {
            Self::Database { operation, state: name, source }
        }
    }

    pub(crate) fn damaged(
        operation: &'static str,
        state: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Damaged { operation, state: state.to_owned(), source: source.into() }
    }

    pub(crate) fn migration(state: &str, error: MigrateError) -> Self {
        const OPERATION: &str = "bring its tables up to date";
        match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
                Self::Newer { state: state.to_owned() }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                Self::database(OPERATION, state, source)
            }
            other => Self::damaged(OPERATION, state, other),
        }
    }
}

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`, whatever their extended code, and `data_corrupted` and
/// `index_corrupted` of PostgreSQL.
fn says_damaged(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let Some(code) = error.code() else { return false };
    match error.try_downcast_ref::<SqliteError>() {
        Some(_) => matches!(code.parse::<i32>().map(|code| code & 0xff), Ok(11 | 26)),
        None => matches!(&*code, "XX001" | "XX002"),
    }
}

/// Nobody listens, nobody answers, or the server closed the connection (class 08, and 57P0n where it shuts
/// down or is not up yet).
fn says_unreachable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            true
        }
        sqlx::Error::Database(error) if error.try_downcast_ref::<SqliteError>().is_none() => {
            error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P0"))
        }
        _ => false,
    }
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(", and {holder} has it by now")).unwrap_or_default()
}

fn actions(unresolved: &Unresolved) -> String {
    match unresolved.count {
        1 => "1 action is".to_owned(),
        count => format!("{count} actions are"),
    }
}
