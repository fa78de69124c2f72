//! Many rows in one statement, in the way that is fastest on each database: SQLite takes them one by one,
//! PostgreSQL column by column.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments};

/// A statement about many rows: what comes before and after them.
pub(crate) struct RowsStatement {
    pub(crate) head: &'static str,
    pub(crate) tail: &'static str,
}

impl RowsStatement {
    /// Without numbers: SQLite looks for names such as `$1` one by one, which takes long where there are
    /// thousands.
    pub(crate) fn of_rows(&self, rows: usize, width: usize) -> String {
        let row = format!("({})", vec!["?"; width].join(", "));
        format!("{} VALUES {}{}", self.head, vec![row; rows].join(", "), self.tail)
    }

    /// The same text for any number of rows, so that it is planned once.
    pub(crate) fn of_columns(&self, columns: &[Column<'_>]) -> String {
        let arrays = (1..).zip(columns).map(|(number, column)| format!("${number}::{}[]", column.kind()));
        format!("{} SELECT * FROM unnest({}){}", self.head, arrays.collect::<Vec<_>>().join(", "), self.tail)
    }
}

/// One value of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell<'a> {
    Number(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
}

type SqliteQuery = sqlx::query::Query<'static, Sqlite, SqliteArguments>;
type PostgresQuery = sqlx::query::Query<'static, Postgres, PgArguments>;

impl Cell<'_> {
    pub(crate) fn bind(query: SqliteQuery, cell: Self) -> SqliteQuery {
        match cell {
            Self::Number(number) => query.bind(number),
            Self::Text(text) => query.bind(text),
            Self::Bytes(bytes) => query.bind(bytes),
        }
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Some(bytes.into()))
    }
}

impl<'a> From<Option<&'a [u8]>> for Cell<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        Self::Bytes(bytes.map(Cow::Borrowed))
    }
}

impl From<Vec<u8>> for Cell<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes.into()))
    }
}

impl From<Option<Vec<u8>>> for Cell<'_> {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes.map(Cow::Owned))
    }
}

/// The values of one column in all rows.
pub(crate) enum Column<'a> {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<Cow<'a, str>>>),
    Bytes(Vec<Option<Cow<'a, [u8]>>>),
}

/// Turns rows into columns. The cells of a column are all of one kind.
pub(crate) fn columns<'a, const WIDTH: usize>(
    rows: impl ExactSizeIterator<Item = [Cell<'a>; WIDTH]>,
) -> Vec<Column<'a>> {
    let count = rows.len();
    let mut columns: Vec<Column<'a>> = Vec::with_capacity(WIDTH);
    for row in rows {
        if columns.is_empty() {
            columns.extend(row.iter().map(|cell| Column::like(cell, count)));
        }
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    columns
}

impl<'a> Column<'a> {
    fn like(cell: &Cell<'a>, count: usize) -> Self {
        match cell {
            Cell::Number(_) => Self::Numbers(Vec::with_capacity(count)),
            Cell::Text(_) => Self::Texts(Vec::with_capacity(count)),
            Cell::Bytes(_) => Self::Bytes(Vec::with_capacity(count)),
        }
    }

    fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Self::Numbers(numbers), Cell::Number(number)) => numbers.push(number),
            (Self::Texts(texts), Cell::Text(text)) => texts.push(text),
            (Self::Bytes(all), Cell::Bytes(bytes)) => all.push(bytes),
            _ => unreachable!("the cells of a column are of one type, since one closure makes them"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "BIGINT",
            Self::Texts(_) => "TEXT",
            Self::Bytes(_) => "BYTEA",
        }
    }

    pub(crate) fn bind(query: PostgresQuery, column: Self) -> PostgresQuery {
        match column {
            Self::Numbers(numbers) => query.bind(numbers),
            Self::Texts(texts) => query.bind(texts.iter().map(Option::as_deref).collect::<Vec<_>>()),
            Self::Bytes(all) => query.bind(all.iter().map(Option::as_deref).collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_each_database_likes_them() {
        let statement = RowsStatement { head: "INSERT INTO t (a, b)", tail: " ON CONFLICT DO NOTHING" };
        let rows = "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING";
        assert_eq!(statement.of_rows(2, 2), rows);
        let columns = columns([[1.into(), "x".into()], [2.into(), Cell::Text(None)]].into_iter());
        let text =
            "INSERT INTO t (a, b) SELECT * FROM unnest($1::BIGINT[], $2::TEXT[]) ON CONFLICT DO NOTHING";
        assert_eq!(statement.of_columns(&columns), text);
        let Column::Texts(texts) = &columns[1] else { panic!("a column of text") };
        assert_eq!(texts, &[Some(Cow::Borrowed("x")), None]);
    }
}
