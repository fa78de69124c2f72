//! A folder of this machine.
//!
//! Everything is reached through a handle of the root directory and never through an absolute
//! path, so that no link in any folder, whoever puts it there and whenever, leads out of the root.

mod change;
mod copier;
mod draft;
mod facts;
mod failure;
mod folding;
mod follow;
mod housekeeper;
mod keeper;
mod lister;
mod mover;
mod partial;
mod reader;
mod root;
mod sparse;
mod writer;

use std::collections::HashSet;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures::StreamExt as _;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use syncplan_model::{
    Capabilities, Capability, Facts, LinkTarget, MAX_PATH_BYTES, RelPath, TEMPORARY_PREFIX, Token,
};

use self::failure::failure;
pub use self::follow::FollowingFolder;
use self::reader::Reading;
use self::root::Root;
use crate::error::{StoreError, StoreErrorKind};
use crate::preserve;
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Store, TreeListing, WriteOptions,
};

/// A folder of this machine as a store.
///
/// What it answers is durable after [`Store::sync`]: content that replaces something is on the
/// disk before it takes its place, and everything else (new files, renames, deletes) by the next
/// `sync`, which costs one call for thousands of files. An answer may therefore be *recorded* only
/// after a `sync`; a power loss before it leaves the old content or the new one, and an action to
/// be done again.
///
/// ```
/// use syncplan_model::RelPath;
/// use syncplan_store::{LocalStore, Store};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let folder = tempfile::tempdir().unwrap();
/// let store = LocalStore::open(folder.path(), "photos".to_owned()).unwrap();
/// assert_eq!(store.location(), "photos");
/// assert_eq!(store.stat(&RelPath::new("1.png").unwrap()).await.unwrap(), None);
/// # });
/// ```
pub struct LocalStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: Root,
    location: String,
    capabilities: Capabilities,
    /// Makes the names of temporaries unlike those of other processes and earlier ones.
    run: String,
    temporaries: AtomicU64,
    /// Whether something was done that no `sync` has covered yet.
    dirty: AtomicBool,
    /// Folders of which is known that their names survive a power loss.
    durable_folders: Mutex<HashSet<RelPath>>,
}

impl LocalStore {
    /// Opens a folder that exists; `location` is what people and plans call it.
    pub fn open(root: &Path, location: String) -> Result<Self, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(root, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { inner: Arc::new(Inner::new(Root::new(fd), location)) }),
            Err(errno @ Errno::NOENT) => Err(StoreError::new(StoreErrorKind::NoStore, "open", location)
                .because(std::io::Error::from(errno))),
            Err(errno) => Err(failure(errno, "open", location)),
        }
    }

    /// Opens a folder to write to, and creates it, with all above it, where it is missing.
    pub fn open_or_create(root: &Path, location: String) -> Result<Self, StoreError> {
        if let Err(error) = std::fs::create_dir_all(root) {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            // What stands there decides, and `open` says it better.
            return Self::open(root, location.clone()).map_err(|_| failure(errno, "create", location));
        }
        Self::open(root, location)
    }

    /// Runs `work` on a thread that may block.
    async fn on_thread<T: Send + 'static>(
        &self,
        path: &RelPath,
        work: impl FnOnce(&Inner, &RelPath) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (inner, path) = (Arc::clone(&self.inner), path.clone());
        let object = path.as_bytes().to_vec();
        let task = tokio::task::spawn_blocking(move || work(&inner, &path));
        task.await.unwrap_or_else(|stopped| {
            Err(StoreError::new(StoreErrorKind::Other, "finish with", object).because(stopped))
        })
    }
}

impl Inner {
    fn new(root: Root, location: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:x}{:x}", std::process::id(), now.as_nanos());
        Self {
            location,
            capabilities: folding::known(&root, capabilities()),
            root,
            run,
            temporaries: AtomicU64::new(0),
            dirty: AtomicBool::new(false),
            durable_folders: Mutex::default(),
        }
    }

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

    fn durable_folders(&self) -> MutexGuard<'_, HashSet<RelPath>> {
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_dirty(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    fn sync(&self) -> Result<(), StoreError> {
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        rustix::fs::syncfs(&self.root).map_err(|errno| {
            self.mark_dirty();
            failure(errno, "sync", &self.location)
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        let stat =
            rustix::fs::fstat(&self.root).map_err(|errno| failure(errno, "look at", &self.location))?;
        // A handle outlives its directory.
        let gone = stat.st_nlink == 0;
        if gone { Err(StoreError::new(StoreErrorKind::NoStore, "look at", &self.location)) } else { Ok(()) }
    }

    fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        lister::read_dir(&self.root, dir).map_err(|errno| self.cannot_list(errno, dir))
    }

    fn cannot_list(&self, errno: Errno, dir: Option<&RelPath>) -> StoreError {
        failure(errno, "list", dir.map_or(self.location.as_bytes(), RelPath::as_bytes))
    }
}

/// Whether a name is that of a temporary.
fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY_PREFIX.as_bytes()) && !name.contains(&b'/')
}

