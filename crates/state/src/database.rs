//! The databases that a state can be kept in. What differs between them is here and in [`transaction`].
//!
//! [`transaction`]: crate::transaction

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool, SqlitePool,
};
use syncplan_model::{Digest, TaskName};

use crate::error::StateError;
use crate::transaction::{Tx, answered};

/// How long a write waits for another process to finish its own.
const BUSY: Duration = Duration::from_secs(30);

/// Readers, and the few writers that one process has.
const CONNECTIONS: u32 = 4;

/// The schema that the tables have to themselves in PostgreSQL, unless the address sets a search path.
const SCHEMA: &str = "syncplan";

const OPEN: &str = "open the database";

/// Where the tables are.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    /// Opens a file, and creates it where there is none.
    pub(crate) async fn open(file: &Path, name: &str) -> Result<Self, StateError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        // A connection to a file does not break while nobody looks.
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
        let pool = pool.connect_with(options).await.map_err(|e| StateError::database(OPEN, name, e))?;
        let migrated = sqlx::migrate!("migrations/sqlite").run(&pool).await;
        migrated.map_err(|error| StateError::migration(name, error))?;
        Ok(Self::Sqlite(pool))
    }

    /// Connects to a server, and creates the tables where there are none.
    pub(crate) async fn connect(options: PgConnectOptions, name: &str) -> Result<Self, StateError> {
        let failed = |error| StateError::database(OPEN, name, error);
        let options = options.disable_statement_logging();
        let has_schema = options.get_options().is_some_and(|options| options.contains("search_path"));
        if !has_schema {
            // By a connection of its own: a pool goes on trying for long where nobody listens.
            answered(create_schema(&options)).await.map_err(failed)?;
        }
        let settings = session_settings(has_schema);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY);
        let pool = pool.after_connect(move |connection, _| {
            let settings = AssertSqlSafe(settings.clone());
            Box::pin(async move { connection.execute(sqlx::raw_sql(settings)).await.map(drop) })
        });
        let pool = pool.connect_with(options).await.map_err(failed)?;
        let migrated = sqlx::migrate!("migrations/postgres").run(&pool).await;
        migrated.map_err(|error| StateError::migration(name, error))?;
        Ok(Self::Postgres(pool))
    }

    /// Whether all that use it run on one kernel: SQLite's log needs memory that they share.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// A transaction that sees one moment, however long it reads.
    pub(crate) async fn read(&self) -> Result<Tx, sqlx::Error> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        Ok(match self {
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(answered(pool.begin_with(BEGIN)).await?),
        })
    }

    /// A transaction that writes what belongs to these tasks. There is one at a time for each of them.
    pub(crate) async fn write<'a>(
        &self,
        tasks: impl IntoIterator<Item = &'a TaskName>,
    ) -> Result<Tx, sqlx::Error> {
        match self {
            // It takes the writer's place at once: a reader that becomes a writer later cannot wait for
            // another one.
            Self::Sqlite(pool) => Ok(Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?)),
            Self::Postgres(pool) => {
                let mut tx = answered(pool.begin()).await?;
                // All at once and in one order: so no two transactions can wait for each other, and none
                // has to be tried again.
                let lock = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::BIGINT[]) AS key";
                answered(sqlx::query(lock).bind(lock_keys(tasks)).execute(&mut *tx)).await?;
                Ok(Tx::Postgres(tx))
            }
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

async fn create_schema(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let exists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    // Somebody who may not create schemas may use one that is there.
    if !sqlx::query_scalar::<_, bool>(exists).bind(SCHEMA).fetch_one(&mut connection).await? {
        // Two that find it missing at once would get in each other's way, in spite of IF NOT EXISTS.
        let create = format!(
            "BEGIN; SELECT pg_advisory_xact_lock({}); CREATE SCHEMA IF NOT EXISTS {SCHEMA}; COMMIT",
            lock_key(SCHEMA)
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(create))).await?;
    }
    connection.close().await
}

/// A machine that falls silent in the middle of a transaction must not stop the others for ever.
fn session_settings(has_schema: bool) -> String {
    let busy = BUSY.as_secs();
    let search_path = if has_schema { String::new() } else { format!("SET search_path = {SCHEMA};") };
    format!(
        "{search_path} SET lock_timeout = '{busy}s'; SET statement_timeout = '{}s'; \
         SET idle_in_transaction_session_timeout = '{}s'",
        2 * busy,
        4 * busy,
    )
}

fn lock_keys<'a>(tasks: impl IntoIterator<Item = &'a TaskName>) -> Vec<i64> {
    let mut keys: Vec<i64> = tasks.into_iter().map(|task| lock_key(&format!("task {task}"))).collect();
    keys.sort_unstable();
    keys
}

/// Locks are known by numbers there. Two names that share one wait for each other, which harms nobody.
fn lock_key(name: &str) -> i64 {
    let mut key = [0; 8];
    key.copy_from_slice(&Digest::of(format!("syncplan {name}").as_bytes()).as_bytes()[..8]);
    i64::from_be_bytes(key)
}
