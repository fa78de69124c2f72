//! A folder whose links are followed: what they lead to is taken for what stands there.

use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use rustix::fs::{OFlags, Stat};
use rustix::io::Errno;
use syncplan_model::{Capabilities, Capability, EntryKind, Facts, LinkTarget, RelPath, Token};

use super::facts::facts;
use super::failure::failure;
use super::reader::Reading;
use super::root::Root;
use super::{Inner, LocalStore};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Rejected, Store, TreeListing, WriteOptions,
};

/// A folder of this machine to read from, in which every symbolic link is what it leads to.
///
/// The system resolves links, and only below the root (`RESOLVE_BENEATH`): one that leads out of it, to
/// nothing, in a circle, or to what syncplan keeps for itself is reported and left alone. Nothing is
/// ever written here, so that nothing is written through a link.
pub struct FollowingFolder {
    inner: Arc<Inner>,
    capabilities: Capabilities,
}

impl FollowingFolder {
    /// Opens a folder that exists; `location` is what people and plans call it.
    pub fn open(root: &Path, location: String) -> Result<Self, StoreError> {
        let mut store = LocalStore::open(root, location)?;
        if let Some(inner) = Arc::get_mut(&mut store.inner) {
            inner.root.follow_links();
        }
        let capabilities = super::capabilities().without(Capability::Symlinks).with(Capability::ReadOnly);
        Ok(Self { inner: store.inner, capabilities })
    }

    fn refuse<T>(&self, operation: &'static str, path: &RelPath) -> Result<T, StoreError> {
        let why = "links are followed here, and where links are followed nothing is written";
        Err(StoreError::new(StoreErrorKind::Unsupported, operation, path).because(why))
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        path: &RelPath,
        work: impl FnOnce(&Inner, &RelPath) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        LocalStore { inner: Arc::clone(&self.inner) }.on_thread(path, work).await
    }
}

/// Why a link is left alone.
enum Astray {
    Out,
    Nowhere,
    Round,
    Ours,
    Unknown,
    Failed(Errno),
}

impl Astray {
    fn of(errno: Errno) -> Self {
        match errno {
            Errno::XDEV => Self::Out,
            Errno::NOENT | Errno::NOTDIR => Self::Nowhere,
            Errno::LOOP => Self::Round,
            errno => Self::Failed(errno),
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Out => "the link leads out of the folder".to_owned(),
            Self::Nowhere => "the link leads to nothing".to_owned(),
            Self::Round => "the link leads in a circle".to_owned(),
            Self::Ours => "the link leads to what syncplan keeps for itself".to_owned(),
            Self::Unknown => "where the link leads cannot be found out".to_owned(),
            Self::Failed(errno) => format!("the link cannot be followed: {}", std::io::Error::from(*errno)),
        }
    }
}

/// What a path leads to.
fn resolve(root: &Root, path: &RelPath) -> Result<(OwnedFd, Stat), Astray> {
    let fd = root.open_path(path).map_err(Astray::of)?;
    let stat = rustix::fs::fstat(&fd).map_err(Astray::of)?;
    let real = real_path(&fd).ok_or(Astray::Unknown)?;
    let top = real_path(root).ok_or(Astray::Unknown)?;
    let below = real.strip_prefix(&top).map_err(|_| Astray::Out)?;
    let below = below.as_os_str().as_bytes();
    if !below.is_empty() && RelPath::new(below).map_err(|_| Astray::Unknown)?.is_reserved() {
        return Err(Astray::Ours);
    }
    Ok((fd, stat))
}

/// What the system calls an open file now.
fn real_path(fd: &impl std::os::fd::AsFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())).ok()
}

/// Whether a folder is one of those on the way to a path: whoever walked into it would come by again.
fn is_on_the_way(root: &Root, path: &RelPath, folder: &Stat) -> Result<bool, Errno> {
    let same = |stat: Stat| (stat.st_dev, stat.st_ino) == (folder.st_dev, folder.st_ino);
    if same(rustix::fs::fstat(root)?) {
        return Ok(true);
    }
    let mut above = path.parent();
    while let Some(dir) = above {
        if same(rustix::fs::fstat(root.open_path(&dir)?)?) {
            return Ok(true);
        }
        above = dir.parent();
    }
    Ok(false)
}

