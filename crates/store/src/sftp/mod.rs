//! A folder on a server that speaks SFTP over SSH.
//!
//! The protocol has no handle of a folder and no way to say "not through a link": every folder on the way
//! to a path is looked at first, and whoever may write there can swap one for a link in between. Names are
//! bytes from end to end, which is why the packets are made here.

mod attributes;
mod change;
mod connection;
mod draft;
mod fault;
mod housekeeper;
mod keeper;
mod known_hosts;
mod line;
mod lister;
mod login;
mod mover;
mod packet;
mod partial;
mod place;
mod reader;
mod session;
mod settings;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures::future::BoxFuture;
use syncplan_model::{
    Capabilities, Capability, EntryKind, Facts, LinkTarget, MAX_PATH_BYTES, RelPath, TEMPORARY_PREFIX, Token,
};

pub use self::known_hosts::KnownHosts;
pub use self::settings::{MissingRoot, SftpLogin, SftpSettings};

use self::attributes::Attributes;
use self::fault::Fault;
use self::line::{Channel, Line};
use self::packet::{flags, kind};
use self::session::Offers;
use crate::error::{StoreError, StoreErrorKind};
use crate::retry::{Retry, insist};
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, TreeListing, WriteOptions,
};

/// So many folders are read side by side: each costs two or three round trips, and a server takes many
/// requests at once.
const FOLDERS: usize = 24;

/// A folder on a server as a store. It is connected to when it is first asked for something.
pub struct SftpStore {
    inner: Arc<Inner>,
}

struct Inner {
    line: Line,
    location: String,
    retry: Retry,
    /// What it can do, as long as nobody was there, and once somebody was.
    assumed: Capabilities,
    found: OnceLock<Capabilities>,
    /// Makes the names of temporaries unlike those of other processes and earlier ones.
    run: String,
    temporaries: AtomicU64,
    /// Folders that were found to be folders, and when.
    folders: Mutex<HashMap<Vec<u8>, Instant>>,
    /// Folders whose names changed and may not be on the disk yet.
    dirty: Mutex<BTreeSet<Vec<u8>>>,
}

