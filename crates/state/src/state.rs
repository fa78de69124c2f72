use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::error::StateError;

/// How long a write waits for another process to finish its own.
const BUSY: Duration = Duration::from_secs(30);

/// Readers and the one writer that SQLite allows.
const CONNECTIONS: u32 = 4;

/// What syncplan remembers between runs.
///
/// Several processes may read and write it at once; only one of them may execute a plan.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) pool: SqlitePool,
    pub(crate) file: PathBuf,
}

impl State {
    /// Opens the database, and creates it, with its folder, where there is none.
    pub async fn open(file: &Path) -> Result<Self, StateError> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StateError::File {
                operation: "create",
                file: folder.to_owned(),
                source,
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await
            .map_err(|source| StateError::database("open the database", file, source))?;
        let migrated = sqlx::migrate!().run(&pool).await;
        migrated.map_err(|error| StateError::migration(file, error))?;
        Ok(Self { pool, file: file.to_owned() })
    }

    /// Beside the database and named after it: two states in one folder have nothing to do with
    /// each other.
    pub(crate) fn lock_file(&self) -> PathBuf {
        let file = self.file.canonicalize().unwrap_or_else(|_| self.file.clone());
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        file.with_file_name(name)
    }

    /// The database's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Closes the database; dropping it does so too, a little later.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// A transaction that writes. It takes the writer's place at once: a reader that becomes a
    /// writer later cannot wait for another one.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    pub(crate) fn failed(&self, operation: &'static str) -> impl Fn(sqlx::Error) -> StateError {
        move |source| StateError::database(operation, &self.file, source)
    }

    pub(crate) fn damaged(
        &self,
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StateError {
        StateError::damaged(operation, &self.file, source)
    }
}
