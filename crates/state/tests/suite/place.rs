//! The two databases, each of which every test is tried on.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use syncplan_state::State;

/// Runs each of these functions once on SQLite, and once on PostgreSQL where there is one.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::place::Place::Sqlite).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(place) = crate::place::Place::postgres() {
                    super::$name(place).await;
                }
            })*
        }
    };
}
pub(crate) use on_both_databases;

/// Where a state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite,
    Postgres,
}

impl Place {
    /// The server. In CI a missing one is a failure, elsewhere it is said.
    #[expect(clippy::print_stderr, reason = "a test that was not run must say so")]
    pub(crate) fn postgres() -> Option<Self> {
        if std::env::var_os(VARIABLE).is_some() {
            return Some(Self::Postgres);
        }
        assert!(std::env::var_os("CI").is_none(), "{VARIABLE} is not set: start this through tests/run");
        eprintln!("not run: {VARIABLE} is not set; tests/run starts the server");
        None
    }
}

const VARIABLE: &str = "SYNCPLAN_TEST_POSTGRES";

/// A state of one test, and all that can be done to it behind its back.
pub(crate) struct Home {
    pub(crate) state: State,
    pub(crate) address: String,
    database: Option<Database>,
    _folder: tempfile::TempDir,
}

impl Home {
    pub(crate) async fn new(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = match place {
            Place::Sqlite => None,
            Place::Postgres => Some(Database::create().await),
        };
        let address = match &database {
            None => folder.path().join("state.db").to_str().unwrap().to_owned(),
            Some(database) => database.address(),
        };
        Self { state: State::connect(&address).await.unwrap(), address, database, _folder: folder }
    }

    /// The same state, as another process sees it.
    pub(crate) async fn again(&self) -> State {
        State::connect(&self.address).await.unwrap()
    }

    /// Does something to the tables. Bytes are written as in SQLite, after a space: `x'00ff'`.
    pub(crate) async fn tamper(&self, statement: &str) {
        match &self.database {
            None => {
                let mut connection = self.sqlite().await;
                connection.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap();
            }
            Some(database) => {
                let mut connection = database.connect().await;
                let statement = statement.replace(" x'", " '\\x");
                connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
            }
        }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let statement = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        match &self.database {
            None => sqlx::query_scalar(statement).fetch_one(&mut self.sqlite().await).await.unwrap(),
            Some(database) => {
                sqlx::query_scalar(statement).fetch_one(&mut database.connect().await).await.unwrap()
            }
        }
    }

    /// Begins a transaction on the server with this statement, and leaves it open.
    pub(crate) async fn hold(&self, statement: &'static str) -> sqlx::PgConnection {
        let mut connection = self.database.as_ref().unwrap().connect().await;
        connection.execute("BEGIN").await.unwrap();
        connection.execute(statement).await.unwrap();
        connection
    }

    async fn sqlite(&self) -> sqlx::SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&self.address);
        sqlx::SqliteConnection::connect_with(&options).await.unwrap()
    }
}

/// A database of one test, on the server of all.
struct Database(String);

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Database {
    async fn create() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("state_{}_{number}", std::process::id());
        administer(format!("CREATE DATABASE {name}")).await;
        Self(name)
    }

    fn address(&self) -> String {
        let server = server();
        let (server, _) = server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.0)
    }

    async fn connect(&self) -> sqlx::PgConnection {
        let mut connection = sqlx::PgConnection::connect(&self.address()).await.unwrap();
        connection.execute("SET search_path = syncplan").await.unwrap();
        connection
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE {} WITH (FORCE)", self.0);
        // A test's own threads cannot be waited for here.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(drop_it));
        });
        let _ = thread.join();
    }
}

async fn administer(statement: String) {
    let mut connection = sqlx::PgConnection::connect(&server()).await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

pub(crate) fn server() -> String {
    std::env::var(VARIABLE).unwrap()
}
