use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, try_unfold};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Encode, FromRow, Transaction, Type};

use crate::cell::{Cell, Column, RowsStatement, columns};
use crate::rows::in_runs;

/// How long a server may take to answer. It gives up on a statement by itself before; this is for
/// connections that are gone without a word.
const ANSWER: Duration = Duration::from_secs(90);

/// A transaction on either database; dropped without [`commit`](Self::commit), it never was.
///
/// Statements are written once, in what both understand, with `$1` for the first value.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) fn query(&mut self, text: &'static str) -> Query<'_> {
        match self {
            Self::Sqlite(tx) => Query::Sqlite(sqlx::query(text), tx),
            Self::Postgres(tx) => Query::Postgres(sqlx::query(text), tx),
        }
    }

    /// Carries out a statement for many rows. No two of them have one key.
    pub(crate) async fn put<'a, T, const WIDTH: usize>(
        &mut self,
        statement: &RowsStatement,
        rows: &'a [T],
        cells: impl Fn(&'a T) -> [Cell<'a>; WIDTH],
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => {
                for run in in_runs(rows) {
                    let query = sqlx::query(AssertSqlSafe(statement.of_rows(run.len(), WIDTH)));
                    let query = run.iter().flat_map(&cells).fold(query, Cell::bind);
                    query.execute(&mut **tx).await?;
                }
            }
            Self::Postgres(tx) if !rows.is_empty() => {
                let columns = columns(rows.iter().map(cells));
                let query = sqlx::query(AssertSqlSafe(statement.of_columns(&columns)));
                answered(columns.into_iter().fold(query, Column::bind).execute(&mut **tx)).await?;
            }
            Self::Postgres(_) => {}
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => answered(tx.commit()).await,
        }
    }
}

/// What can be a value of a statement on either database.
pub(crate) trait Value<'v>:
    Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, Postgres> + Type<Postgres>
{
}

impl<'v, T> Value<'v> for T where T: Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, Postgres> + Type<Postgres> {}

/// What can be read from a row of either database.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{}

/// A statement that waits for its values.
#[must_use]
pub(crate) enum Query<'c> {
    Sqlite(sqlx::query::Query<'static, Sqlite, SqliteArguments>, &'c mut SqliteConnection),
    Postgres(sqlx::query::Query<'static, Postgres, PgArguments>, &'c mut PgConnection),
}

impl<'c> Query<'c> {
    pub(crate) fn bind<'v>(self, value: impl Value<'v>) -> Self {
        match self {
            Self::Sqlite(query, connection) => Self::Sqlite(query.bind(value), connection),
            Self::Postgres(query, connection) => Self::Postgres(query.bind(value), connection),
        }
    }

    /// Answers how many rows were written.
    pub(crate) async fn execute(self) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(query, connection) => query.execute(connection).await?.rows_affected(),
            Self::Postgres(query, connection) => answered(query.execute(connection)).await?.rows_affected(),
        })
    }

    pub(crate) async fn fetch_all<R: Row>(self) -> Result<Vec<R>, sqlx::Error> {
        self.fetch().try_collect().await
    }

    pub(crate) async fn fetch_optional<R: Row>(self) -> Result<Option<R>, sqlx::Error> {
        match self {
            Self::Sqlite(query, connection) => {
                query.fetch_optional(connection).await?.map(|row| R::from_row(&row)).transpose()
            }
            Self::Postgres(query, connection) => {
                let row = answered(query.fetch_optional(connection)).await?;
                row.map(|row| R::from_row(&row)).transpose()
            }
        }
    }

    /// For statements that always answer with one row.
    pub(crate) async fn fetch_one<R: Row>(self) -> Result<R, sqlx::Error> {
        self.fetch_optional().await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Rows as they come, so that many of them do not have to be held at once.
    pub(crate) fn fetch<R: Row>(self) -> BoxStream<'c, Result<R, sqlx::Error>> {
        match self {
            Self::Sqlite(query, connection) => query.fetch(connection).map(|row| R::from_row(&row?)).boxed(),
            Self::Postgres(query, connection) => {
                let rows = query.fetch(connection);
                let next = |mut rows: BoxStream<'c, _>| async move {
                    let row: Option<PgRow> = answered(rows.try_next()).await?;
                    Ok::<_, sqlx::Error>(row.map(|row| (row, rows)))
                };
                try_unfold(rows, next).map(|row| R::from_row(&row?)).boxed()
            }
        }
    }
}

/// What a server answers, or that it does not.
pub(crate) async fn answered<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}
