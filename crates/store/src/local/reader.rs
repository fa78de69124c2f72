use std::fs::File;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt as _;
use rustix::fs::{OFlags, Stat};
use rustix::io::Errno;
use syncplan_model::{EntryKind, Facts, RelPath, Token};
use tokio::sync::mpsc;

use super::facts::{facts, unchanged};
use super::failure::failure;
use super::root::{Place, Root};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::ContentStream;

/// Content up to this long is read, and written, in one go: one hop to another thread.
pub(super) const SMALL: u64 = 1024 * 1024;

/// The pieces of longer content: they still fit into a processor's cache while they are hashed.
pub(super) const CHUNK: u64 = 512 * 1024;

/// Chunks that wait for whoever takes them.
const AHEAD: usize = 4;

/// An open file, what was known when it was opened, and the part that is asked for.
pub(super) struct Reading {
    file: File,
    /// What it must still be at the end.
    opened: Option<Facts>,
    range: Range<u64>,
    path: RelPath,
}

/// Opens a regular file for reading, and says what it is by its handle.
pub(super) fn open(root: &Root, path: &RelPath) -> Result<(File, Facts), StoreError> {
    if root.follows() {
        let (file, facts) = super::follow::open(root, path)?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| failure(errno, "read", path))?;
        outlive_the_tick(&stat);
        return Ok((file, facts));
    }
    let place = root.place(path).map_err(|errno| failure(errno, "read", path))?;
    let (fd, facts) = open_file(&place, OFlags::RDONLY, "read", path)?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| failure(errno, "read", path))?;
    outlive_the_tick(&stat);
    Ok((File::from(fd), facts))
}

/// The clock that stamps a change ticks every few milliseconds: two changes within one tick have one
/// time. Content is read only when that tick is over, so that whatever changes it from now on gets
/// another time, and with it another token.
fn outlive_the_tick(stat: &Stat) {
    const TICK: Duration = Duration::from_millis(20);
    let changed = u64::try_from(stat.st_ctime).ok().zip(u32::try_from(stat.st_ctime_nsec).ok());
    let changed = changed.map(|(seconds, nanos)| UNIX_EPOCH + Duration::new(seconds, nanos));
    if let Some(Ok(age)) = changed.map(|changed| SystemTime::now().duration_since(changed)) {
        std::thread::sleep(TICK.saturating_sub(age));
    }
}

/// Opens what stands at a place if it is a regular file; anything else is not even opened.
pub(super) fn open_file(
    place: &Place<'_>,
    flags: OFlags,
    operation: &'static str,
    path: &RelPath,
) -> Result<(OwnedFd, Facts), StoreError> {
    let fail = |errno| failure(errno, operation, path);
    let not_a_file =
        || StoreError::new(StoreErrorKind::Unsupported, operation, path).because("it is not a regular file");
    let seen = place.stat().map_err(fail)?.ok_or_else(|| fail(Errno::NOENT))?;
    if facts(&seen).kind != EntryKind::File {
        return Err(not_a_file());
    }
    let fd = place.open(flags).map_err(fail)?;
    // It may have been swapped since: only the handle tells what is really read.
    let facts = facts(&rustix::fs::fstat(&fd).map_err(fail)?);
    if facts.kind == EntryKind::File { Ok((fd, facts)) } else { Err(not_a_file()) }
}

impl Reading {
    pub(super) fn open(
        root: &Root,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<Self, StoreError> {
        let (file, facts) = open(root, path)?;
        if expect.is_some_and(|token| facts.token.as_ref() != Some(token)) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "read", path));
        }
        let range = range.unwrap_or(0..facts.size);
        let range = range.start.min(facts.size)..range.end.min(facts.size);
        Ok(Self { file, opened: Some(facts), range, path: path.clone() })
    }

    /// A range of a draft of `path`, which may be written elsewhere meanwhile.
    pub(super) fn of_draft(file: File, facts: &Facts, range: Range<u64>, path: &RelPath) -> Self {
        let range = range.start.min(facts.size)..range.end.min(facts.size);
        Self { file, opened: None, range, path: path.clone() }
    }

    /// Whether all of it fits into one chunk.
    pub(super) fn is_small(&self) -> bool {
        self.left() <= SMALL
    }

    fn left(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// The next chunk; the last one comes only if the file did not change since it was opened.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        let left = self.left();
        if left == 0 {
            return Ok(None);
        }
        let length = if left <= SMALL { left } else { CHUNK };
        let chunk = self.read(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.range.start += length;
        if self.range.start >= self.range.end {
            self.check_unchanged()?;
        }
        Ok(Some(chunk))
    }

    fn read(&self, length: usize) -> Result<Bytes, StoreError> {
        let mut chunk = Vec::with_capacity(length);
        while chunk.len() < length {
            let offset = self.range.start + chunk.len() as u64;
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut chunk), offset) {
                Ok(0) => return Err(self.changed()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failure(errno, "read", &self.path)),
            }
        }
        chunk.truncate(length);
        Ok(chunk.into())
    }

    pub(super) fn check_unchanged(&self) -> Result<(), StoreError> {
        let Some(opened) = &self.opened else { return Ok(()) };
        let now = rustix::fs::fstat(&self.file).map_err(|errno| failure(errno, "read", &self.path))?;
        if unchanged(opened, &facts(&now)) { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> StoreError {
        StoreError::new(StoreErrorKind::Changed, "read", &self.path)
    }

    /// The rest as a stream that is read ahead on a thread of its own.
    pub(super) fn into_stream(mut self) -> ContentStream {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            while let Some(chunk) = self.next_chunk().transpose() {
                let failed = chunk.is_err();
                if sender.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        });
        futures::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        })
        .boxed()
    }
}
