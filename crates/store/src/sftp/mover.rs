use std::sync::Arc;

use syncplan_model::{EntryKind, Facts, RelPath};

use super::Inner;
use super::attributes::Attributes;
use super::draft::{seconds_now, told};
use super::fault::{Fault, status};
use super::packet::{Packet, flags, kind};
use super::place::Place;
use super::reader;
use super::writer::check_target;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, MoveOptions, Precondition, WriteOptions};

impl Inner {
    /// Copies a file: on the server where it can, else through here.
    pub(super) async fn copy(
        inner: &Arc<Self>,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("copy", from);
        let source = inner.place(from).await.map_err(fail)?;
        let found = source.facts().await.map_err(fail)?;
        let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
        if found.kind != EntryKind::File {
            return Err(StoreError::new(StoreErrorKind::Unsupported, "copy", from).because("it is no file"));
        }
        check_source("copy", from, &found, options)?;
        let write = WriteOptions {
            size: found.size,
            precondition: options.precondition.clone(),
            metadata: Metadata { mtime: found.mtime, mode: found.mode, ..Metadata::default() },
            temporary: options.temporary.clone(),
        };
        if source.channel.session.offers.copy_data {
            return inner.copy_there(from, &found, to, &write).await;
        }
        let content = reader::read(inner, from, None, found.token.as_ref()).await?;
        inner.write_content(to, content, &write).await
    }

    /// Has the server copy: both files have to be open on one channel.
    async fn copy_there(
        &self,
        from: &RelPath,
        found: &Facts,
        to: &RelPath,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("copy", from);
        let changed = || StoreError::new(StoreErrorKind::Changed, "copy", from);
        let (target, replaced, mut draft) = self.begin_draft("copy", to, options).await?;
        let copying = async {
            let source = self.place(from).await?.by(Arc::clone(&draft.place.channel));
            let session = &draft.place.channel.session;
            let handle = session.open(&source.full, flags::READ, Attributes::default()).await?;
            let before = handle.stat().attributes().await?.ok_or(Fault::Changed)?;
            if before.facts().token != found.token {
                return Err(Fault::Changed);
            }
            let written = draft.handle()?;
            let copied = session.send_slow(kind::EXTENDED, |packet| {
                let packet = packet.string("copy-data").string(handle.bytes()).u64(0).u64(0);
                packet.string(written.bytes()).u64(0)
            });
            copied.done().await?;
            let after = handle.stat().attributes().await?.ok_or(Fault::Changed)?;
            if after.facts().token != found.token { Err(Fault::Changed) } else { Ok(()) }
        };
        let copied = match copying.await {
            Ok(()) => draft.seal(told(&options.metadata, replaced.as_ref())).await,
            Err(fault) => Err(super::draft::full_or(&draft.place, fault).await),
        };
        match copied {
            Ok(sealed) if sealed.size == Some(options.size) => {
                self.install("copy", to.as_bytes(), draft, sealed, &target, &options.precondition).await
            }
            Ok(_) => {
                draft.discard().await;
                Err(changed())
            }
            Err(fault) => {
                draft.discard().await;
                Err(fail(fault))
            }
        }
    }

    /// Moves a file or a link; the content stays where it is on the server.
    pub(super) async fn rename(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("rename", from);
        let source = self.place(from).await.map_err(fail)?;
        let found = source.facts().await.map_err(fail)?;
        let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
        if !matches!(found.kind, EntryKind::File | EntryKind::Symlink) {
            return Err(
                StoreError::new(StoreErrorKind::Unsupported, "rename", from).because("it is no file or link")
            );
        }
        check_source("rename", from, &found, options)?;
        let target = self.place_with_parents(to).await.map_err(|fault| fault.at("rename to", to))?;
        let there = target.facts().await.map_err(fail)?;
        check_target("rename to", to, &options.precondition, there.as_ref())?;
        let moved = match options.precondition {
            Precondition::Absent => source.move_into_gap(&target).await,
            Precondition::Token(_) | Precondition::Any => source.move_over(&target).await.map(|()| true),
        };
        let moved = match moved {
            Err(fault) if fault.is_doubtful() => self.was_moved(&source, &target, &found, fault).await,
            moved => moved,
        };
        if !moved.map_err(|fault| fault.at("rename to", to))? {
            return Err(StoreError::new(StoreErrorKind::Precondition, "rename to", to));
        }
        syncplan_failpoint::hit("sftp/renamed");
        self.mark_dirty(source.folder());
        self.mark_dirty(target.folder());
        let target = match target.channel.session.is_broken() {
            true => target.by(self.channel_again().await?),
            false => target,
        };
        if to.is_reserved() && found.kind == EntryKind::File {
            date(&target, &found).await;
        }
        let moved = target.facts().await.map_err(fail)?;
        moved.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))
    }

    /// The answer was lost: it was done if the source is gone and stands at the target.
    async fn was_moved(
        &self,
        source: &Place,
        target: &Place,
        found: &Facts,
        fault: Fault,
    ) -> Result<bool, Fault> {
        let Ok(channel) = self.channel_again().await else { return Err(fault) };
        let there = target.by(Arc::clone(&channel)).facts().await?;
        let is_it = there.is_some_and(|there| there.kind == found.kind && there.token == found.token);
        if is_it && source.by(channel).facts().await?.is_none() { Ok(true) } else { Err(fault) }
    }
}

/// Notes when something took a name of ours, as the time of its last reading: the protocol tells no
/// other time by which whoever collects it could know since when it stands there.
pub(super) async fn date(place: &Place, found: &Facts) {
    let Some(modified) = found.mtime.and_then(super::attributes::protocol_time) else { return };
    // Only a time that is later than the other one can be told from it.
    let now = seconds_now();
    let told =
        Attributes { times: Some((now + u32::from(now == modified), modified)), ..Attributes::default() };
    let dating = async {
        let handle = place.channel.session.open(&place.full, flags::READ, Attributes::default()).await?;
        handle.send(kind::FSETSTAT, 32, |packet: Packet| told.write(packet)).done().await
    };
    if let Err(fault) = dating.await {
        tracing::debug!(%fault, "the server does not keep since when something is kept");
    }
}

pub(super) fn check_source(
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
