//! A bucket of Google Cloud Storage, by its JSON API.
//!
//! Requests are made here; `object_store` knows how to come by a token. Keys stay the bytes that they are, all
//! that is kept with an object comes with the listing, and every condition can be used.

mod composer;
mod dialect;
mod listing;
mod metadata;
mod mover;
mod object;
mod partial;
mod probe;
mod root;
mod settings;
mod upload;
mod writer;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use http::Method;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RESERVED_DIR, RelPath, Token};
use tokio::sync::OnceCell;

use self::root::Root;
pub use self::settings::{GcsCredentials, GcsSettings};
use crate::bucket::{self, DRAFTS, Drafts, Source as _};
use crate::checksum::Checksum;
use crate::error::{StoreError, StoreErrorKind};
use crate::preserve;
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, FlatListing, Guarded, Housekeeping, Listing, Metadata,
    MoveOptions, OpenDraft, PartialWrites, Precondition, Reserved, Store, WriteOptions,
};

/// A bucket, or a folder in one, as a store.
///
/// Google's own service is known to hold conditions in one step with the effect. Of any other, it is found
/// out at the first write, on an object below `.syncplan/`; until then [`Store::enforcement`] promises a look
/// before each effect and no more.
pub struct GcsStore {
    root: Arc<Root>,
    location: String,
    capabilities: Capabilities,
    honoured: OnceCell<bool>,
}

impl GcsStore {
    /// Opens a bucket without asking for it; `location` is what people and plans call it.
    pub fn open(settings: &GcsSettings, location: String) -> Result<Self, StoreError> {
        let root = Root::new(settings)?;
        let honoured = OnceCell::new_with(root.genuine.then_some(true));
        Ok(Self { capabilities: capabilities(&root), root: Arc::new(root), location, honoured })
    }

    /// Finds out what the server honours, as the first write does: [`Store::enforcement`] knows
    /// afterwards. It writes and deletes an object below `.syncplan/`.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.honoured().await.map(|_| ())
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
impl Store for GcsStore {
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
        let key = self.root.key("read", path)?;
        if let (Some(token), false) = (expect, self.root.genuine) {
            // Emulators neither honour the condition nor say what they send.
            self.expected("read", path, Some(token)).await?;
            if !self.honoured.get().copied().unwrap_or_default() {
                return bucket::read(&self.root, path, key, range, None).await;
            }
        }
        bucket::read(&self.root, path, key, range, expect).await
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
        self.copy_object("copy", from, to, &options).await.map(|(_, copied)| copied)
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.rename_object(from, to, &options).await
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
        self.delete_object("delete", path, expect).await
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
        let failure = |fault| self.root.failure(fault, "look at", path);
        let Some(resource) = self.root.resource(&key).await.map_err(failure)? else { return Ok(None) };
        if root::facts_of(&resource).map_err(failure)?.token != facts.token {
            return Ok(None);
        }
        // What was put together has no MD5.
        let md5 = resource["md5Hash"].as_str().and_then(Checksum::of_base64_md5);
        Ok(md5.or_else(|| resource["crc32c"].as_str().and_then(Checksum::of_base64_crc32c)))
    }

    fn enforcement(&self, _: Guarded) -> Enforcement {
        match self.honoured.get() {
            Some(true) => Enforcement::Atomic,
            _ => Enforcement::Checked,
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let bucket = &self.root.bucket;
        let request = self.root.objects(Method::GET).query("maxResults", "1").query("fields", "kind").once();
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(()),
            Err(failed) => {
                // There is nothing else there that could be missing.
                let missing = failed.fault.kind() == StoreErrorKind::NotFound;
                let mut error = failed.fault.of("reach", bucket.as_bytes(), bucket);
                if missing {
                    error.kind = StoreErrorKind::NoStore;
                }
                Err(error)
            }
        }
    }
}

impl FlatListing for GcsStore {
    fn list(&self, after: Option<&RelPath>) -> BoxStream<'_, Result<Batch, StoreError>> {
        bucket::list(Arc::clone(&self.root), after.cloned())
    }

    /// Emulators begin at the beginning, and what comes before is left out here.
    fn begins_anywhere(&self) -> bool {
        self.root.genuine
    }
}

#[async_trait]
impl Housekeeping for GcsStore {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        bucket::reserved(&self.root, RESERVED_DIR)
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        Drafts(self).list(bucket::reserved(&self.root, DRAFTS)).await
    }
}
