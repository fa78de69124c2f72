use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno, Result};
use syncplan_model::RelPath;

/// How often a lookup is repeated that the kernel could not finish because of concurrent renames.
const LOOKUPS: usize = 64;

/// The handle of the root directory: everything is reached through it, and nothing leaves it.
///
/// No symbolic link is followed on the way, wherever it points: a link is a leaf, never a folder.
pub(super) struct Root {
    fd: OwnedFd,
    has_openat2: AtomicBool,
    /// Whether links are followed, below the root: nobody writes to such a one.
    follows: bool,
}

/// A name in a directory that is held open: what happens to the path above it no longer matters.
pub(super) struct Place<'a> {
    parent: Parent<'a>,
    name: &'a [u8],
}

enum Parent<'a> {
    Borrowed(BorrowedFd<'a>),
    Owned(OwnedFd),
}

impl Root {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd, has_openat2: AtomicBool::new(true), follows: false }
    }

    /// From now on links are followed, as far as they stay below the root.
    pub(super) fn follow_links(&mut self) {
        self.follows = true;
    }

    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// What a path leads to, not opened.
    pub(super) fn open_path(&self, path: &RelPath) -> Result<OwnedFd> {
        self.open_through(path, OFlags::PATH)
    }

    /// What a path leads to through links that stay below the root. There is no other way to do it than
    /// to let the system do it: where it cannot, no link is followed.
    pub(super) fn open_through(&self, path: &RelPath, flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..LOOKUPS {
            match rustix::fs::openat2(&self.fd, path.as_bytes(), flags, Mode::empty(), beneath) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return result,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The place of `path`, whose parent must be there.
    pub(super) fn place<'a>(&'a self, path: &'a RelPath) -> Result<Place<'a>> {
        let parent = match split(path.as_bytes()).0 {
            None => Parent::Borrowed(self.fd.as_fd()),
            Some(parent) => Parent::Owned(self.open(parent, OFlags::PATH | OFlags::DIRECTORY)?),
        };
        Ok(Place { parent, name: path.file_name() })
    }

    /// The place of `path`, its parents created where they are missing.
    pub(super) fn place_with_parents<'a>(&'a self, path: &'a RelPath) -> Result<Place<'a>> {
        match self.place(path) {
            Err(Errno::NOENT) => {
                let (parent, name) = split(path.as_bytes());
                let parent = self.create_dirs(parent.unwrap_or_default())?;
                Ok(Place { parent: Parent::Owned(parent), name })
            }
            place => place,
        }
    }

    /// A directory, ready to be read.
    pub(super) fn open_dir(&self, dir: Option<&RelPath>) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match dir {
            None => rustix::fs::openat(&self.fd, c".", flags, Mode::empty()),
            Some(dir) if self.follows => self.open_through(dir, flags),
            Some(dir) => self.open(dir.as_bytes(), flags),
        }
    }

    fn open(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        if !self.has_openat2.load(Ordering::Relaxed) {
            return self.open_by_steps(path, flags);
        }
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..LOOKUPS {
            match rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), beneath) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS) => {
                    self.has_openat2.store(false, Ordering::Relaxed);
                    return self.open_by_steps(path, flags);
                }
                // The system looks up no path longer than this, but one handle after the other it can.
                Err(Errno::NAMETOOLONG) => return self.open_by_steps(path, flags),
                // Some sandboxes refuse system calls that they do not know with this one.
                Err(Errno::PERM) => return self.open_by_steps(path, flags),
                result => return result,
            }
        }
        Err(Errno::AGAIN)
    }

    /// What `openat2` does, for kernels without it: one component at a time.
    fn open_by_steps(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        let (parent, name) = split(path);
        let mut dir = self
            .fd
            .as_fd()
            .try_clone_to_owned()
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        for component in parent.into_iter().flat_map(|parent| parent.split(|&b| b == b'/')) {
            dir = open_step(dir.as_fd(), component)?;
        }
        rustix::fs::openat(&dir, name, flags, Mode::empty())
    }

    fn create_dirs(&self, path: &[u8]) -> Result<OwnedFd> {
        let mut dir = rustix::fs::openat(
            &self.fd,
            c".",
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        for component in path.split(|&b| b == b'/') {
            match rustix::fs::mkdirat(&dir, component, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            dir = open_step(dir.as_fd(), component)?;
        }
        Ok(dir)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Place<'_> {
    /// The name in its directory.
    pub(super) fn name(&self) -> &[u8] {
        self.name
    }

    /// The place in the same directory that has another name.
    pub(super) fn beside<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { parent: Parent::Borrowed(self.as_fd()), name }
    }

    /// What stands there, links not followed; `None` if nothing does.
    pub(super) fn stat(&self) -> Result<Option<Stat>> {
        match rustix::fs::statat(self, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Makes the names in its directory survive a power loss.
    pub(super) fn sync_names(&self) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::fsync(rustix::fs::openat(self, c".", flags, Mode::empty())?)
    }

    /// Opens what stands there, never a link, and never waiting for the other end of a FIFO.
    pub(super) fn open(&self, flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(self, self.name, flags, Mode::empty())
    }
}

impl AsFd for Place<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.parent {
            Parent::Borrowed(fd) => *fd,
            Parent::Owned(fd) => fd.as_fd(),
        }
    }
}

fn open_step(dir: BorrowedFd<'_>, component: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, component, flags, Mode::empty())
}

fn split(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => (Some(&path[..slash]), &path[slash + 1..]),
        None => (None, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> (tempfile::TempDir, [Root; 2]) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let open = || Root::new(std::fs::File::open(dir.path()).unwrap().into());
        let by_steps = open();
        by_steps.has_openat2.store(false, Ordering::Relaxed);
        let roots = [open(), by_steps];
        (dir, roots)
    }

    #[test]
    fn both_ways_of_looking_up_agree() {
        let (_dir, roots) = roots();
        for root in roots {
            for (path, found) in
                [("a/b/x", Ok(())), ("a/x", Ok(())), ("link/x", Err(())), ("a/none/x", Err(()))]
            {
                let place = root.place(&RelPath::new(path).unwrap()).map(|_| ()).map_err(|_| ());
                assert_eq!(place, found, "{path}");
            }
        }
    }

    #[test]
    fn parents_are_not_created_behind_a_link() {
        let (dir, roots) = roots();
        for root in roots {
            let path = RelPath::new("link/new/x").unwrap();
            assert!(root.place_with_parents(&path).is_err());
        }
        assert!(!dir.path().join("a/new").exists());
    }
}
