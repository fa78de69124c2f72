use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use syncplan_failpoint::hit;
use syncplan_model::{ContentHasher, ContentHashes, Digest, EntryKind, Facts, Token};
use syncplan_state::Transfer;
use syncplan_store::{
    ContentStream, Metadata, Part, PartialWrites, Precondition, StoreError, StoreErrorKind, WriteOptions,
    WrittenPart,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::draft::Draft;
use crate::endpoint::PARTS;
use crate::event::Event;
use crate::place::{Obstacle, Place, View};
use crate::transfer::{unreadable, write_precondition};
use crate::trash;
use crate::worker::Worker;

/// So many parts of one transfer are on their way side by side.
const SIDE_BY_SIDE: usize = 4;

/// What is transferred.
pub(crate) struct Content<'a> {
    pub(crate) source: &'a Place,
    /// Tells whether it is still the same, where the source can say so.
    pub(crate) token: Option<Token>,
    pub(crate) size: u64,
    /// What it has to be, where the plan knows.
    pub(crate) digest: Option<Digest>,
    pub(crate) metadata: Metadata,
}

/// How an action's content is written in parts; nothing if it goes whole.
pub(crate) fn goes_in_parts<'a>(view: &'a View<'_>) -> Option<&'a dyn PartialWrites> {
    let read = view.source.as_ref()?.expected.facts()?;
    let partial = view.target.store.partial_writes()?;
    let is_large = read.kind == EntryKind::File && read.size > partial.threshold();
    (view.action.op.transfers() && is_large).then_some(partial)
}

/// Writes large content part by part, going on where an earlier try stopped.
///
/// A part that is there is not sent again, and parts of two versions of the source are never mixed: every part is
/// read under one token, known by its digest, and the whole is hashed in order as it passes.
pub(crate) async fn write_in_parts(
    worker: &Worker,
    at: usize,
    view: &View<'_>,
    partial: &dyn PartialWrites,
    content: Content<'_>,
) -> Result<(Facts, ContentHashes), Obstacle> {
    let target = &view.target;
    // It may be seen now that all of it would be in vain.
    if let Some(difference) = trash::mismatch(view, target.look().await?.as_ref()).await? {
        return Err(Obstacle::Mismatch(difference));
    }
    let options = WriteOptions {
        size: content.size,
        // It is held to what stands there in the end, not while it is on its way.
        precondition: Precondition::Any,
        metadata: content.metadata.clone(),
        temporary: worker.temporary(at),
    };
    let (draft, written) = match resume(worker, view, partial, &content).await? {
        Some(resumed) => resumed,
        None => (begin(worker, view, partial, &content, &options).await?, HashMap::new()),
    };
    let sending = Sending {
        worker,
        view,
        partial,
        hasher: Arc::new(Mutex::new(ContentHasher::new(content.size, &view.sides.sample))),
        content,
        draft,
        written,
    };
    let tags = sending.send_all().await?;
    let hashes = sending.check_content().await?;
    let precondition = write_precondition(view).await?;
    let options = WriteOptions { precondition, ..options };
    let facts = sending.finish(&tags, &options).await?;
    worker.drafts.forget(&view.action.id);
    Ok((facts, hashes))
}

type Resumed = (Arc<Draft>, HashMap<u32, WrittenPart>);

/// The draft of an earlier try with the parts that are there, if it is of the same content.
async fn resume(
    worker: &Worker,
    view: &View<'_>,
    partial: &dyn PartialWrites,
    content: &Content<'_>,
) -> Result<Option<Resumed>, Obstacle> {
    let action = &view.action.id;
    let Some(draft) = worker.drafts.get(action) else { return Ok(None) };
    let part_size = partial.part_size(content.size);
    if draft.fits(content.size, part_size, content.token.as_ref())
        && let Some(written) = partial.parts(&view.target.path, &draft.name).await?
    {
        let written = written.into_iter().map(|part| (part.number, part)).collect();
        return Ok(Some((draft, written)));
    }
    worker.drafts.abandon(view).await;
    worker.journal()?.end_transfer(action).await?;
    Ok(None)
}

async fn begin(
    worker: &Worker,
    view: &View<'_>,
    partial: &dyn PartialWrites,
    content: &Content<'_>,
    options: &WriteOptions,
) -> Result<Arc<Draft>, Obstacle> {
    let path = &view.target.path;
    let draft = worker.ask(view.action, view.target.side, || partial.begin(path, options)).await?;
    let transfer = Transfer {
        action: view.action.id,
        draft,
        part_size: partial.part_size(content.size),
        size: content.size,
        source: content.token.clone(),
        parts: Vec::new(),
    };
    Ok(worker.drafts.begin(transfer, &*worker.journal()?).await?)
}

