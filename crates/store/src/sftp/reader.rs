use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt as _;
use syncplan_model::{EntryKind, Facts, RelPath, Token};

use super::Inner;
use super::attributes::Attributes;
use super::fault::{Fault, status};
use super::packet::{flags, kind};
use super::place::Place;
use super::session::{Handle, Pending};
use crate::error::{StoreError, StoreErrorKind};
use crate::retry::insist;
use crate::store::ContentStream;

/// The length of one request: every server takes it, and longer ones are not faster.
pub(super) const PIECE: u64 = 32 * 1024;

/// So many requests of one reading or writing are under way.
pub(super) const AHEAD: usize = 64;

/// Content on its way: when the connection breaks it goes on where it was, if the file is still the same.
struct Download {
    inner: Arc<Inner>,
    path: RelPath,
    /// What is still to be handed over.
    range: Range<u64>,
    opened: Option<Opened>,
    resumes: u32,
    /// Whether it has to be the same file at the end: drafts are written meanwhile.
    is_checked: bool,
    source: Source,
}

/// What is read.
#[derive(Clone)]
pub(super) enum Source {
    /// What stands at the path.
    File,
    /// The draft of this name beside it.
    Draft(Vec<u8>),
}

/// An open file with requests under way.
pub(super) struct Opened {
    handle: Handle,
    pub(super) facts: Facts,
    asked: VecDeque<(Range<u64>, Pending)>,
    /// Up to where everything was asked for.
    next: u64,
    /// What the file is after the last of it was read.
    last_look: Option<Pending>,
    _place: Place,
}

pub(super) async fn read(
    inner: &Arc<Inner>,
    path: &RelPath,
    range: Option<Range<u64>>,
    expect: Option<&Token>,
) -> Result<ContentStream, StoreError> {
    let opened = insist(&inner.retry, || {
        Box::pin(async {
            let opened = open(inner, path, &Source::File).await?;
            if expect.is_some_and(|token| opened.facts.token.as_ref() != Some(token)) {
                return Err(StoreError::new(StoreErrorKind::Precondition, "read", path));
            }
            Ok(opened)
        })
    })
    .await?;
    Ok(stream(inner, path, range, opened, Source::File))
}

/// A range of a draft of `path`.
pub(super) async fn read_draft(
    inner: &Arc<Inner>,
    path: &RelPath,
    draft: Vec<u8>,
    range: Range<u64>,
) -> Result<ContentStream, StoreError> {
    let source = Source::Draft(draft);
    let opened = insist(&inner.retry, || Box::pin(open(inner, path, &source))).await?;
    Ok(stream(inner, path, Some(range), opened, source))
}

fn stream(
    inner: &Arc<Inner>,
    path: &RelPath,
    range: Option<Range<u64>>,
    opened: Opened,
    source: Source,
) -> ContentStream {
    let size = opened.facts.size;
    let range = range.unwrap_or(0..size);
    let range = range.start.min(size)..range.end.min(size);
    let mut opened = opened;
    opened.next = range.start;
    let download = Download {
        inner: Arc::clone(inner),
        path: path.clone(),
        range,
        opened: Some(opened),
        resumes: inner.retry.times,
        is_checked: matches!(source, Source::File),
        source,
    };
    futures::stream::unfold(Some(download), async |download| download?.next().await).boxed()
}

/// Opens a regular file, and says what it is by its handle. Anything else is not even opened.
pub(super) async fn open(inner: &Inner, path: &RelPath, source: &Source) -> Result<Opened, StoreError> {
    let fail = |fault: Fault| fault.at("read", path);
    let mut place = inner.place(path).await.map_err(fail)?;
    if let Source::Draft(name) = source {
        place = place.beside(name);
    }
    let seen = look(&place).await.map_err(fail)?;
    if seen.kind() != EntryKind::File {
        return Err(StoreError::new(StoreErrorKind::Unsupported, "read", path).because("it is no file"));
    }
    if matches!(source, Source::File) {
        outlive_the_second(&seen).await;
    }
    let handle = place.channel.session.open(&place.full, flags::READ, Attributes::default());
    let handle = handle.await.map_err(fail)?;
    // It may have been swapped since: only the handle tells what is really read.
    let found = handle.stat().attributes().await.map_err(fail)?;
    let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
    if found.kind() != EntryKind::File {
        return Err(StoreError::new(StoreErrorKind::Unsupported, "read", path).because("it is no file"));
    }
    let facts = found.facts();
    Ok(Opened { handle, facts, asked: VecDeque::new(), next: 0, last_look: None, _place: place })
}

