//! A container of Azure Blob Storage.
//!
//! Requests are made here and signed and sent by `object_store`: keys stay the bytes that they are, what is
//! kept with a blob comes with the listing, and every condition of the service can be used.

mod block;
mod copier;
mod dialect;
mod listing;
mod metadata;
mod mover;
mod object;
mod partial;
mod root;
mod settings;
mod writer;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use http::HeaderMap;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RESERVED_DIR, RelPath, Token};

use self::root::Root;
pub use self::settings::{AzureCredentials, AzureSettings};
use crate::bucket::{self, DRAFTS, Drafts, Source as _};
use crate::checksum::Checksum;
use crate::error::{StoreError, StoreErrorKind};
use crate::preserve;
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, FlatListing, Guarded, Housekeeping, Listing, Metadata,
    MoveOptions, OpenDraft, PartialWrites, Precondition, Reserved, Store, WriteOptions,
};

/// A container, or a folder in one, as a store.
pub struct AzureStore {
    root: Arc<Root>,
    location: String,
    capabilities: Capabilities,
}

impl AzureStore {
    /// Opens a container without asking for it; `location` is what people and plans call it.
    pub fn open(settings: &AzureSettings, location: String) -> Result<Self, StoreError> {
        let root = Root::new(settings)?;
        Ok(Self { capabilities: capabilities(&root), root: Arc::new(root), location })
    }
}

fn capabilities(root: &Root) -> Capabilities {
    let mut capabilities = Capabilities::new([
        Capability::ConditionalPut,
        Capability::ConditionalCopy,
        Capability::ConditionalDelete,
        Capability::ServerCopy,
        Capability::SetMtime,
        Capability::SetMetadata,
    ]);
    capabilities.max_path = root.prefix.longest_path();
    capabilities.max_name = capabilities.max_path;
    capabilities
}

#[async_trait]
impl Store for AzureStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Flat(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        None
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        Some(self)
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        Some(self)
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.root.look("look at", path).await
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        bucket::read(&self.root, path, self.root.key("read", path)?, range, expect).await
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.write_content(path, content, &options).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.copy_blob("copy", from, to, &options).await.map(|(_, copied)| copied)
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.rename_blob(from, to, &options).await
    }

    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        preserve::by_copy(self, from, to, expect).await
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        self.delete_blob("delete", path, expect).await
    }

    async fn create_dir(&self, _: &RelPath) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove_dir(&self, _: &RelPath) -> Result<(), StoreError> {
        Ok(())
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _: &LinkTarget,
        _: Precondition,
    ) -> Result<Facts, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "create the link", path))
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.change_metadata(path, metadata, expect).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn checksum(&self, path: &RelPath, facts: &Facts) -> Result<Option<Checksum>, StoreError> {
        let key = self.root.key("look at", path)?;
        let headers = self.root.headers(&key).await;
        let headers = headers.map_err(|fault| self.root.failure(fault, "look at", path))?;
        // Of blobs of other kinds, which are written in place, nobody renews it.
        let whole = |headers: &HeaderMap| object::text(headers, "x-ms-blob-type") == Some("BlockBlob");
        let same = headers.filter(|headers| object::token_of(headers) == facts.token && whole(headers));
        Ok(same.as_ref().and_then(|headers| Checksum::of_base64_md5(object::text(headers, "content-md5")?)))
    }

    /// The service documents all of its conditions as part of the step, for every account.
    fn enforcement(&self, _: Guarded) -> Enforcement {
        Enforcement::Atomic
    }

    async fn check(&self) -> Result<(), StoreError> {
        let container = &self.root.container;
        let request = self.root.listing(&self.root.prefix.key_of(b"")).query("maxresults", "1").once();
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(()),
            Err(failed) => Err(failed.fault.of("reach", container.as_bytes(), container)),
        }
    }
}

impl FlatListing for AzureStore {
    fn list(&self, after: Option<&RelPath>) -> BoxStream<'_, Result<Batch, StoreError>> {
        bucket::list(Arc::clone(&self.root), after.cloned())
    }
}

#[async_trait]
impl Housekeeping for AzureStore {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        bucket::reserved(&self.root, RESERVED_DIR)
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        Drafts(self).list(bucket::reserved(&self.root, DRAFTS)).await
    }
}
