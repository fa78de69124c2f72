mod parts;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RelPath, Token};
use syncplan_store::{
    BlockingRead, Checksum, ContentStream, Described, Enforcement, Guarded, Housekeeping, Listing, Metadata,
    MoveOptions, PartialWrites, Precondition, Store, StoreError, StoreErrorKind, WriteOptions,
};

/// What may be done with a store, whatever it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is read and added to: nothing that was written is changed or removed. What stands under a
    /// reserved name is ours, and no content.
    Append,
}

/// A store with which less may be done than it can do.
pub struct Restricted {
    inner: Arc<dyn Store>,
    access: Access,
    capabilities: Capabilities,
}

impl Restricted {
    /// Hides everything that `access` does not allow.
    pub fn new(inner: Arc<dyn Store>, access: Access) -> Self {
        let restriction = match access {
            Access::Read => Capability::ReadOnly,
            Access::Append => Capability::AppendOnly,
        };
        let capabilities = inner.capabilities().clone().with(restriction);
        Self { inner, access, capabilities }
    }

    /// Allows what only adds.
    fn adds(&self, operation: &'static str, path: &RelPath) -> Result<(), StoreError> {
        match self.access {
            Access::Read => self.refuse(operation, path),
            Access::Append => Ok(()),
        }
    }

    /// Allows what fills a place, if nothing stands there, or only something of ours.
    fn fills(
        &self,
        operation: &'static str,
        path: &RelPath,
        precondition: &Precondition,
    ) -> Result<(), StoreError> {
        self.adds(operation, path)?;
        if *precondition == Precondition::Absent { Ok(()) } else { self.refuse(operation, path) }
    }

    fn refuse<T>(&self, operation: &'static str, path: &RelPath) -> Result<T, StoreError> {
        let why = match self.access {
            Access::Read => "it is opened to be read only",
            Access::Append => "it is opened to be added to only",
        };
        Err(StoreError::new(StoreErrorKind::Unsupported, operation, path).because(why))
    }
}

#[async_trait]
impl Store for Restricted {
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
        let is_written = self.access != Access::Read && self.inner.partial_writes().is_some();
        is_written.then_some(self as &dyn PartialWrites)
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        self.inner.housekeeping()
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.inner.stat(path).await
    }

    async fn describe(&self, path: &RelPath) -> Result<Option<Described>, StoreError> {
        self.inner.describe(path).await
    }

    fn keeps_attributes(&self) -> bool {
        self.inner.keeps_attributes()
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        self.inner.read(path, range, expect).await
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        if path.is_reserved() {
            self.adds("write", path)?;
        } else {
            self.fills("write", path, &options.precondition)?;
        }
        self.inner.write(path, content, options).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.fills("copy to", to, &options.precondition)?;
        self.inner.copy(from, to, options).await
    }

    async fn rename(&self, from: &RelPath, _: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        self.refuse("rename", from)
    }

    async fn preserve(&self, from: &RelPath, _: &RelPath, _: Option<&Token>) -> Result<Facts, StoreError> {
        // What is kept is about to be replaced, and that will not happen here.
        self.refuse("keep", from)
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        if self.access == Access::Read || !path.is_reserved() {
            return self.refuse("delete", path);
        }
        self.inner.delete(path, expect).await
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.adds("create", path)?;
        self.inner.create_dir(path).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.refuse("remove", path)
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        self.fills("create the link", path, &precondition)?;
        self.inner.create_symlink(path, target, precondition).await
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        _: &Metadata,
        _: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.refuse("change the metadata of", path)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        match self.access {
            Access::Read => Ok(()),
            Access::Append => self.inner.sync().await,
        }
    }

    async fn checksum(&self, path: &RelPath, facts: &Facts) -> Result<Option<Checksum>, StoreError> {
        self.inner.checksum(path, facts).await
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        self.inner.enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        match self.access {
            Access::Read => Ok(()),
            Access::Append => self.inner.probe().await,
        }
    }

    async fn free_space(&self) -> Result<Option<u64>, StoreError> {
        self.inner.free_space().await
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use syncplan_store::MemoryStore;

    use super::*;

    async fn write(store: &dyn Store, path: &str, precondition: Precondition) -> Result<Facts, StoreError> {
        let options = WriteOptions { size: 0, precondition, metadata: Metadata::default(), temporary: None };
        store.write(&RelPath::new(path).unwrap(), stream::empty().boxed(), options).await
    }

    fn is_refused<T>(result: Result<T, StoreError>) -> bool {
        matches!(result, Err(error) if error.kind == StoreErrorKind::Unsupported)
    }

    #[tokio::test]
    async fn what_was_written_stays() {
        let store = Restricted::new(Arc::new(MemoryStore::new("memory")), Access::Append);
        let token = write(&store, "a", Precondition::Absent).await.unwrap().token.unwrap();
        let path = RelPath::new("a").unwrap();
        assert!(is_refused(write(&store, "a", Precondition::Any).await));
        assert!(is_refused(write(&store, "a", Precondition::Token(token.clone())).await));
        assert!(is_refused(store.delete(&path, Some(&token)).await));
        write(&store, ".syncplan/x", Precondition::Any).await.unwrap();
        store.delete(&RelPath::new(".syncplan/x").unwrap(), None).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_read_only_is_not_written() {
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new("memory"));
        write(&*inner, ".syncplan/x", Precondition::Absent).await.unwrap();
        let store = Restricted::new(inner, Access::Read);
        assert!(is_refused(write(&store, "a", Precondition::Absent).await));
        assert!(is_refused(write(&store, ".syncplan/x", Precondition::Any).await));
        assert!(is_refused(store.delete(&RelPath::new(".syncplan/x").unwrap(), None).await));
        assert!(store.partial_writes().is_none());
    }
}
