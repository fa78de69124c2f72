use std::sync::Arc;
use std::time::{Duration, Instant};

use syncplan_model::{EntryKind, Facts, RelPath};

use super::Inner;
use super::attributes::{Attributes, link_facts};
use super::fault::{Fault, status};
use super::line::Channel;
use super::packet::kind;

/// So long a folder that was found to be one is taken to be one. The protocol knows no handle of a
/// folder that others could not swap for a link meanwhile; this is why it is short.
const REMEMBERED: Duration = Duration::from_secs(3);

/// So many folders are remembered.
const MOST_FOLDERS: usize = 10_000;

/// A path on the server, and a channel to reach it by. The way to it was found to be folders.
pub(super) struct Place {
    pub(super) channel: Arc<Channel>,
    /// As the server is told it.
    pub(super) full: Vec<u8>,
}

impl Inner {
    /// The place of a path, whose parent must be there.
    pub(super) async fn place(&self, path: &RelPath) -> Result<Place, Fault> {
        let channel = self.line.channel().await?;
        let root = channel.root.clone().ok_or_else(|| Fault::status(status::NO_SUCH_FILE))?;
        let mut looks = Vec::new();
        for folder in way(path) {
            let folder = joined(&root, folder);
            if !self.is_known(&folder) {
                looks.push((channel.session.about(kind::LSTAT, &folder), folder));
            }
        }
        // All at once: a deep path costs one round trip.
        for (look, folder) in looks {
            match look.attributes().await?.map(|found| found.kind()) {
                Some(EntryKind::Dir) => self.remember(folder),
                Some(_) => return Err(Fault::NoFolder(folder)),
                None => return Err(Fault::status(status::NO_SUCH_FILE)),
            }
        }
        let full = joined(&root, path.as_bytes());
        Ok(Place { channel, full })
    }

    /// The place of a path, its parents created where they are missing.
    pub(super) async fn place_with_parents(&self, path: &RelPath) -> Result<Place, Fault> {
        match self.place(path).await {
            Err(fault) if fault.is(status::NO_SUCH_FILE) => {}
            found => return found,
        }
        let channel = self.line.channel().await?;
        let root = channel.root.clone().ok_or_else(|| Fault::status(status::NO_SUCH_FILE))?;
        for folder in way(path) {
            let full = joined(&root, folder);
            if self.is_known(&full) {
                continue;
            }
            match make_dir(&channel, &full).await {
                Ok(()) => self.mark_dirty(&full),
                Err(fault) if fault.is(status::FAILURE) || fault.is(status::PERMISSION_DENIED) => {
                    match channel.session.lstat(&full).await?.map(|found| found.kind()) {
                        Some(EntryKind::Dir) => {}
                        Some(_) => return Err(Fault::NoFolder(full)),
                        None => return Err(fault),
                    }
                }
                Err(fault) => return Err(fault),
            }
            self.remember(full);
        }
        self.place(path).await
    }

    /// Whether it was a folder a moment ago.
    fn is_known(&self, folder: &[u8]) -> bool {
        self.folders().get(folder).is_some_and(|seen| seen.elapsed() < REMEMBERED)
    }

    fn remember(&self, folder: Vec<u8>) {
        let mut folders = self.folders();
        if folders.len() >= MOST_FOLDERS {
            folders.clear();
        }
        folders.insert(folder, Instant::now());
    }

    /// Whoever finds one of them gone looks again.
    pub(super) fn forget_folders(&self) {
        self.folders().clear();
    }
}

/// The folders on the way to a path, from the root on.
fn way(path: &RelPath) -> Vec<&[u8]> {
    let mut folders: Vec<_> = path.ancestors().collect();
    folders.reverse();
    folders
}

pub(super) async fn make_dir(channel: &Channel, full: &[u8]) -> Result<(), Fault> {
    let fill = |packet: super::packet::Packet| Attributes::default().write(packet.string(full));
    channel.session.send(kind::MKDIR, full.len(), fill).done().await
}

pub(super) fn joined(root: &[u8], path: &[u8]) -> Vec<u8> {
    [root, b"/", path].concat()
}

impl Place {
    /// What stands there, with the text of a link; links are not followed.
    pub(super) async fn facts(&self) -> Result<Option<Facts>, Fault> {
        let Some(found) = self.channel.session.lstat(&self.full).await? else { return Ok(None) };
        if found.kind() != EntryKind::Symlink {
            return Ok(Some(found.facts()));
        }
        match self.channel.session.about(kind::READLINK, &self.full).name().await {
            Ok(text) => Ok(Some(link_facts(&found, &text))),
            // It went meanwhile.
            Err(fault) if fault.is(status::NO_SUCH_FILE) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The folder that it is in, as the server is told it.
    pub(super) fn folder(&self) -> &[u8] {
        let slash = self.full.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        &self.full[..slash.max(1)]
    }

    /// Another name in the same folder.
    pub(super) fn beside(&self, name: &[u8]) -> Self {
        let slash = self.full.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        Self { channel: Arc::clone(&self.channel), full: joined(&self.full[..slash], name) }
    }

    /// The same place, reached by another channel.
    pub(super) fn by(&self, channel: Arc<Channel>) -> Self {
        Self { channel, full: self.full.clone() }
    }

    /// Removes a file or a link.
    pub(super) async fn remove(&self) -> Result<(), Fault> {
        self.channel.session.about(kind::REMOVE, &self.full).done().await
    }

    /// Moves what stands here over whatever stands at `to`, in one step where the server can.
    pub(super) async fn move_over(&self, to: &Self) -> Result<(), Fault> {
        let session = &self.channel.session;
        let names = |packet: super::packet::Packet| packet.string(&self.full).string(&to.full);
        if session.offers.posix_rename {
            return session.extended("posix-rename@openssh.com", names).done().await;
        }
        match session.send(kind::RENAME, self.full.len() + to.full.len(), names).done().await {
            Err(fault) if fault.is(status::FAILURE) && to.facts().await?.is_some() => Err(Fault::Unable(
                "the server cannot replace a file in one step (it lacks `posix-rename@openssh.com`)",
            )),
            moved => moved,
        }
    }

    /// Moves what stands here to a gap; `false` if something stands there.
    pub(super) async fn move_into_gap(&self, to: &Self) -> Result<bool, Fault> {
        if to.channel.session.lstat(&to.full).await?.is_some() {
            return Ok(false);
        }
        let names = |packet: super::packet::Packet| packet.string(&self.full).string(&to.full);
        let room = self.full.len() + to.full.len();
        match self.channel.session.send(kind::RENAME, room, names).done().await {
            Ok(()) => Ok(true),
            Err(fault) if fault.is(status::FAILURE) && to.facts().await?.is_some() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Gives a file a second name; `false` if something has that name, nothing where that cannot be.
    pub(super) async fn link(&self, to: &Self) -> Result<Option<bool>, Fault> {
        if !self.channel.session.offers.hardlink {
            return Ok(None);
        }
        let names = |packet: super::packet::Packet| packet.string(&self.full).string(&to.full);
        match self.channel.session.extended("hardlink@openssh.com", names).done().await {
            Ok(()) => Ok(Some(true)),
            Err(fault) if fault.is(status::FAILURE) || fault.is(status::PERMISSION_DENIED) => {
                // The protocol has one word for all of these.
                Ok(to.channel.session.lstat(&to.full).await?.map(|_| false))
            }
            Err(fault) if fault.is(status::OP_UNSUPPORTED) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
