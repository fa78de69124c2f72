use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RelPath, Token};
use syncplan_store::{
    BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, StoreError, StoreErrorKind, WriteOptions,
};

/// A store in which nothing that was written is changed or removed, whatever the one behind it can
/// do. What stands under a reserved name is ours, and no content.
pub struct AppendOnly {
    inner: Arc<dyn Store>,
    capabilities: Capabilities,
}

impl AppendOnly {
    /// Hides everything that replaces or removes.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        let capabilities = inner.capabilities().clone().with(Capability::AppendOnly);
        Self { inner, capabilities }
    }
}

fn refused<T>(operation: &'static str, path: &RelPath) -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Unsupported, operation, path)
        .because("it is opened to be added to only"))
}

fn into_gap(operation: &'static str, path: &RelPath, precondition: &Precondition) -> Result<(), StoreError> {
    if *precondition == Precondition::Absent { Ok(()) } else { refused(operation, path) }
}

#[async_trait]
impl Store for AppendOnly {
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

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        if !path.is_reserved() {
            into_gap("write over", path, &options.precondition)?;
        }
        self.inner.write(path, content, options).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        into_gap("copy over", to, &options.precondition)?;
        self.inner.copy(from, to, options).await
    }

    async fn rename(&self, from: &RelPath, _: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        refused("rename", from)
    }

    async fn preserve(&self, from: &RelPath, _: &RelPath, _: Option<&Token>) -> Result<Facts, StoreError> {
        // What is kept is about to be replaced, and that will not happen here.
        refused("replace", from)
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        if path.is_reserved() { self.inner.delete(path, expect).await } else { refused("delete", path) }
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.inner.create_dir(path).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        refused("remove", path)
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        into_gap("replace with a link", path, &precondition)?;
        self.inner.create_symlink(path, target, precondition).await
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
        self.inner.sync().await
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        self.inner.enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use syncplan_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn what_was_written_stays() {
        let store = AppendOnly::new(Arc::new(MemoryStore::new("memory")));
        let path = RelPath::new("a").unwrap();
        let write = async |precondition| {
            let options =
                WriteOptions { size: 0, precondition, metadata: Metadata::default(), temporary: None };
            store.write(&path, stream::empty().boxed(), options).await
        };
        let token = write(Precondition::Absent).await.unwrap().token.unwrap();
        for refused in [
            write(Precondition::Any).await.err(),
            write(Precondition::Token(token.clone())).await.err(),
            store.delete(&path, Some(&token)).await.err(),
        ] {
            assert_eq!(refused.unwrap().kind, StoreErrorKind::Unsupported);
        }
    }
}
