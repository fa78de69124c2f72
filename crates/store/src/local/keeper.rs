use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;
use syncplan_model::{EntryKind, Facts, RelPath, Token};

use super::Inner;
use super::facts::{facts, link_target};
use super::failure::failure;
use super::root::Place;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Precondition;

impl Inner {
    /// Has a file or a link stand at `to` as well: a file by a hard link, a link by another of its
    /// text. Nothing is answered where a file cannot be linked, or something else stands at `to`.
    pub(super) fn keep(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Option<Facts>, StoreError> {
        let fail = |errno| failure(errno, "keep", from);
        let source = self.root.place(from).map_err(fail)?;
        let before = source.stat().map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))?;
        let found = facts(&before);
        if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "keep", from));
        }
        match found.kind {
            EntryKind::File => self.keep_file(from, (&source, &before), to),
            EntryKind::Symlink => {
                let text = link_target(&source, source.name()).map_err(fail)?;
                self.keep_link(Facts { target: Some(text), ..found }, to).map(Some)
            }
            _ => {
                Err(StoreError::new(StoreErrorKind::Unsupported, "keep", from)
                    .because("it is no file or link"))
            }
        }
    }

    fn keep_file(
        &self,
        from: &RelPath,
        (source, before): (&Place<'_>, &Stat),
        to: &RelPath,
    ) -> Result<Option<Facts>, StoreError> {
        let fail = |errno| failure(errno, "keep as", to);
        let target = self.root.place_with_parents(to).map_err(fail)?;
        let Some(linked) = link(source, &target).map_err(fail)? else { return Ok(None) };
        let kept = target.stat().map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))?;
        if is_same_file(before, &kept) {
            self.mark_dirty();
            // Whoever asked is about to destroy the other name.
            self.sync_way(to).map_err(fail)?;
            syncplan_failpoint::hit("local/kept");
            return Ok(Some(facts(&kept)));
        }
        if linked {
            // Somebody put another file there since it was looked at.
            rustix::fs::unlinkat(&target, target.name(), AtFlags::empty()).map_err(fail)?;
            return Err(StoreError::new(StoreErrorKind::Precondition, "keep", from));
        }
        Ok(None)
    }

    fn keep_link(&self, found: Facts, to: &RelPath) -> Result<Facts, StoreError> {
        let fail = |errno| failure(errno, "keep as", to);
        let Some(text) = &found.target else { return Err(fail(Errno::NOENT)) };
        match self.create_symlink(to, text, &Precondition::Absent) {
            Err(error) if error.kind == StoreErrorKind::Precondition => {
                let kept = self.stat(to)?.is_some_and(|kept| kept.target == found.target);
                kept.then_some(()).ok_or(error)?;
            }
            created => drop(created?),
        }
        self.sync_way(to).map_err(fail)?;
        syncplan_failpoint::hit("local/kept");
        Ok(found)
    }
}

impl Inner {
    /// Makes a new name survive a power loss, and the folders on the way to it: those once, since whoever
    /// keeps one thing in a folder keeps more.
    fn sync_way(&self, to: &RelPath) -> rustix::io::Result<()> {
        self.root.place(to)?.sync_names()?;
        let folders: Vec<_> = to.ancestors().filter_map(|folder| RelPath::new(folder).ok()).collect();
        for folder in folders {
            if !self.durable_folders().contains(&folder) {
                self.root.place(&folder)?.sync_names()?;
                self.durable_folders().insert(folder);
            }
        }
        Ok(())
    }
}

/// Gives a file a second name; `false` if something has that name, nothing where files cannot have two.
fn link(source: &Place<'_>, target: &Place<'_>) -> rustix::io::Result<Option<bool>> {
    match rustix::fs::linkat(source, source.name(), target, target.name(), AtFlags::empty()) {
        Ok(()) => Ok(Some(true)),
        Err(Errno::EXIST) => Ok(Some(false)),
        Err(Errno::PERM | Errno::MLINK | Errno::XDEV | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            Ok(None)
        }
        Err(errno) => Err(errno),
    }
}

/// Whether two names are of one file whose content did not change between the two looks.
fn is_same_file(before: &Stat, kept: &Stat) -> bool {
    let content = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    (before.st_dev, before.st_ino) == (kept.st_dev, kept.st_ino) && content(before) == content(kept)
}
