use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::{Errno, Result};
use syncplan_model::{Facts, Mtime};

use super::facts::{PERMISSIONS, facts, facts_at};
use super::root::Place;
use super::sparse;
use crate::store::{Metadata, Precondition};

/// New content beside its target, not yet in place: dropped, it leaves nothing behind, unless somebody
/// means to go on with it.
pub(super) struct Draft<'a> {
    target: Place<'a>,
    name: Vec<u8>,
    file: File,
    /// How much was appended.
    length: u64,
    stays: bool,
}

/// How a draft came to stand at its target, or did not.
pub(super) enum Installed {
    /// It stands there.
    Done(Facts),
    /// What stood there was not what was expected, and still stands there.
    Refused,
}

impl<'a> Draft<'a> {
    /// An empty file called `name` in the folder of `target`.
    ///
    /// Temporaries are named by whoever runs a plan, so one that stands there is left over from an
    /// earlier try at the same action. Until it is in place nobody may read it who may not read what
    /// will have `mode`.
    pub(super) fn create(target: Place<'a>, name: Vec<u8>, mode: Option<u32>) -> Result<Self> {
        let fd = match create_file(&target, &name, mode) {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&target, name.as_slice(), AtFlags::empty())?;
                create_file(&target, &name, mode)?
            }
            fd => fd?,
        };
        syncplan_failpoint::hit("local/draft-created");
        Ok(Self { target, name, file: File::from(fd), length: 0, stays: false })
    }

    /// A draft that was left, with all that belongs into it.
    pub(super) fn opened(target: Place<'a>, name: Vec<u8>, file: File) -> Self {
        Self { target, name, file, length: 0, stays: true }
    }

    /// Leaves it where it is, for whoever goes on with it.
    pub(super) fn leave(mut self) {
        self.stays = true;
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        sparse::write_fresh(&self.file, self.length, bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Gives it its time and permissions and puts it in place, if `precondition` holds there.
    ///
    /// What replaces something is on the disk before it does: after a power loss the old content
    /// or the new one is there. What replaces nothing may wait for
    /// [`Store::sync`](crate::Store::sync), until which nobody relies on it.
    pub(super) fn install(mut self, metadata: &Metadata, precondition: &Precondition) -> Result<Installed> {
        let found = facts_at(&self.target)?;
        if !precondition.holds(found.as_ref()) {
            return Ok(Installed::Refused);
        }
        self.reach_the_end()?;
        let mode = metadata.mode.or(found.as_ref().and_then(|facts| facts.mode));
        set_metadata(&self.file, metadata.mtime, mode)?;
        if found.is_some() {
            rustix::fs::fsync(&self.file)?;
        }
        if !self.put_in_place(precondition)? {
            return Ok(Installed::Refused);
        }
        self.stays = true;
        syncplan_failpoint::hit("local/renamed");
        Ok(Installed::Done(facts(&rustix::fs::fstat(&self.file)?)))
    }

    /// Zeros at the end of what was appended were left out.
    fn reach_the_end(&self) -> Result<()> {
        if rustix::fs::fstat(&self.file)?.st_size.unsigned_abs() < self.length {
            rustix::fs::ftruncate(&self.file, self.length)?;
        }
        Ok(())
    }

    fn put_in_place(&self, precondition: &Precondition) -> Result<bool> {
        match precondition {
            Precondition::Absent => rename_into_gap(&self.target, &self.name, &self.target),
            Precondition::Token(_) => {
                // Syncing took its time: this is the look that counts.
                if !precondition.holds(facts_at(&self.target)?.as_ref()) {
                    return Ok(false);
                }
                rename_over(&self.target, &self.name)
            }
            Precondition::Any => rename_over(&self.target, &self.name),
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.stays {
            // Nobody is left to tell, and what stays behind is collected as a temporary.
            let _ = rustix::fs::unlinkat(&self.target, self.name.as_slice(), AtFlags::empty());
        }
    }
}

/// Moves `name` beside `from` to the place `to`, unless something stands there: `false`.
pub(super) fn rename_into_gap(from: impl AsFd, name: &[u8], to: &Place<'_>) -> Result<bool> {
    match rustix::fs::renameat_with(&from, name, to, to.name(), RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // The file system cannot do it in one step; a hard link cannot replace anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_into_gap(from, name, to),
        Err(errno) => Err(errno),
    }
}

fn link_into_gap(from: impl AsFd, name: &[u8], to: &Place<'_>) -> Result<bool> {
    match rustix::fs::linkat(&from, name, to, to.name(), AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(&from, name, AtFlags::empty()).map(|()| true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn rename_over(target: &Place<'_>, name: &[u8]) -> Result<bool> {
    rustix::fs::renameat(target, name, target, target.name()).map(|()| true)
}

fn create_file(target: &Place<'_>, name: &[u8], mode: Option<u32>) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = mode.map_or(0o666, |mode| mode & 0o666 | 0o600);
    rustix::fs::openat(target, name, flags, Mode::from_raw_mode(mode))
}

/// Sets what is given on an open file.
pub(super) fn set_metadata(file: impl AsFd, mtime: Option<Mtime>, mode: Option<u32>) -> Result<()> {
    if let Some(mode) = mode {
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & PERMISSIONS))?;
    }
    if let Some(mtime) = mtime {
        rustix::fs::futimens(&file, &timestamps(mtime))?;
    }
    Ok(())
}

/// Sets the time of a name in a folder; if it is a link, that of the link itself.
pub(super) fn date_link(dir: impl AsFd, name: &[u8], mtime: Mtime) -> Result<()> {
    rustix::fs::utimensat(dir, name, &timestamps(mtime), AtFlags::SYMLINK_NOFOLLOW)
}

fn timestamps(mtime: Mtime) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanos.into() },
    }
}