/// A transfer on its way.
struct Sending<'a> {
    worker: &'a Worker,
    view: &'a View<'a>,
    partial: &'a dyn PartialWrites,
    content: Content<'a>,
    draft: Arc<Draft>,
    /// What was there before.
    written: HashMap<u32, WrittenPart>,
    hasher: Arc<Mutex<ContentHasher>>,
}

/// A part in memory.
struct Piece {
    number: u32,
    content: Bytes,
    digest: Digest,
    /// What the store knows it by, if it has it already.
    there: Option<String>,
    _room: Room,
}

/// The right to keep a part in memory: among all transfers, and among the parts of its own.
type Room = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Sending<'_> {
    /// Sees to it that every part is there; answers what they are known by, in order.
    async fn send_all(&self) -> Result<Vec<String>, Obstacle> {
        let own = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let count = self.count();
        // Room is given in the order of the parts: the first one that is not done never waits for a later
        // one. There is always room among those that are polled, so that none waits unseen.
        let tags: BTreeMap<u32, String> = stream::iter(0..count)
            .then(move |number| self.room(number, Arc::clone(&own)).boxed())
            .take_while(move |_| std::future::ready(!self.worker.job.cancel.is_cancelled()))
            .map(move |(number, room)| self.fetch(number, room).boxed())
            .buffered(PARTS)
            .and_then(move |piece| self.hash(piece).boxed())
            .map_ok(move |piece| self.deliver(piece).boxed())
            .try_buffer_unordered(PARTS)
            .boxed()
            .try_collect()
            .await?;
        if tags.len() < count as usize {
            return Err(Obstacle::Stopped);
        }
        Ok(tags.into_values().collect())
    }

    async fn room(&self, number: u32, own: Arc<Semaphore>) -> (u32, Option<Room>) {
        let range = self.range(number);
        let (room, units) = self.worker.drafts.room(range.end - range.start);
        let own = own.acquire_owned().await;
        let all = room.acquire_many_owned(units).await;
        // They are never closed.
        (number, all.ok().zip(own.ok()))
    }

    /// Reads a part: from the draft, where it is there and can be read back, else from the source.
    async fn fetch(&self, number: u32, room: Option<Room>) -> Result<Piece, Obstacle> {
        let room = room.ok_or(Obstacle::Stopped)?;
        let there = self.written.get(&number).filter(|part| part.size == self.length(number));
        let there = there.zip(self.draft.digest(number));
        if let Some((part, digest)) = there
            && self.partial.reads_back()
            && let Ok(content) = self.read_back(number).await
            && digest_of(content.clone()).await == digest
        {
            return Ok(Piece { number, content, digest, there: Some(part.tag.clone()), _room: room });
        }
        let source = self.content.source;
        let read = self.worker.ask(self.view.action, source.side, || self.read(number).boxed()).await;
        let content = read.map_err(unreadable(source))?;
        hit("exec/read");
        let digest = digest_of(content.clone()).await;
        let there = there.filter(|(_, known)| *known == digest && !self.partial.reads_back());
        let there = there.map(|(part, _)| part.tag.clone());
        Ok(Piece { number, content, digest, there, _room: room })
    }

    async fn read(&self, number: u32) -> Result<Bytes, StoreError> {
        let (source, view) = (self.content.source, self.view);
        let (range, token) = (self.range(number), self.content.token.as_ref());
        let content = source.store.read(&source.path, Some(range), token).await?;
        let content = self.worker.bandwidth.of_task(&view.action.task).hold(content);
        let tell = |bytes| (self.worker.job.events)(Event::Progress { action: view.action, bytes });
        whole(content, self.length(number), tell).await?.ok_or_else(|| {
            StoreError::new(StoreErrorKind::Changed, "read", &source.path)
                .because("the content is not as long as it was")
        })
    }

    async fn read_back(&self, number: u32) -> Result<Bytes, StoreError> {
        let path = &self.view.target.path;
        let content = self.partial.read_back(path, &self.draft.name, self.range(number)).await?;
        let content = whole(content, self.length(number), |_| ()).await?;
        content.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, "read", path))
    }

    /// Parts pass here one after the other.
    async fn hash(&self, piece: Piece) -> Result<Piece, Obstacle> {
        let (hasher, content) = (Arc::clone(&self.hasher), piece.content.clone());
        let hashed = tokio::task::spawn_blocking(move || {
            hasher.lock().unwrap_or_else(PoisonError::into_inner).update(&content);
        });
        hashed.await.map_err(|error| Obstacle::Failed(error.to_string()))?;
        Ok(piece)
    }

    /// Puts a part, unless it is there; answers what it is known by.
    async fn deliver(&self, piece: Piece) -> Result<(u32, String), Obstacle> {
        let (worker, action) = (self.worker, self.view.action);
        let Piece { number, content, digest, there, _room } = piece;
        if let Some(tag) = there {
            (worker.job.events)(Event::Resumed { action, bytes: content.len() as u64 });
            return Ok((number, tag));
        }
        // What cannot be read back is known by what is on record alone; what can be is compared with it.
        self.draft.record(number, digest, &*worker.journal()?).await?;
        let part = Part { number, offset: self.range(number).start };
        let path = &self.view.target.path;
        let put = || self.partial.put(path, &self.draft.name, part, content.clone());
        match worker.ask(action, self.view.target.side, put).await {
            Ok(tag) => Ok((number, tag)),
            Err(error) => Err(self.refused(error).await),
        }
    }

    /// Whether what passed is what was planned, and still stands at the source.
    async fn check_content(&self) -> Result<ContentHashes, Obstacle> {
        let (source, token) = (self.content.source, &self.content.token);
        let empty = ContentHasher::new(0, &self.view.sides.sample);
        let hasher =
            std::mem::replace(&mut *self.hasher.lock().unwrap_or_else(PoisonError::into_inner), empty);
        let hashes = hasher.finish();
        let as_planned = self.content.digest.is_none_or(|digest| digest == hashes.digest);
        let stat = || source.store.stat(&source.path);
        let found = self.worker.ask(self.view.action, source.side, stat).await.map_err(unreadable(source))?;
        let is_same = found.is_some_and(|found| found.size == self.content.size && found.token == *token);
        if as_planned && is_same {
            return Ok(hashes);
        }
        let why = if is_same { "the content is not what was planned" } else { "it changed meanwhile" };
        Err(unreadable(source)(StoreError::new(StoreErrorKind::Changed, "read", &source.path).because(why)))
    }

    async fn finish(&self, tags: &[String], options: &WriteOptions) -> Result<Facts, Obstacle> {
        let target = &self.view.target;
        let finish = || self.partial.finish(&target.path, &self.draft.name, tags, options);
        match self.worker.ask(self.view.action, target.side, finish).await {
            Ok(facts) => Ok(facts),
            Err(error) => Err(self.refused(error).await),
        }
    }

    /// The store refused a part, or the whole. If the draft is gone or damaged, somebody threw it away or
    /// wrote into it, or it is a file by now and the answer was lost: another try finds out.
    async fn refused(&self, error: StoreError) -> Obstacle {
        let path = &self.view.target.path;
        let is_lost = error.kind == StoreErrorKind::Changed
            || !error.kind.is_momentary()
                && matches!(self.partial.parts(path, &self.draft.name).await, Ok(None));
        if !is_lost {
            return Obstacle::Store(error);
        }
        self.worker.drafts.abandon(self.view).await;
        let ended = match self.worker.journal() {
            Ok(journal) => journal.end_transfer(&self.view.action.id).await,
            Err(stopped) => return stopped,
        };
        if let Err(error) = ended {
            return error.into();
        }
        StoreError::new(StoreErrorKind::Transient, "go on with", path).because(error).into()
    }

    fn count(&self) -> u32 {
        let parts = self.content.size.div_ceil(self.part_size());
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    fn range(&self, number: u32) -> Range<u64> {
        let start = u64::from(number) * self.part_size();
        start..(start + self.part_size()).min(self.content.size)
    }

    fn length(&self, number: u32) -> u64 {
        let range = self.range(number);
        range.end - range.start
    }

    fn part_size(&self) -> u64 {
        self.partial.part_size(self.content.size).max(1)
    }
}

/// Content as one chunk; nothing if it is not so long.
async fn whole(
    mut content: ContentStream,
    length: u64,
    tell: impl Fn(u64),
) -> Result<Option<Bytes>, StoreError> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut whole = BytesMut::new();
    while let Some(chunk) = content.try_next().await? {
        tell(chunk.len() as u64);
        if whole.is_empty() && chunk.len() == length {
            return Ok(Some(chunk));
        }
        if whole.len() + chunk.len() > length {
            return Ok(None);
        }
        whole.reserve(length - whole.len());
        whole.extend_from_slice(&chunk);
    }
    Ok((whole.len() == length).then(|| whole.freeze()))
}

/// Elsewhere than where others wait to be served: hashing a part takes some milliseconds.
async fn digest_of(content: Bytes) -> Digest {
    let hashed = tokio::task::spawn_blocking({
        let content = content.clone();
        move || Digest::of(&content)
    });
    match hashed.await {
        Ok(digest) => digest,
        Err(_) => Digest::of(&content),
    }
}
