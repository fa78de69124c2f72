use std::ops::Range;

use async_trait::async_trait;
use syncplan_model::{Capabilities, Facts, LinkTarget, RelPath, Token};

use crate::error::{StoreError, StoreErrorKind};
use crate::local;
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, TreeListing, WriteOptions,
};

/// A folder of this machine that does not exist yet: it can do what a folder can, and holds nothing.
///
/// A plan that will create it is made, shown and dry-run against this; it is never written to.
pub struct AbsentFolder {
    location: String,
    capabilities: Capabilities,
}

impl AbsentFolder {
    /// Stands in for the folder; `location` is what people and plans call it.
    pub fn new(location: String) -> Self {
        Self { location, capabilities: local::capabilities() }
    }

    fn missing<T>(&self, operation: &'static str, path: &RelPath) -> Result<T, StoreError> {
        let folder = format!("the folder {} does not exist", self.location);
        Err(StoreError::new(StoreErrorKind::NotFound, operation, path).because(folder))
    }
}

#[async_trait]
impl Store for AbsentFolder {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Tree(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        None
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        None
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        None
    }

    async fn stat(&self, _path: &RelPath) -> Result<Option<Facts>, StoreError> {
        Ok(None)
    }

    async fn read(
        &self,
        path: &RelPath,
        _range: Option<Range<u64>>,
        _expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        self.missing("read", path)
    }

    async fn write(
        &self,
        path: &RelPath,
        _content: ContentStream,
        _options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.missing("write", path)
    }

    async fn copy(&self, from: &RelPath, _to: &RelPath, _options: MoveOptions) -> Result<Facts, StoreError> {
        self.missing("copy", from)
    }

    async fn rename(
        &self,
        from: &RelPath,
        _to: &RelPath,
        _options: MoveOptions,
    ) -> Result<Facts, StoreError> {
        self.missing("rename", from)
    }

    async fn preserve(
        &self,
        from: &RelPath,
        _to: &RelPath,
        _expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.missing("keep", from)
    }

    async fn delete(&self, path: &RelPath, _expect: Option<&Token>) -> Result<(), StoreError> {
        self.missing("delete", path)
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.missing("create", path)
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.missing("remove", path)
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _target: &LinkTarget,
        _precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        self.missing("link", path)
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        _metadata: &Metadata,
        _expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.missing("change", path)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        local::enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl TreeListing for AbsentFolder {
    async fn read_dir(&self, _dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        Ok(Batch::default())
    }
}
