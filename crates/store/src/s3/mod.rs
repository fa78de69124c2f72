//! A bucket that speaks S3.
//!
//! Requests are made here and signed and sent by `object_store`: keys stay the bytes that they are
//! (its paths normalise, and one hostile key would fail a whole listing), every condition that a
//! server honours can be used, and every answer can be told apart.

mod checksum;
mod copier;
mod dialect;
mod housekeeper;
mod listing;
mod marker;
mod mover;
mod multipart;
mod object;
mod partial;
mod probe;
mod provider;
mod reader;
mod removals;
mod request;
mod root;
mod settings;
mod tag;
mod writer;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures::stream::BoxStream;
use syncplan_model::spec::ConditionalWrites;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RelPath, Token};
use tokio::sync::OnceCell;

use self::probe::Honoured;
use self::provider::Traits;
use self::removals::Removals;
use self::root::{LONGEST_KEY, Root};
pub use self::settings::{S3Credentials, S3Settings};
use crate::bucket;
use crate::checksum::Checksum;
use crate::error::{StoreError, StoreErrorKind};
use crate::preserve;
use crate::store::{
    Batch, BlockingRead, ContentStream, Described, Enforcement, FlatListing, Guarded, Housekeeping, Listing,
    Metadata, MoveOptions, PartialWrites, Precondition, Store, WriteOptions,
};

/// A bucket, or a folder in one, as a store.
///
/// Whether the server honours conditions is found out at the first write, on an object below
/// `.syncplan/`, and never believed; until then [`Store::enforcement`] promises a look before each
/// write and no more.
pub struct S3Store {
    root: Arc<Root>,
    location: String,
    capabilities: Capabilities,
    conditional_writes: ConditionalWrites,
    traits: Traits,
    honoured: OnceCell<Honoured>,
    removals: Removals,
    /// Folders are kept as empty objects.
    directory_markers: bool,
    /// Folders of which is known that they stand by themselves.
    marked: Mutex<HashSet<RelPath>>,
    /// Paths of which is known that no object stands there.
    roomy: Mutex<HashSet<RelPath>>,
    /// Tells the probes of this store from others'.
    run: String,
}

impl S3Store {
    /// Opens a bucket without asking for it; `location` is what people and plans call it.
    pub fn open(settings: &S3Settings, location: String) -> Result<Self, StoreError> {
        let traits = provider::traits(settings.provider);
        let root = Root::new(settings, &traits)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            capabilities: capabilities(&root, settings.directory_markers),
            root: Arc::new(root),
            location,
            conditional_writes: settings.conditional_writes,
            traits,
            honoured: OnceCell::new(),
            removals: Removals::default(),
            directory_markers: settings.directory_markers,
            marked: Mutex::default(),
            roomy: Mutex::default(),
            run: format!("{:x}-{:x}", std::process::id(), now.as_nanos()),
        })
    }
}

fn capabilities(root: &Root, directory_markers: bool) -> Capabilities {
    let mut capabilities =
        Capabilities::new([Capability::ConditionalPut, Capability::ServerCopy, Capability::SetMtime]);
    capabilities.max_path = LONGEST_KEY.saturating_sub(root.prefix.len());
    capabilities.max_name = capabilities.max_path;
    if directory_markers { capabilities.with(Capability::Directories) } else { capabilities }
}

#[async_trait]
impl Store for S3Store {
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
        match self.root.look("look at", path).await? {
            None => self.dir_at(path).await,
            found => Ok(found),
        }
    }

    async fn describe(&self, path: &RelPath) -> Result<Option<Described>, StoreError> {
        let key = self.root.key("look at", path)?;
        let found = self.root.describe(&key).await;
        found.map_err(|fault| self.root.failure(fault, "look at", path))
    }

    fn keeps_attributes(&self) -> bool {
        true
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        let key = self.root.key("read", path)?;
        bucket::read(&self.root, path, key, range, expect).await
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.check_fits("write", path).await?;
        self.write_content(path, content, &options).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.check_fits("copy", to).await?;
        self.copy_object("copy", from, to, &options).await.map(|(_, copied)| copied)
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.check_fits("rename", to).await?;
        self.mark_parent("rename", from).await?;
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
        self.mark_parent("delete", path).await?;
        match self.delete_object("delete", path, expect).await {
            Err(error) => Err(self.or_folder(path, error).await),
            deleted => deleted,
        }
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.create_marked(path).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.unmark_dir(path).await
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
        _: &Metadata,
        _: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "change the metadata of", path))
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// By the ETag alone: where it is no MD5 (objects encrypted with keys of their own, some services) it
    /// looks like one and never equals one.
    async fn checksum(&self, _: &RelPath, facts: &Facts) -> Result<Option<Checksum>, StoreError> {
        Ok(facts.token.as_ref().and_then(|token| Checksum::of_etag(token.as_str())))
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        let honoured = self.honoured.get().copied().unwrap_or_default();
        let atomic = match operation {
            Guarded::Create => honoured.create.is_some(),
            Guarded::Replace => honoured.replace,
            Guarded::Delete => honoured.delete,
            Guarded::Copy | Guarded::Rename => false,
        };
        if atomic { Enforcement::Atomic } else { Enforcement::Checked }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let prefix = String::from_utf8_lossy(&self.root.prefix);
        let request = self.root.listing(prefix).query("max-keys", "1").once();
        let bucket = &self.root.bucket;
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(()),
            Err(failed) => Err(failed.fault.of("reach", bucket.as_bytes(), bucket)),
        }
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.honoured().await.map(|_| ())
    }
}

impl FlatListing for S3Store {
    fn list(&self, after: Option<&RelPath>) -> BoxStream<'_, Result<Batch, StoreError>> {
        listing::list(Arc::clone(&self.root), after.cloned(), None)
    }

    fn list_until(
        &self,
        after: Option<&RelPath>,
        until: &RelPath,
    ) -> BoxStream<'_, Result<Batch, StoreError>> {
        listing::list(Arc::clone(&self.root), after.cloned(), Some(until.clone()))
    }

    fn begins_anywhere(&self) -> bool {
        true
    }
}
