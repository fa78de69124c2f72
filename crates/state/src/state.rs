use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use syncplan_model::TaskName;

use crate::address::{Address, describe_file, describe_server};
use crate::database::Database;
use crate::error::StateError;
use crate::transaction::Tx;

/// What syncplan remembers between runs.
///
/// Several processes may read and write it at once, of several machines if it is on a server; one at a
/// time may apply a plan to a task.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) database: Database,
    name: Arc<str>,
}

impl State {
    /// Opens a file, and creates it where there is none, with the folder that it is in; whatever that is in
    /// has to be there.
    pub async fn open(file: &Path) -> Result<Self, StateError> {
        if let Some(folder) = missing_folder(file)
            && let Err(source) = std::fs::create_dir(folder)
            && source.kind() != ErrorKind::AlreadyExists
        {
            return Err(StateError::File { operation: "create", file: folder.to_owned(), source });
        }
        Self::open_file(file).await
    }

    async fn open_file(file: &Path) -> Result<Self, StateError> {
        let name = describe_file(file);
        Ok(Self { database: Database::open(file, &name).await?, name: name.into() })
    }

    /// Opens `sqlite:FILE`, a plain path to a file in a folder that is there, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// On a server the tables are in the schema `syncplan`, which is created where there is none, or where
    /// `?options[search_path]=SCHEMA` says. `?sslmode=verify-full` and what else such an address may have
    /// are those of PostgreSQL.
    pub async fn connect(address: &str) -> Result<Self, StateError> {
        match Address::parse(address)? {
            Address::File(file) => match missing_folder(&file) {
                // Where a path is mistyped, nobody wants an empty state there.
                Some(folder) => Err(StateError::NoFolder(folder.to_owned())),
                None => Self::open_file(&file).await,
            },
            Address::Server(options) => {
                let name = describe_server(&options);
                Ok(Self { database: Database::connect(*options, &name).await?, name: name.into() })
            }
        }
    }

    /// Where it is, for people: the file, or the server and the database.
    pub fn describe(&self) -> &str {
        &self.name
    }

    /// Closes the database; dropping it does so too, a little later.
    pub async fn close(self) {
        self.database.close().await;
    }

    /// A transaction that sees one moment.
    pub(crate) async fn read(&self) -> Result<Tx, sqlx::Error> {
        self.database.read().await
    }

    /// A transaction that writes what belongs to these tasks.
    pub(crate) async fn write<'a>(
        &self,
        tasks: impl IntoIterator<Item = &'a TaskName>,
    ) -> Result<Tx, sqlx::Error> {
        self.database.write(tasks).await
    }

    pub(crate) fn failed(&self, operation: &'static str) -> impl Fn(sqlx::Error) -> StateError {
        move |source| StateError::database(operation, &self.name, source)
    }

    pub(crate) fn damaged(
        &self,
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StateError {
        StateError::damaged(operation, &self.name, source)
    }
}

/// The folder that a file is to be in, if it is not there.
fn missing_folder(file: &Path) -> Option<&Path> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
}
