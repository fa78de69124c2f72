use syncplan_model::{EntryKind, Facts, LinkTarget, RelPath, Token};

use super::Inner;
use super::attributes::{Attributes, permissions, protocol_time};
use super::draft::seconds_now;
use super::fault::{Fault, status};
use super::lister::all_names;
use super::packet::{Packet, flags, kind};
use super::place::{Place, make_dir};
use super::writer::check_target;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, Precondition};

impl Inner {
    pub(super) async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        let fail = |fault: Fault| fault.at("delete", path);
        let place = self.place(path).await.map_err(fail)?;
        let found = place.facts().await.map_err(fail)?;
        let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
        let expected = expect.is_none_or(|token| found.token.as_ref() == Some(token));
        if !expected || !matches!(found.kind, EntryKind::File | EntryKind::Symlink) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "delete", path));
        }
        match place.remove().await {
            // It is gone if it was done, and nobody else is to blame.
            Err(fault) if fault.is_doubtful() => {
                let again = place.by(self.channel_again().await?);
                if again.facts().await.map_err(fail)?.is_some() {
                    return Err(fail(fault));
                }
            }
            removed => removed.map_err(fail)?,
        }
        syncplan_failpoint::hit("sftp/removed");
        self.mark_dirty(place.folder());
        Ok(())
    }

    pub(super) async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        let fail = |fault: Fault| fault.at("create", path);
        let place = self.place(path).await.map_err(fail)?;
        match make_dir(&place.channel, &place.full).await {
            Err(fault) if fault.is(status::FAILURE) => {
                match place.facts().await.map_err(fail)?.map(|found| found.kind) {
                    Some(EntryKind::Dir) => {}
                    Some(_) => return Err(StoreError::new(StoreErrorKind::Precondition, "create", path)),
                    None => return Err(fail(fault)),
                }
            }
            Err(fault) if fault.is(status::NO_SUCH_FILE) => {
                self.forget_folders();
                return Err(fail(fault));
            }
            made => {
                made.map_err(fail)?;
                self.mark_dirty(place.folder());
            }
        }
        Ok(())
    }

    pub(super) async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        let fail = |fault: Fault| fault.at("remove", path);
        let place = self.place(path).await.map_err(fail)?;
        match place.facts().await.map_err(fail)?.map(|found| found.kind) {
            Some(EntryKind::Dir) => {}
            Some(_) => return Err(fail(Fault::NoFolder(place.full))),
            None => return Err(fail(Fault::status(status::NO_SUCH_FILE))),
        }
        self.forget_folders();
        let removed = place.channel.session.about(kind::RMDIR, &place.full).done().await;
        match removed {
            Err(fault) if fault.is(status::FAILURE) => {
                // The protocol has one word for all that can be in the way.
                let names = all_names(&place.channel.session, &place.full).await.map_err(fail)?;
                if names.is_empty() {
                    return Err(fail(fault));
                }
                Err(StoreError::new(StoreErrorKind::NotEmpty, "remove", path))
            }
            removed => {
                removed.map_err(fail)?;
                self.mark_dirty(place.folder());
                Ok(())
            }
        }
    }

    pub(super) async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("create the link", path);
        let place = self.place_with_parents(path).await.map_err(fail)?;
        let found = place.facts().await.map_err(fail)?;
        check_target("create the link", path, precondition, found.as_ref())?;
        if *precondition == Precondition::Absent {
            match symlink(&place, target).await {
                Err(fault) if fault.is(status::FAILURE) && place.facts().await.map_err(fail)?.is_some() => {
                    return Err(StoreError::new(StoreErrorKind::Precondition, "create the link", path));
                }
                made => made.map_err(fail)?,
            }
        } else {
            let temporary = place.beside(&self.temporary_name(path, None)?);
            symlink(&temporary, target).await.map_err(fail)?;
            if let Err(fault) = temporary.move_over(&place).await {
                // What stays behind is collected as a temporary.
                drop(temporary.remove().await);
                return Err(fail(fault));
            }
        }
        syncplan_failpoint::hit("sftp/renamed");
        self.mark_dirty(place.folder());
        let made = place.facts().await.map_err(fail)?;
        let made = made.filter(|made| made.target.as_ref() == Some(target));
        made.ok_or_else(|| fail(Fault::Changed))
    }

    pub(super) async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("change the metadata of", path);
        let refused = |kind| StoreError::new(kind, "change the metadata of", path);
        let place = self.place(path).await.map_err(fail)?;
        let found = place.facts().await.map_err(fail)?;
        let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
        if found.kind != EntryKind::File {
            return Err(refused(StoreErrorKind::Unsupported).because("it is no file"));
        }
        if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
            return Err(refused(StoreErrorKind::Precondition));
        }
        // By a handle: a link that takes its place meanwhile is not followed to somebody else's file
        // unless it does so between the look and this, and then what was opened is looked at again.
        let handle = place.channel.session.open(&place.full, flags::READ, Attributes::default());
        let handle = handle.await.map_err(fail)?;
        let opened = handle.stat().attributes().await.map_err(fail)?.map(|opened| opened.facts());
        if opened.as_ref().and_then(|opened| opened.token.as_ref()) != found.token.as_ref() {
            return Err(refused(StoreErrorKind::Precondition));
        }
        let kept = found.mtime.and_then(protocol_time);
        let modified = metadata.mtime.and_then(protocol_time).or(kept);
        let told = Attributes {
            size: None,
            mode: metadata.mode.map(permissions),
            times: modified.map(|modified| (seconds_now(), modified)),
        };
        let fill = |packet: Packet| told.write(packet);
        handle.send(kind::FSETSTAT, 32, fill).done().await.map_err(fail)?;
        let now = handle.stat().attributes().await.map_err(fail)?;
        now.map(|now| now.facts()).ok_or_else(|| fail(Fault::Changed))
    }
}

/// Creates a link. The two arguments stand the other way round than the draft of the protocol says, as
/// OpenSSH has it and all who followed; who does not speak OpenSSH's extensions is not asked.
pub(super) async fn symlink(place: &Place, target: &LinkTarget) -> Result<(), Fault> {
    let session = &place.channel.session;
    if !session.offers.posix_rename {
        return Err(Fault::Unable("it is not known how the server creates links"));
    }
    let room = place.full.len() + target.as_bytes().len();
    let fill = |packet: Packet| packet.string(target.as_bytes()).string(&place.full);
    session.send(kind::SYMLINK, room, fill).done().await
}
