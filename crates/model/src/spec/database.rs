use super::SecretRef;
use crate::name::DatabaseName;
use crate::text::text_enum;

/// A database that tasks dump and restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name in the manifest.
    pub name: DatabaseName,
    /// Which system it is.
    pub kind: DatabaseKind,
    /// Where it is.
    pub location: DatabaseLocation,
    /// The program that dumps it, if it is not the one found on the PATH.
    pub tool: Option<String>,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseLocation {
    /// A URL without credentials.
    Url(String),
    /// A URL that is a secret.
    Secret(SecretRef),
    /// A file, relative to the manifest's folder (SQLite).
    File(String),
}

text_enum! {
    /// Which system a database is.
    DatabaseKind {
        /// MySQL and MariaDB.
        Mysql = "mysql",
        /// PostgreSQL.
        Postgres = "postgres",
        /// SQLite.
        Sqlite = "sqlite",
    }
}