impl SftpStore {
    /// Describes a folder on a server; `location` is what people and plans call it. Nothing is asked yet.
    pub fn new(settings: SftpSettings, location: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let retry = Retry { times: settings.reach.retries, ..Retry::default() };
        let inner = Inner {
            line: Line::new(settings),
            location,
            retry,
            assumed: capabilities(Offers { posix_rename: true, hardlink: true, ..Offers::default() }),
            found: OnceLock::new(),
            run: format!("{:x}{:x}", std::process::id(), now.as_nanos()),
            temporaries: AtomicU64::new(0),
            folders: Mutex::default(),
            dirty: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Asks again what failed for the moment: nothing is changed by asking.
    async fn ask<'a, T>(
        &'a self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        insist(&self.inner.retry, attempt).await
    }
}

impl Inner {
    /// The name of the temporary beside `path`: the one that was asked for, or one of our own.
    fn temporary_name(&self, path: &RelPath, wanted: Option<&RelPath>) -> Result<Vec<u8>, StoreError> {
        let Some(wanted) = wanted else {
            let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
            return Ok(format!("{TEMPORARY_PREFIX}{}-{number:x}", self.run).into_bytes());
        };
        // What stands under the name of a temporary is overwritten: only a temporary's may be.
        if wanted.parent() == path.parent() && is_temporary(wanted.file_name()) {
            Ok(wanted.file_name().to_vec())
        } else {
            Err(StoreError::new(StoreErrorKind::Unsupported, "use the temporary", wanted))
        }
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Instant>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dirty(&self) -> MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name in this folder changed.
    fn mark_dirty(&self, folder: &[u8]) {
        self.dirty().insert(folder.to_vec());
    }

    /// A channel after one broke: the server may need a moment.
    async fn channel_again(&self) -> Result<Arc<Channel>, StoreError> {
        insist(&self.retry, || {
            Box::pin(async { self.line.channel().await.map_err(|fault| fault.at("reach", &self.location)) })
        })
        .await
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        let found = async { self.place(path).await?.facts().await };
        match found.await {
            Err(fault) if matches!(fault, Fault::NoFolder(_)) || fault.is(fault::status::NO_SUCH_FILE) => {
                // Behind something that is no directory nothing of ours can stand.
                Ok(None)
            }
            found => found.map_err(|fault| fault.at("look at", path)),
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let fail = |fault: Fault| fault.at("look at", &self.location);
        let channel = self.line.channel().await.map_err(fail)?;
        let Some(root) = channel.root.clone() else { return Ok(()) };
        let root = if root.is_empty() { b"/" } else { &*root };
        match channel.session.lstat(root).await.map_err(fail)?.map(|found| found.kind()) {
            Some(EntryKind::Dir) => Ok(()),
            _ => Err(fail(Fault::NoRoot(root.to_vec()))),
        }
    }

    /// Has the names of folders on the disk, where the server can: opened for reading, a folder can be
    /// synced like a file.
    async fn sync(&self) -> Result<(), StoreError> {
        let folders = std::mem::take(&mut *self.dirty());
        let synced = self.sync_all(&folders).await;
        if synced.is_err() {
            self.dirty().extend(folders);
        }
        synced.map_err(|fault| fault.at("sync", &self.location))
    }

    async fn sync_all(&self, folders: &BTreeSet<Vec<u8>>) -> Result<(), Fault> {
        if folders.is_empty() {
            return Ok(());
        }
        let channel = self.line.channel().await?;
        if !channel.session.offers.fsync {
            return Ok(());
        }
        for folder in folders {
            let opened = channel.session.open(folder, flags::READ, Attributes::default()).await;
            let handle = match opened {
                Ok(handle) => handle,
                Err(fault) if fault.is_doubtful() => return Err(fault),
                // It is gone with its names, or the server does not open folders.
                Err(_) => continue,
            };
            let fill = |packet: packet::Packet| packet.string("fsync@openssh.com").string(handle.bytes());
            match channel.session.send_slow(kind::EXTENDED, fill).done().await {
                Err(fault) if fault.is_doubtful() => return Err(fault),
                Err(fault) => tracing::debug!(%fault, "the server does not sync folders"),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// Whether a name is that of a temporary.
fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY_PREFIX.as_bytes()) && !name.contains(&b'/')
}

fn capabilities(offers: Offers) -> Capabilities {
    let always = [
        Capability::SetMtime,
        Capability::SetMetadata,
        Capability::Modes,
        Capability::Directories,
        Capability::ByteNames,
    ];
    let offered = [
        (offers.posix_rename, Capability::AtomicRename),
        (offers.hardlink, Capability::RenameNoReplace),
        (offers.copy_data, Capability::ServerCopy),
        (offers.posix_rename, Capability::Symlinks),
    ];
    let offered = offered.into_iter().filter(|(offered, _)| *offered).map(|(_, capability)| capability);
    let mut capabilities = Capabilities::new(always.into_iter().chain(offered));
    capabilities.mtime_precision = 1_000_000_000;
    capabilities.max_path = MAX_PATH_BYTES - 1;
    capabilities
}

#[async_trait]
impl Store for SftpStore {
    fn location(&self) -> &str {
        &self.inner.location
    }

    fn capabilities(&self) -> &Capabilities {
        match self.inner.line.offers() {
            Some(offers) => self.inner.found.get_or_init(|| capabilities(offers)),
            None => &self.inner.assumed,
        }
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Tree(self)
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
        self.ask(|| Box::pin(self.inner.stat(path))).await
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        reader::read(&self.inner, path, range, expect).await
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.inner.write_content(path, content, &options).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        Inner::copy(&self.inner, from, to, &options).await
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        self.inner.rename(from, to, &options).await
    }

    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        Inner::preserve(&self.inner, from, to, expect).await
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        self.inner.delete(path, expect).await
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.inner.create_dir(path).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.inner.remove_dir(path).await
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        self.inner.create_symlink(path, target, &precondition).await
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        self.inner.set_metadata(path, metadata, expect).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync().await
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        let links = self.inner.line.offers().is_some_and(|offers| offers.hardlink);
        match operation {
            Guarded::Create | Guarded::Copy if links => Enforcement::Atomic,
            Guarded::Create | Guarded::Copy | Guarded::Rename => Enforcement::Checked,
            Guarded::Replace | Guarded::Delete => Enforcement::Weak,
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}

#[async_trait]
impl TreeListing for SftpStore {
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        self.ask(|| Box::pin(self.inner.read_dir(dir))).await
    }

    fn side_by_side(&self) -> Option<usize> {
        Some(FOLDERS)
    }
}
