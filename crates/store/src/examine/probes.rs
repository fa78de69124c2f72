use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::{Capability, Facts, Mtime, RESERVED_DIR, RelPath, TEMPORARY_PREFIX};

use super::reserved;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, Precondition, Store, WriteOptions};

/// Objects below the reserved prefix that are written to see what becomes of them.
pub(super) struct Probe<'a> {
    store: &'a dyn Store,
    /// Tells them from those of others.
    run: String,
    made: Vec<RelPath>,
    /// Whether the folder for what is ours is there because of us.
    new_folder: bool,
}

impl<'a> Probe<'a> {
    pub(super) fn new(store: &'a dyn Store) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:x}-{:x}", std::process::id(), now.as_nanos());
        Self { store, run, made: Vec::new(), new_folder: false }
    }

    /// What is there before anything is written.
    pub(super) async fn look_around(&mut self) {
        let has_folders = self.store.capabilities().has(Capability::Directories);
        if has_folders && let Ok(folder) = reserved(RESERVED_DIR) {
            self.new_folder = matches!(self.store.stat(&folder).await, Ok(None));
        }
    }

    pub(super) fn path(&self, name: &str) -> Result<RelPath, StoreError> {
        reserved(&format!("{RESERVED_DIR}/probe-{}-{name}", self.run))
    }

    /// A path that is cleaned up in the end.
    pub(super) fn new_path(&mut self, name: &str) -> Result<RelPath, StoreError> {
        let path = self.path(name)?;
        if !self.made.contains(&path) {
            self.made.push(path.clone());
        }
        Ok(path)
    }

    pub(super) fn temporary(&self) -> Result<RelPath, StoreError> {
        reserved(&format!("{RESERVED_DIR}/{TEMPORARY_PREFIX}{}-0", self.run))
    }

    pub(super) fn options(size: usize, precondition: Precondition, mtime: Option<Mtime>) -> WriteOptions {
        let metadata = Metadata { mtime, ..Metadata::default() };
        WriteOptions { size: size as u64, precondition, metadata, temporary: None }
    }

    pub(super) async fn write(
        &self,
        name: &str,
        content: &'static [u8],
        precondition: Precondition,
        mtime: Option<Mtime>,
    ) -> Result<Facts, StoreError> {
        let stream = futures::stream::iter([Ok(Bytes::from_static(content))]).boxed();
        let mut options = Self::options(content.len(), precondition, mtime);
        options.metadata.digest = Some(syncplan_model::Digest::of(content));
        self.store.write(&self.path(name)?, stream, options).await
    }

    pub(super) async fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, StoreError> {
        let chunks: Vec<Bytes> = self.store.read(&self.path(name)?, range, None).await?.try_collect().await?;
        Ok(chunks.concat())
    }

    pub(super) async fn stat(&self, name: &str) -> Result<Option<Facts>, StoreError> {
        self.store.stat(&self.path(name)?).await
    }

    /// Whether what is written under one name is found under the other.
    pub(super) async fn is_one_name(&mut self, one: &str, other: &str) -> Result<bool, StoreError> {
        self.new_path(one)?;
        self.write(one, b"1", Precondition::Any, None).await?;
        if self.stat(other).await?.is_some() {
            return Ok(true);
        }
        // Some look names up as they are, and keep them otherwise.
        self.new_path(other)?;
        self.write(other, b"22", Precondition::Any, None).await?;
        Ok(self.read(one, None).await? != b"1")
    }

    /// An error that no store answered: it did something else than it said.
    pub(super) fn wrong(&self, operation: &'static str, name: &str, why: &'static str) -> StoreError {
        let object = self.path(name).map(|path| path.to_string()).unwrap_or_default();
        StoreError::new(StoreErrorKind::Other, operation, object).because(why)
    }

    /// Why something was not refused as it should have been.
    pub(super) fn told(&self, error: Option<StoreError>, operation: &'static str, name: &str) -> StoreError {
        let why = "something else than was expected stood there, and it was done all the same";
        error.unwrap_or_else(|| self.wrong(operation, name, why))
    }

    /// Removes whatever was written; the first error is told.
    pub(super) async fn clean_up(&mut self) -> Result<(), StoreError> {
        let mut first = Ok(());
        let a = self.path("a")?;
        for path in std::iter::once(a).chain(self.made.drain(..)) {
            match self.store.delete(&path, None).await {
                Ok(()) => {}
                Err(error) if error.kind == StoreErrorKind::NotFound => {}
                Err(error) => first = first.and(Err(error)),
            }
        }
        if self.new_folder {
            // Somebody may have put something there meanwhile.
            let _ = self.store.remove_dir(&reserved(RESERVED_DIR)?).await;
        }
        first
    }
}

/// What has to be refused: an effect is an error without words, another error is one of its own.
pub(super) fn refused<T>(result: Result<T, StoreError>) -> Result<(), Option<StoreError>> {
    match result {
        Ok(_) => Err(None),
        Err(error) if error.kind == StoreErrorKind::Precondition => Ok(()),
        Err(error) => Err(Some(error)),
    }
}
