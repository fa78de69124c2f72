use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use syncplan_model::{EntryKind, Facts, RelPath};
use syncplan_store::{
    ContentStream, LocalStore, Metadata, Precondition, Store, StoreError, StoreErrorKind, WriteOptions,
};
use tempfile::TempDir;

/// A folder among the system's temporary ones that nobody else can look into; it goes with its handle.
pub(crate) struct Scratch {
    folder: TempDir,
    store: LocalStore,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("syncplan-").permissions(Permissions::from_mode(0o700));
        let folder = builder.tempdir().map_err(|error| {
            StoreError::new(StoreErrorKind::Other, "create", "a temporary folder").because(error)
        })?;
        let store = LocalStore::open(folder.path(), folder.path().display().to_string())?;
        Ok(Self { folder, store })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes content into a file.
    pub(crate) async fn put(&self, name: &str, content: ContentStream, size: u64) -> Result<(), StoreError> {
        let (precondition, metadata) = (Precondition::Absent, Metadata::default());
        let options = WriteOptions { size, precondition, metadata, temporary: None };
        self.store.write(&path(name)?, content, options).await.map(|_| ())
    }

    /// What is known of a regular file there, if there is one.
    pub(crate) async fn file(&self, name: &str) -> Result<Option<Facts>, StoreError> {
        let found = self.store.stat(&path(name)?).await?;
        Ok(found.filter(|facts| facts.kind == EntryKind::File))
    }

    /// The content of a file.
    pub(crate) async fn read(&self, name: &str) -> Result<ContentStream, StoreError> {
        self.store.read(&path(name)?, None, None).await
    }
}

fn path(name: &str) -> Result<RelPath, StoreError> {
    RelPath::new(name).map_err(|error| StoreError::new(StoreErrorKind::Other, "name", name).because(error))
}
