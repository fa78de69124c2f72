use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;

use rustix::fs::OFlags;
use rustix::io::Errno;
use syncplan_model::{EntryKind, Facts, RelPath};

use super::Inner;
use super::draft::{Draft, rename_into_gap};
use super::facts::{facts, facts_at, unchanged};
use super::failure::failure;
use super::reader::{CHUNK, open_file};
use super::root::Place;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, MoveOptions, Precondition};

/// The most that the kernel is asked to copy in one call.
const COPY_AT_ONCE: usize = 1 << 30;

impl Inner {
    /// Copies a file: its blocks are shared where the file system can, else copied in the kernel.
    pub(super) fn copy(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let fail = |errno| failure(errno, "copy", from);
        let source = self.root.place(from).map_err(fail)?;
        let (fd, before) = open_file(&source, OFlags::RDONLY, "copy", from)?;
        check_source("copy", from, &before, options)?;
        let draft = self.draft_of_copy(to, options)?;
        copy_content(&File::from(fd.try_clone().map_err(|e| other(from, e))?), &draft, before.size)
            .map_err(|error| copy_failure(to, error))?;
        let after = facts(&rustix::fs::fstat(&fd).map_err(fail)?);
        let copied = rustix::fs::fstat(draft.file().as_fd()).map_err(fail)?.st_size;
        if !unchanged(&before, &after) || u64::try_from(copied) != Ok(before.size) {
            return Err(StoreError::new(StoreErrorKind::Changed, "copy", from));
        }
        let metadata = Metadata { mtime: before.mtime, mode: before.mode, digest: None };
        self.finish("copy", to, draft, &metadata, &options.precondition)
    }

    fn draft_of_copy<'a>(&'a self, to: &'a RelPath, options: &MoveOptions) -> Result<Draft<'a>, StoreError> {
        let fail = |errno| failure(errno, "copy", to);
        let target = self.root.place_with_parents(to).map_err(fail)?;
        check_target("copy", to, &target, &options.precondition)?;
        Draft::create(target, self.temporary_name(to, options.temporary.as_ref())?).map_err(fail)
    }

    /// Moves a file or a link; the content stays where it is on the disk.
    pub(super) fn rename(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let fail = |errno| failure(errno, "rename", from);
        let source = self.root.place(from).map_err(fail)?;
        let found = facts_at(&source).map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))?;
        if !matches!(found.kind, EntryKind::File | EntryKind::Symlink) {
            return Err(
                StoreError::new(StoreErrorKind::Unsupported, "rename", from).because("it is no file or link")
            );
        }
        check_source("rename", from, &found, options)?;
        let target = self.root.place_with_parents(to).map_err(|errno| failure(errno, "rename to", to))?;
        check_target("rename to", to, &target, &options.precondition)?;
        if options.precondition != Precondition::Absent && found.kind == EntryKind::File {
            // It may be new and not on the disk yet, and what it replaces is gone with it.
            let (file, _) = open_file(&source, OFlags::RDONLY, "rename", from)?;
            rustix::fs::fsync(file).map_err(fail)?;
            // That may have taken long: this is the look that counts.
            check_target("rename to", to, &target, &options.precondition)?;
        }
        move_over(&source, &target, &options.precondition)
            .map_err(|errno| failure(errno, "rename to", to))?
            .ok_or_else(|| StoreError::new(StoreErrorKind::Precondition, "rename to", to))?;
        self.mark_dirty();
        facts_at(&target).map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))
    }
}

fn move_over(
    from: &Place<'_>,
    to: &Place<'_>,
    precondition: &Precondition,
) -> rustix::io::Result<Option<()>> {
    match precondition {
        Precondition::Absent => Ok(rename_into_gap(from, from.name(), to)?.then_some(())),
        Precondition::Token(_) | Precondition::Any => {
            rustix::fs::renameat(from, from.name(), to, to.name()).map(Some)
        }
    }
}

fn check_source(
    operation: &'static str,
    path: &RelPath,
    found: &Facts,
    options: &MoveOptions,
) -> Result<(), StoreError> {
    match &options.expect {
        Some(token) if found.token.as_ref() != Some(token) => {
            Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
        }
        _ => Ok(()),
    }
}

fn check_target(
    operation: &'static str,
    path: &RelPath,
    target: &Place<'_>,
    precondition: &Precondition,
) -> Result<(), StoreError> {
    let found = facts_at(target).map_err(|errno| failure(errno, operation, path))?;
    let holds = precondition.holds(found.as_ref());
    if holds { Ok(()) } else { Err(StoreError::new(StoreErrorKind::Precondition, operation, path)) }
}

fn copy_content(source: &File, draft: &Draft<'_>, size: u64) -> std::io::Result<()> {
    let target = draft.file();
    if rustix::fs::ioctl_ficlone(target, source).is_ok() {
        return Ok(());
    }
    let mut copied = 0;
    while copied < size {
        match rustix::fs::copy_file_range(source, None, target, None, COPY_AT_ONCE) {
            Ok(0) => return Ok(()),
            Ok(bytes) => copied += bytes as u64,
            Err(Errno::INTR) => {}
            // Across file systems, or where the kernel will not.
            Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM)
                if copied == 0 =>
            {
                return copy_by_hand(source, target);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn copy_by_hand(mut source: &File, mut target: &File) -> std::io::Result<()> {
    source.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; usize::try_from(CHUNK).unwrap_or(1 << 16)];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(()),
            length => std::io::Write::write_all(&mut target, &buffer[..length])?,
        }
    }
}

fn copy_failure(path: &RelPath, error: std::io::Error) -> StoreError {
    match Errno::from_io_error(&error) {
        Some(errno) => failure(errno, "copy", path),
        None => other(path, error),
    }
}

fn other(path: &RelPath, error: std::io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Other, "copy", path).because(error)
}
