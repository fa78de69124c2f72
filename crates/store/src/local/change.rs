use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use syncplan_model::{EntryKind, Facts, LinkTarget, RelPath, Token};

use super::Inner;
use super::draft::{rename_into_gap, set_metadata};
use super::facts::{facts, facts_at};
use super::failure::failure;
use super::root::Place;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, Precondition};

impl Inner {
    pub(super) fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        match self.root.place(path).and_then(|place| facts_at(&place)) {
            // Behind something that is no directory nothing of ours can stand.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            result => result.map_err(|errno| failure(errno, "look at", path)),
        }
    }

    pub(super) fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        let fail = |errno| failure(errno, "delete", path);
        let place = self.root.place(path).map_err(fail)?;
        let found = facts_at(&place).map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))?;
        let expected = expect.is_none_or(|token| found.token.as_ref() == Some(token));
        if !expected || !matches!(found.kind, EntryKind::File | EntryKind::Symlink) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "delete", path));
        }
        rustix::fs::unlinkat(&place, place.name(), AtFlags::empty()).map_err(fail)?;
        syncplan_failpoint::hit("local/removed");
        self.mark_dirty();
        Ok(())
    }

    pub(super) fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        let fail = |errno| failure(errno, "create", path);
        let place = self.root.place(path).map_err(fail)?;
        match rustix::fs::mkdirat(&place, place.name(), Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) if is_dir(&place).map_err(fail)? => Ok(()),
            Err(errno) => Err(fail(errno)),
            Ok(()) => {
                self.mark_dirty();
                Ok(())
            }
        }
    }

    pub(super) fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        let fail = |errno| failure(errno, "remove", path);
        let place = self.root.place(path).map_err(fail)?;
        match rustix::fs::unlinkat(&place, place.name(), AtFlags::REMOVEDIR) {
            // Some file systems say this of a directory with content.
            Err(Errno::EXIST) => Err(fail(Errno::NOTEMPTY)),
            Err(errno) => Err(fail(errno)),
            Ok(()) => {
                self.durable_folders().remove(path);
                self.mark_dirty();
                Ok(())
            }
        }
    }

    pub(super) fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        let fail = |errno| failure(errno, "create the link", path);
        let refused = || StoreError::new(StoreErrorKind::Precondition, "create the link", path);
        let place = self.root.place_with_parents(path).map_err(fail)?;
        if !precondition.holds(facts_at(&place).map_err(fail)?.as_ref()) {
            return Err(refused());
        }
        let temporary = self.temporary_name(path, None)?;
        rustix::fs::symlinkat(target.as_bytes(), &place, temporary.as_slice()).map_err(fail)?;
        let placed = match precondition {
            Precondition::Absent => rename_into_gap(&place, &temporary, &place),
            Precondition::Token(_) | Precondition::Any => {
                rustix::fs::renameat(&place, temporary.as_slice(), &place, place.name()).map(|()| true)
            }
        };
        if !matches!(placed, Ok(true)) {
            let _ = rustix::fs::unlinkat(&place, temporary.as_slice(), AtFlags::empty());
        }
        if !placed.map_err(fail)? {
            return Err(refused());
        }
        syncplan_failpoint::hit("local/renamed");
        self.mark_dirty();
        facts_at(&place).map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))
    }

    pub(super) fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let fail = |errno| failure(errno, "change the metadata of", path);
        let place = self.root.place(path).map_err(fail)?;
        let link = facts_at(&place).map_err(fail)?.filter(|facts| facts.kind == EntryKind::Symlink);
        if let Some(found) = link {
            if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
                return Err(StoreError::new(StoreErrorKind::Precondition, "change the metadata of", path));
            }
            // Links have a time of their own, and no permissions.
            if let Some(mtime) = metadata.mtime {
                super::draft::date_link(&place, place.name(), mtime).map_err(fail)?;
                self.mark_dirty();
            }
            return facts_at(&place).map_err(fail)?.ok_or_else(|| fail(Errno::NOENT));
        }
        let (fd, found) = super::reader::open_file(&place, OFlags::RDONLY, "change the metadata of", path)?;
        if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "change the metadata of", path));
        }
        set_metadata(&fd, metadata.mtime, metadata.mode).map_err(fail)?;
        self.mark_dirty();
        Ok(facts(&rustix::fs::fstat(&fd).map_err(fail)?))
    }
}

fn is_dir(place: &Place<'_>) -> rustix::io::Result<bool> {
    Ok(facts_at(place)?.is_some_and(|facts| facts.kind == EntryKind::Dir))
}
