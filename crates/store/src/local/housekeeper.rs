use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use syncplan_model::{EntryKind, RESERVED_DIR, RelPath};
use tokio::sync::mpsc;

use super::facts::{changed_at, facts};
use super::lister::{for_each_name, join};
use super::{Inner, LocalStore};
use crate::error::StoreError;
use crate::store::{Housekeeping, OpenDraft, Reserved};

/// Findings that wait for whoever takes them.
const AHEAD: usize = 256;

#[async_trait]
impl Housekeeping for LocalStore {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || {
            inner.find_reserved(|found| sender.blocking_send(found).is_ok());
        });
        futures::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|found| (found, receiver))
        })
        .boxed()
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        // A draft is a temporary, and has a place among the files.
        Ok(Vec::new())
    }
}

impl Inner {
    /// Looks into every folder, never through a link; ends early when `tell` answers `false`.
    fn find_reserved(&self, mut tell: impl FnMut(Result<Reserved, StoreError>) -> bool) {
        let mut folders = vec![None];
        while let Some(folder) = folders.pop() {
            let mut goes_on = true;
            let listed = for_each_name(&self.root, folder.as_ref(), |fd, name| {
                let Some(found) = look(fd, folder.as_ref(), name)? else { return Ok(()) };
                if found.facts.kind == EntryKind::Dir {
                    folders.push(Some(found.path.clone()));
                }
                goes_on = goes_on && (!is_kept(&found.path) || tell(Ok(found)));
                Ok(())
            });
            goes_on = match listed {
                // It vanished, or became something else, since its name was read.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => goes_on,
                Err(errno) => goes_on && tell(Err(self.cannot_list(errno, folder.as_ref()))),
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// Whether it is ours; the folder of all that is kept is not kept itself.
fn is_kept(path: &RelPath) -> bool {
    path.is_reserved() && path.as_bytes() != RESERVED_DIR.as_bytes()
}

/// What stands under a name; nothing if it is gone, or its path too long to be one.
fn look(fd: BorrowedFd<'_>, dir: Option<&RelPath>, name: &CStr) -> rustix::io::Result<Option<Reserved>> {
    let Ok(path) = join(dir, name.to_bytes()) else { return Ok(None) };
    match rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Reserved { path, facts: facts(&stat), since: Some(changed_at(&stat)) })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}
