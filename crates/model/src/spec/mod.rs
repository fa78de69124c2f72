//! What a manifest means: plain data, with every name resolved, every variable replaced and the
//! profile applied. Secrets stay references.

mod automation;
mod cron;
mod database;
mod guard;
mod place;
mod secret;
mod store;
mod sync;
mod task;

pub use automation::{Notify, NotifyChannel, NotifyEvent, Schedule, Watch};
pub use cron::{Cron, CronError};
pub use database::{Database, DatabaseKind, DatabaseLocation};
pub use guard::{Guard, GuardLevel, MaxDelete};
pub use place::Place;
pub use secret::SecretRef;
pub use store::{
    Addressing, AzureStore, ConditionalWrites, Connection, Folds, GcsStore, HttpStore, LocalStore, Provider,
    S3Store, SftpStore, Store, StoreAccess, StoreKind, WebdavStore,
};
pub use sync::{ManifestFile, SyncSpec};
pub use task::{
    CommandTask, Compare, Confirm, ConflictPolicy, DatabaseTask, Delete, DeletePolicy, Direction, FilesTask,
    Mode, Moved, Retain, Symlinks, Task, TaskKind, Trash,
};
