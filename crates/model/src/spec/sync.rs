use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Database, Guard, Notify, Schedule, Store, Task, Watch};
use crate::digest::Digest;
use crate::filter::NamedFilter;
use crate::name::{DatabaseName, ProfileName, StoreName, TaskName, VariableName};

/// All that a manifest and its includes say. Everything is in the order of the manifest.
#[derive(Debug, Clone)]
pub struct SyncSpec {
    /// A digest of the names and the contents of all [`files`](Self::files).
    pub digest: Digest,
    /// The manifest first, then what it includes, in the order of reading.
    pub files: Vec<ManifestFile>,
    /// The profile that was applied.
    pub profile: Option<ProfileName>,
    /// The variables, with the values they got in the end.
    pub variables: BTreeMap<VariableName, String>,
    /// The stores that tasks join.
    pub stores: Vec<Store>,
    /// The databases that tasks dump.
    pub databases: Vec<Database>,
    /// The named filters; `--only` and `--exclude` may use them as well.
    pub filters: Vec<Arc<NamedFilter>>,
    /// What is to be kept in sync.
    pub tasks: Vec<Task>,
    /// The limits on every plan.
    pub guard: Guard,
    /// What runs by the clock.
    pub schedules: Vec<Schedule>,
    /// What runs as files change.
    pub watches: Vec<Watch>,
    /// Who is told.
    pub notifies: Vec<Notify>,
}

/// One file that a spec was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Its path relative to the manifest's folder.
    pub path: String,
    /// The digest of its content.
    pub digest: Digest,
}

impl SyncSpec {
    /// The store of that name. The places of tasks always name one that exists.
    pub fn store(&self, name: &StoreName) -> Option<&Store> {
        self.stores.iter().find(|store| store.name == *name)
    }

    /// The database of that name.
    pub fn database(&self, name: &DatabaseName) -> Option<&Database> {
        self.databases.iter().find(|database| database.name == *name)
    }

    /// The task of that name.
    pub fn task(&self, name: &TaskName) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == *name)
    }
}