async fn look(place: &Place) -> Result<Attributes, Fault> {
    let found = place.channel.session.lstat(&place.full).await?;
    found.ok_or_else(|| Fault::status(status::NO_SUCH_FILE))
}

/// Times have no more than seconds here. Content is read only when the second of its last change is
/// over, so that whatever changes it from now on gets another time, and with it another token.
async fn outlive_the_second(found: &Attributes) {
    const SECOND: Duration = Duration::from_millis(1_020);
    let Some(changed) = found.mtime().and_then(|mtime| u64::try_from(mtime.seconds).ok()) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let over = Duration::from_secs(changed) + SECOND;
    // A clock that is further ahead says nothing about now.
    if over > now && over - now < SECOND * 3 {
        tokio::time::sleep(over - now).await;
    }
}

impl Opened {
    fn ask(&mut self, end: u64, is_checked: bool) {
        while self.asked.len() < AHEAD && self.next < end {
            let range = self.next..(self.next + PIECE).min(end);
            let length = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
            self.next = range.end;
            self.asked.push_back((range.clone(), self.handle.read(range.start, length)));
        }
        if is_checked && self.next >= end && self.last_look.is_none() {
            self.last_look = Some(self.handle.stat());
        }
    }
}

impl Download {
    async fn next(mut self) -> Option<(Result<Bytes, StoreError>, Option<Self>)> {
        while self.range.start < self.range.end {
            match self.step().await {
                Ok(chunk) => {
                    self.range.start += chunk.len() as u64;
                    return Some((Ok(chunk), Some(self)));
                }
                Err(fault) => {
                    if let Err(error) = self.resume(fault).await {
                        return Some((Err(error), None));
                    }
                }
            }
        }
        None
    }

    /// The next chunk; the last one comes only if the file did not change since it was opened.
    async fn step(&mut self) -> Result<Bytes, Fault> {
        let opened = self.opened.as_mut().ok_or(Fault::Broken)?;
        opened.ask(self.range.end, self.is_checked);
        let Some((asked, pending)) = opened.asked.pop_front() else { return Err(Fault::Changed) };
        let chunk = match pending.expect(kind::DATA).await {
            Err(fault) if fault.is(status::EOF) => return Err(Fault::Changed),
            answer => answer?.string()?,
        };
        let length = chunk.len() as u64;
        if length == 0 || length > asked.end - asked.start {
            return Err(Fault::Malformed("it is not as much as was asked for"));
        }
        if asked.start + length < asked.end {
            // Servers may give less; the rest is asked for again, before what comes after it.
            let rest = asked.start + length..asked.end;
            let again = u32::try_from(rest.end - rest.start).unwrap_or(u32::MAX);
            opened.asked.push_front((rest.clone(), opened.handle.read(rest.start, again)));
            opened.last_look = None;
            if opened.next >= self.range.end && self.is_checked {
                opened.last_look = Some(opened.handle.stat());
            }
        } else if asked.end >= self.range.end
            && let Some(look) = opened.last_look.take()
        {
            let now = look.attributes().await?.ok_or(Fault::Changed)?.facts();
            if (now.size, &now.token) != (opened.facts.size, &opened.facts.token) {
                return Err(Fault::Changed);
            }
        }
        Ok(chunk)
    }

    async fn resume(&mut self, fault: Fault) -> Result<(), StoreError> {
        let was = self.opened.take().map(|opened| opened.facts);
        let Some(was) = was.filter(|_| fault.is_doubtful() && self.resumes > 0) else {
            return Err(self.failed(fault));
        };
        self.resumes -= 1;
        let open =
            || -> futures::future::BoxFuture<'_, _> { Box::pin(open(&self.inner, &self.path, &self.source)) };
        let mut opened = match insist(&self.inner.retry, open).await {
            Err(error) if error.kind == StoreErrorKind::NotFound => return Err(self.failed(Fault::Changed)),
            opened => opened?,
        };
        if self.is_checked && (opened.facts.size, &opened.facts.token) != (was.size, &was.token) {
            return Err(self.failed(Fault::Changed));
        }
        opened.next = self.range.start;
        self.opened = Some(opened);
        Ok(())
    }

    fn failed(&self, fault: Fault) -> StoreError {
        fault.at("read", &self.path)
    }
}
