use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::{Errno, Result};
use syncplan_model::{Facts, Mtime};

use super::facts::{PERMISSIONS, facts, facts_at};
use super::root::Place;
use crate::store::{Metadata, Precondition};

/// New content beside its target, not yet in place: dropped, it leaves nothing behind.
pub(super) struct Draft<'a> {
    target: Place<'a>,
    name: Vec<u8>,
    file: File,
    installed: bool,
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
    /// earlier try at the same action.
    pub(super) fn create(target: Place<'a>, name: Vec<u8>) -> Result<Self> {
        let fd = match create_file(&target, &name) {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&target, name.as_slice(), AtFlags::empty())?;
                create_file(&target, &name)?
            }
            fd => fd?,
        };
        Ok(Self { target, name, file: File::from(fd), installed: false })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)
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
        let mode = metadata.mode.or(found.as_ref().and_then(|facts| facts.mode));
        set_metadata(&self.file, metadata.mtime, mode)?;
        if found.is_some() {
            rustix::fs::fsync(&self.file)?;
        }
        if !self.put_in_place(precondition)? {
            return Ok(Installed::Refused);
        }
        self.installed = true;
        Ok(Installed::Done(facts(&rustix::fs::fstat(&self.file)?)))
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
        if !self.installed {
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

fn create_file(target: &Place<'_>, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(target, name, flags, Mode::from_raw_mode(0o666))
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

fn timestamps(mtime: Mtime) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanos.into() },
    }
}