/// What a link in a listing is taken for.
pub(super) fn followed(root: &Root, path: &RelPath) -> Result<Facts, String> {
    let (_, stat) = resolve(root, path).map_err(|astray| astray.reason())?;
    let facts = facts(&stat);
    if facts.kind == EntryKind::Dir {
        match is_on_the_way(root, path, &stat) {
            Ok(false) => {}
            Ok(true) => return Err(Astray::Round.reason()),
            Err(errno) => return Err(Astray::of(errno).reason()),
        }
    }
    Ok(facts)
}

/// Opens the regular file that a path leads to; anything else is not opened at all.
pub(super) fn open(root: &Root, path: &RelPath) -> Result<(File, Facts), StoreError> {
    let not_a_file = || StoreError::new(StoreErrorKind::Unsupported, "read", path);
    let (_, stat) = match resolve(root, path) {
        Ok(found) => found,
        Err(Astray::Failed(errno)) => return Err(failure(errno, "read", path)),
        Err(Astray::Nowhere) => return Err(failure(Errno::NOENT, "read", path)),
        Err(astray) => return Err(not_a_file().because(astray.reason())),
    };
    if facts(&stat).kind != EntryKind::File {
        return Err(not_a_file().because("it is not a regular file"));
    }
    let fail = |errno| failure(errno, "read", path);
    let fd = root.open_through(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(fail)?;
    let now = rustix::fs::fstat(&fd).map_err(fail)?;
    // It may lead elsewhere by now: only the handle tells what is really read.
    if (now.st_dev, now.st_ino) != (stat.st_dev, stat.st_ino) {
        return Err(StoreError::new(StoreErrorKind::Changed, "read", path));
    }
    Ok((File::from(fd), facts(&now)))
}

pub(super) fn stat(root: &Root, path: &RelPath) -> Result<Option<Facts>, StoreError> {
    match resolve(root, path) {
        Ok((_, stat)) => Ok(Some(facts(&stat))),
        Err(Astray::Failed(errno)) => Err(failure(errno, "look at", path)),
        Err(_) => Ok(None),
    }
}

/// What a listing has for a link that is left alone: nothing at or below it is touched on either side.
pub(super) fn leave_alone(batch: &mut Batch, path: &RelPath, reason: String) -> Facts {
    batch.rejected.push(Rejected { name: path.as_bytes().to_vec(), reason });
    Facts::new(EntryKind::Ignored)
}

#[async_trait]
impl Store for FollowingFolder {
    fn location(&self) -> &str {
        &self.inner.location
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Tree(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        Some(self)
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        None
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        None
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        self.on_thread(path, |inner, path| stat(&inner.root, path)).await
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        let expect = expect.cloned();
        let reading =
            self.on_thread(path, move |inner, path| Reading::open(&inner.root, path, range, expect.as_ref()));
        Ok(reading.await?.into_stream().boxed())
    }

    async fn write(&self, path: &RelPath, _: ContentStream, _: WriteOptions) -> Result<Facts, StoreError> {
        self.refuse("write", path)
    }

    async fn copy(&self, _: &RelPath, to: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        self.refuse("copy to", to)
    }

    async fn rename(&self, from: &RelPath, _: &RelPath, _: MoveOptions) -> Result<Facts, StoreError> {
        self.refuse("rename", from)
    }

    async fn preserve(&self, from: &RelPath, _: &RelPath, _: Option<&Token>) -> Result<Facts, StoreError> {
        self.refuse("keep", from)
    }

    async fn delete(&self, path: &RelPath, _: Option<&Token>) -> Result<(), StoreError> {
        self.refuse("delete", path)
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.refuse("create", path)
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.refuse("remove", path)
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _: &LinkTarget,
        _: Precondition,
    ) -> Result<Facts, StoreError> {
        self.refuse("create the link", path)
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
        Ok(())
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        super::enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check()
    }
}

#[async_trait]
impl TreeListing for FollowingFolder {
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        let (inner, dir) = (Arc::clone(&self.inner), dir.cloned());
        let task = tokio::task::spawn_blocking(move || inner.read_dir(dir.as_ref()));
        task.await.unwrap_or_else(|stopped| {
            Err(StoreError::new(StoreErrorKind::Other, "list", &self.inner.location).because(stopped))
        })
    }
}

impl BlockingRead for FollowingFolder {
    fn open(&self, path: &RelPath) -> Result<(File, Facts), StoreError> {
        super::reader::open(&self.inner.root, path)
    }

    fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        self.inner.read_dir(dir)
    }
}
