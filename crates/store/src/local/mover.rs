use std::fs::File;
use std::os::fd::AsFd as _;

use rustix::fs::OFlags;
use rustix::io::Errno;
use syncplan_model::{EntryKind, Facts, RelPath};

use super::Inner;
use super::copier::copy_content;
use super::draft::{Draft, rename_into_gap};
use super::facts::{facts, facts_at, unchanged};
use super::failure::{failure, io_failure};
use super::reader::open_file;
use super::root::Place;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, MoveOptions, Precondition};

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
        let draft = self.draft_of_copy(to, before.mode, options)?;
        let file = File::from(fd);
        copy_content(&file, draft.file(), before.size).map_err(|error| io_failure(error, "copy", to))?;
        let after = facts(&rustix::fs::fstat(&file).map_err(fail)?);
        let copied = rustix::fs::fstat(draft.file().as_fd()).map_err(fail)?.st_size;
        if !unchanged(&before, &after) || u64::try_from(copied) != Ok(before.size) {
            return Err(StoreError::new(StoreErrorKind::Changed, "copy", from));
        }
        let metadata = Metadata { mtime: before.mtime, mode: before.mode, ..Metadata::default() };
        self.finish("copy", to, draft, &metadata, &options.precondition)
    }

    fn draft_of_copy<'a>(
        &'a self,
        to: &'a RelPath,
        mode: Option<u32>,
        options: &MoveOptions,
    ) -> Result<Draft<'a>, StoreError> {
        let fail = |errno| failure(errno, "copy", to);
        let target = self.root.place_with_parents(to).map_err(fail)?;
        check_target("copy", to, &target, &options.precondition)?;
        let name = self.temporary_name(to, options.temporary.as_ref())?;
        Draft::create(target, name, mode).map_err(fail)
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
        syncplan_failpoint::hit("local/renamed");
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
