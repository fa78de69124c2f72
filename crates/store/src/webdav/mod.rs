//! A folder on a WebDAV server.
//!
//! Requests are made here: names stay the bytes that they are, an answer is read by its namespaces and
//! believed only about what was asked for, and content of any length passes through without being held.

mod housekeeper;
mod listing;
mod mover;
mod multistatus;
mod partial;
mod probe;
mod root;
mod settings;
mod writer;

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use syncplan_model::{Capabilities, Capability, Facts, LinkTarget, RelPath, Token};
use tokio::sync::OnceCell;

use self::probe::Honoured;
use self::root::{LONGEST_PATH, Root};
pub use self::settings::{WebdavCredentials, WebdavSettings};
use crate::error::{StoreError, StoreErrorKind};
use crate::preserve;
use crate::store::{
    BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, WriteOptions,
};

/// Times are kept to the second.
const PRECISION: u64 = 1_000_000_000;

/// A folder on a WebDAV server, as a store.
///
/// What the server keeps and honours is found out at the first write, on a file below `.syncplan/`, and never
/// believed; until then it is taken for one that keeps no times and takes no parts.
pub struct WebdavStore {
    root: Root,
    location: String,
    capabilities: Capabilities,
    /// The same, of a server that keeps times.
    with_times: Capabilities,
    honoured: OnceCell<Honoured>,
    /// Tells the probes and temporaries of this store from others'.
    run: String,
}

impl WebdavStore {
    /// Opens a folder without asking for it; `location` is what people and plans call it.
    pub fn open(settings: &WebdavSettings, location: String) -> Result<Self, StoreError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut capabilities = Capabilities::new([Capability::Directories, Capability::ServerCopy]);
        capabilities.mtime_precision = PRECISION;
        capabilities.max_path = LONGEST_PATH;
        Ok(Self {
            root: Root::new(settings)?,
            location,
            with_times: capabilities.clone().with(Capability::SetMtime),
            capabilities,
            honoured: OnceCell::new(),
            run: format!("{:x}-{:x}", std::process::id(), now.as_nanos()),
        })
    }

    /// Finds out what the server honours, as the first write does: [`Store::enforcement`] and
    /// [`Store::capabilities`] know afterwards. It writes and deletes files below `.syncplan/`.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.honoured().await.map(|_| ())
    }
}

#[async_trait]
impl Store for WebdavStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> &Capabilities {
        match self.honoured.get() {
            Some(honoured) if honoured.keeps_times() => &self.with_times,
            _ => &self.capabilities,
        }
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Tree(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        None
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        self.honoured.get().is_some_and(|honoured| honoured.ranges).then_some(self)
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
        let place = self.root.file("read", path)?;
        self.origin(path, place).read(range, expect).await
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
        self.copy_file(from, to, &options).await
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.rename_file(from, to, &options).await
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
        self.delete_file(path, expect).await
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.make_folder(path).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.remove_folder(path).await
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

    /// No server is known to look and to act in one step; whoever tells content apart by time and size only
    /// cannot even look.
    fn enforcement(&self, _: Guarded) -> Enforcement {
        match self.honoured.get() {
            Some(Honoured { weak: true, .. }) => Enforcement::Weak,
            _ => Enforcement::Checked,
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let checked = self.root.check().await.map(drop);
        checked.map_err(|fault| fault.of("reach", self.root.store.as_bytes(), &self.root.store))
    }
}
