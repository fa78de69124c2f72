use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RelPath, Token};
use syncplan_store::{
    BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, StoreError, StoreErrorKind, WriteOptions,
};

/// A store that can only be read, whatever the one behind it can do.
pub struct ReadOnly {
    inner: Arc<dyn Store>,
    capabilities: Capabilities,
}

impl ReadOnly {
    /// Hides everything that writes.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        let capabilities = inner.capabilities().clone().with(Capability::ReadOnly);
        Self { inner, capabilities }
    }
}

fn refused<T>(operation: &'static str, path: &RelPath) -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Unsupported, operation, path).because("it is opened to be read only"))
}

#[async_trait]
impl Store for ReadOnly {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        self.inner.listing()
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        self.inner.blocking_reader()
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        None
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        None
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.inner.stat(path).await
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        self.inner.read(path, range, expect).await
    }

    async fn write(&self, path: &RelPath, _: ContentStream, _: WriteOptions) -> Result<Facts, StoreError> {
        refused("write", path)
    }

    async fn copy(&self, _: &RelPath, to: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        refused("copy to", to)
    }

    async fn rename(&self, from: &RelPath, _: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        refused("rename", from)
    }

    async fn preserve(&self, from: &RelPath, _: &RelPath, _: Option<&Token>) -> Result<Facts, StoreError> {
        refused("keep", from)
    }

    async fn delete(&self, path: &RelPath, _: Option<&Token>) -> Result<(), StoreError> {
        refused("delete", path)
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        refused("create", path)
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        refused("remove", path)
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _: &LinkTarget,
        _: Precondition,
    ) -> Result<Facts, StoreError> {
        refused("create the link", path)
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        _: &Metadata,
        _: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        refused("change the metadata of", path)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        self.inner.enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}
