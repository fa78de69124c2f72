use std::time::{SystemTime, UNIX_EPOCH};

use syncplan_model::{EntryKind, Facts};

use super::Inner;
use super::attributes::{Attributes, permissions, protocol_time};
use super::fault::{Fault, status};
use super::packet::{flags, kind};
use super::place::Place;
use super::session::Handle;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, Precondition};

/// New content beside its target, not yet in place: dropped, it leaves nothing behind, unless somebody
/// means to go on with it.
pub(super) struct Draft {
    /// Where it stands.
    pub(super) place: Place,
    handle: Option<Handle>,
    stays: bool,
}

impl Draft {
    /// An empty file beside its target. One that stands there is left over from an earlier try.
    /// Until it is in place nobody may read it who may not read what will have `mode`.
    pub(super) async fn create(place: Place, mode: Option<u32>) -> Result<Self, Fault> {
        let handle = match create_file(&place, mode).await {
            Err(fault) if fault.is(status::FAILURE) && place.facts().await?.is_some() => {
                place.remove().await?;
                create_file(&place, mode).await
            }
            handle => handle,
        };
        let handle = match handle {
            // A full disk has no room for a name either.
            Err(fault) => return Err(full_or(&place, fault).await),
            Ok(handle) => handle,
        };
        syncplan_failpoint::hit("sftp/draft-created");
        Ok(Self { place, handle: Some(handle), stays: false })
    }

    /// A draft that was left, with all that belongs into it.
    pub(super) fn opened(place: Place, handle: Handle) -> Self {
        Self { place, handle: Some(handle), stays: true }
    }

    pub(super) fn handle(&self) -> Result<&Handle, Fault> {
        self.handle.as_ref().ok_or(Fault::Broken)
    }

    /// Leaves it where it is, for whoever goes on with it.
    pub(super) async fn leave(mut self) -> Result<(), Fault> {
        self.stays = true;
        match self.handle.take() {
            Some(handle) => handle.close().done().await,
            None => Ok(()),
        }
    }

    /// Gives it its time and permissions, has it on the disk, and closes it; answers what it is then.
    /// All in one round trip: the server works in order.
    pub(super) async fn seal(&mut self, metadata: Attributes) -> Result<Attributes, Fault> {
        let handle = self.handle.take().ok_or(Fault::Broken)?;
        let session = &self.place.channel.session;
        let told = handle.send(kind::FSETSTAT, 32, |packet| metadata.write(packet));
        let synced = session.offers.fsync.then(|| {
            session
                .send_slow(kind::EXTENDED, |packet| packet.string("fsync@openssh.com").string(handle.bytes()))
        });
        let found = handle.stat();
        let closed = handle.close();
        told.done().await?;
        if let Some(synced) = synced
            && let Err(fault) = synced.done().await
        {
            return Err(full_or(&self.place, fault).await);
        }
        let found = found.attributes().await?.ok_or_else(|| Fault::status(status::NO_SUCH_FILE))?;
        match closed.done().await {
            Ok(()) => Ok(found),
            Err(fault) => Err(full_or(&self.place, fault).await),
        }
    }