pub(crate) fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::new([
        Capability::AtomicRename,
        Capability::RenameNoReplace,
        Capability::ServerCopy,
        Capability::SetMtime,
        Capability::SetMetadata,
        Capability::Modes,
        Capability::Symlinks,
        Capability::Directories,
        Capability::ByteNames,
        Capability::CheapReads,
    ]);
    // `PATH_MAX` counts the closing NUL byte.
    capabilities.max_path = MAX_PATH_BYTES - 1;
    capabilities
}

pub(crate) fn enforcement(operation: Guarded) -> Enforcement {
    match operation {
        Guarded::Create | Guarded::Copy | Guarded::Rename => Enforcement::Atomic,
        Guarded::Replace | Guarded::Delete => Enforcement::Checked,
    }
}

#[async_trait]
impl Store for LocalStore {
    fn location(&self) -> &str {
        &self.inner.location
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Tree(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        Some(self)
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        Some(self)
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        Some(self)
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.on_thread(path, Inner::stat).await
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        let expect = expect.cloned();
        let (first, rest) = self
            .on_thread(path, move |inner, path| {
                let mut reading = Reading::open(&inner.root, path, range, expect.as_ref())?;
                if !reading.is_small() {
                    return Ok((None, Some(reading)));
                }
                Ok((reading.next_chunk()?, None))
            })
            .await?;
        Ok(match rest {
            Some(reading) => reading.into_stream(),
            None => futures::stream::iter(first.map(Ok)).boxed(),
        })
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.write_content(path, content, options).await
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        let to = to.clone();
        self.on_thread(from, move |inner, from| inner.copy(from, &to, &options)).await
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        let to = to.clone();
        self.on_thread(from, move |inner, from| inner.rename(from, &to, &options)).await
    }

    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let (target, wanted) = (to.clone(), expect.cloned());
        let kept =
            self.on_thread(from, move |inner, from| inner.keep(from, &target, wanted.as_ref())).await?;
        match kept {
            Some(facts) => Ok(facts),
            None => preserve::by_copy(self, from, to, expect).await,
        }
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        let expect = expect.cloned();
        self.on_thread(path, move |inner, path| inner.delete(path, expect.as_ref())).await
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.on_thread(path, Inner::create_dir).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.on_thread(path, Inner::remove_dir).await
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        let target = target.clone();
        self.on_thread(path, move |inner, path| inner.create_symlink(path, &target, &precondition)).await
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let (metadata, expect) = (metadata.clone(), expect.cloned());
        self.on_thread(path, move |inner, path| inner.set_metadata(path, &metadata, expect.as_ref())).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || inner.sync());
        task.await.unwrap_or_else(|stopped| {
            Err(StoreError::new(StoreErrorKind::Other, "sync", &self.inner.location).because(stopped))
        })
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check()
    }

    async fn free_space(&self) -> Result<Option<u64>, StoreError> {
        let disk = rustix::fs::fstatvfs(&self.inner.root)
            .map_err(|errno| failure(errno, "look at", &self.inner.location))?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
}

#[async_trait]
impl TreeListing for LocalStore {
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        let (inner, dir) = (Arc::clone(&self.inner), dir.cloned());
        let task = tokio::task::spawn_blocking(move || inner.read_dir(dir.as_ref()));
        task.await.unwrap_or_else(|stopped| {
            Err(StoreError::new(StoreErrorKind::Other, "list", &self.inner.location).because(stopped))
        })
    }
}

impl BlockingRead for LocalStore {
    fn open(&self, path: &RelPath) -> Result<(File, Facts), StoreError> {
        reader::open(&self.inner.root, path)
    }

    fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        self.inner.read_dir(dir)
    }
}