    /// Throws it away, and waits until that is done.
    pub(super) async fn discard(mut self) {
        self.stays = true;
        if let Some(handle) = self.handle.take() {
            drop(handle);
        }
        if let Err(fault) = self.place.remove().await {
            tracing::debug!(%fault, "a temporary is left, until it is collected");
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.stays {
            // Nobody is left to wait, and what stays behind is collected as a temporary.
            drop(self.place.channel.session.about(kind::REMOVE, &self.place.full));
        }
    }
}

async fn create_file(place: &Place, mode: Option<u32>) -> Result<Handle, Fault> {
    let mode = mode.map(|mode| mode & 0o666 | 0o600);
    let attributes = Attributes { mode, ..Attributes::default() };
    let flags = flags::READ | flags::WRITE | flags::CREATE | flags::EXCLUSIVE;
    place.channel.session.open(&place.full, flags, attributes).await
}

/// A failure that has no name may be a full disk: the server is asked how much room there is.
pub(super) async fn full_or(place: &Place, fault: Fault) -> Fault {
    let session = &place.channel.session;
    if !fault.is(status::FAILURE) || !session.offers.statvfs {
        return fault;
    }
    let folder = place.folder();
    let asked = session.extended("statvfs@openssh.com", |packet| packet.string(folder));
    let Ok(mut answer) = asked.expect(kind::EXTENDED_REPLY).await else { return fault };
    // Block size, fragment size, blocks, free ones, available ones.
    let mut numbers = [0; 5];
    for number in &mut numbers {
        match answer.u64() {
            Ok(value) => *number = value,
            Err(_) => return fault,
        }
    }
    if numbers[4] == 0 { Fault::Full } else { fault }
}

/// What a server is told of new content: its times, and who may read it.
///
/// Content without a time of its own gets one whose second is over, and which differs from what it
/// replaces: tokens are made of nothing but length and second here.
pub(super) fn told(metadata: &Metadata, replaced: Option<&Facts>) -> Attributes {
    let now = seconds_now();
    let modified = metadata.mtime.and_then(protocol_time).unwrap_or_else(|| {
        let usual = now.saturating_sub(2);
        let before = replaced.and_then(|facts| facts.mtime).map_or(0, |mtime| mtime.seconds);
        match u32::try_from(before) {
            Ok(before) if before >= usual && before < now.saturating_add(60) => before + 1,
            _ => usual,
        }
    });
    let mode =
        metadata.mode.or(replaced.filter(|found| found.kind == EntryKind::File).and_then(|it| it.mode));
    Attributes { size: None, mode: mode.map(permissions), times: Some((now, modified)) }
}

/// By the clock of this machine.
pub(super) fn seconds_now() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

impl Inner {
    /// Puts a sealed draft in place, if `precondition` holds there.
    pub(super) async fn install(
        &self,
        operation: &'static str,
        object: &[u8],
        mut draft: Draft,
        found: Attributes,
        target: &Place,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        let placed = match put_in_place(&draft.place, target, precondition).await {
            Err(fault) if fault.is_doubtful() => {
                self.was_placed(&draft.place, target, found, precondition, fault).await
            }
            placed => placed,
        };
        match placed {
            Ok(true) => {
                draft.stays = true;
                syncplan_failpoint::hit("sftp/renamed");
                self.mark_dirty(target.folder());
                Ok(found.facts())
            }
            Ok(false) => {
                draft.discard().await;
                Err(StoreError::new(StoreErrorKind::Precondition, operation, object))
            }
            Err(fault) => {
                if !fault.is_doubtful() {
                    draft.discard().await;
                }
                Err(fault.at(operation, object))
            }
        }
    }

    /// The answer to the last step was lost: whether it was done shows in what stands where.
    async fn was_placed(
        &self,
        draft: &Place,
        target: &Place,
        sealed: Attributes,
        precondition: &Precondition,
        fault: Fault,
    ) -> Result<bool, Fault> {
        let Ok(channel) = self.channel_again().await else { return Err(fault) };
        let (draft, target) = (draft.by(channel.clone()), target.by(channel));
        let session = &draft.channel.session;
        let is_it = |found: Option<Attributes>| {
            found.is_some_and(|found| found.size == sealed.size && modified(found) == modified(sealed))
        };
        let stands = is_it(session.lstat(&target.full).await?);
        match session.lstat(&draft.full).await? {
            None if stands => Ok(true),
            Some(left) if stands && *precondition == Precondition::Absent && is_it(Some(left)) => {
                // It may have both names, or be another file that looks the same: a touch tells.
                let touch = |seconds: u32| Attributes {
                    times: Some((seconds_now(), seconds)),
                    ..Attributes::default()
                };
                let Some(second) = modified(sealed) else { return Err(fault) };
                let set = async |to: u32| {
                    let fill = |packet: super::packet::Packet| touch(to).write(packet.string(&draft.full));
                    session.send(kind::SETSTAT, draft.full.len(), fill).done().await
                };
                set(second.wrapping_add(1)).await?;
                let moved = session.lstat(&target.full).await?.and_then(modified) != Some(second);
                set(second).await?;
                if !moved {
                    return Ok(false);
                }
                draft.remove().await?;
                Ok(true)
            }
            _ => Err(fault),
        }
    }
}

fn modified(found: Attributes) -> Option<u32> {
    found.times.map(|(_, modified)| modified)
}

async fn put_in_place(draft: &Place, target: &Place, precondition: &Precondition) -> Result<bool, Fault> {
    if *precondition == Precondition::Absent {
        return match draft.link(target).await? {
            Some(true) => {
                // What is left of it is collected.
                if let Err(fault) = draft.remove().await {
                    tracing::debug!(%fault, "a temporary is left, until it is collected");
                }
                Ok(true)
            }
            Some(false) => Ok(false),
            None => draft.move_into_gap(target).await,
        };
    }
    // Sealing took its time: this is the look that counts.
    let found = target.facts().await?;
    let is_folder = found.as_ref().is_some_and(|found| found.kind == EntryKind::Dir);
    if is_folder || !precondition.holds(found.as_ref()) {
        return Ok(false);
    }
    draft.move_over(target).await?;
    Ok(true)
}
