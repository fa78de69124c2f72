mod draft;
mod keeping;

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use md5::{Digest as _, Md5};
use syncplan_model::{Capabilities, Capability, Entry, Facts, LinkTarget, Mtime, RelPath, Token};

use self::draft::Draft;
use crate::attributes::Attributes;
use crate::checksum::Checksum;
use crate::error::{StoreError, StoreErrorKind};
use crate::length::Length;
use crate::preserve;
use crate::store::{
    Batch, BlockingRead, ContentStream, Described, Enforcement, FlatListing, Guarded, Housekeeping, Listing,
    Metadata, MoveOptions, PartialWrites, Precondition, Store, WriteOptions,
};

/// Entries in one batch of a listing.
const PAGE: usize = 1000;

/// A store in memory that holds every precondition atomically; it starts empty.
///
/// It is flat, as buckets are: there are no directories and no links. Its tokens are counted, so
/// that the same operations give the same tokens.
///
/// ```
/// use futures::StreamExt as _;
/// use syncplan_model::RelPath;
/// use syncplan_store::{MemoryStore, Metadata, Precondition, Store, WriteOptions};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::new("memory");
/// let path = RelPath::new("a/b").unwrap();
/// let content = futures::stream::iter([Ok("hello".into())]).boxed();
/// let options = WriteOptions {
///     size: 5,
///     precondition: Precondition::Absent,
///     metadata: Metadata::default(),
///     temporary: None,
/// };
/// let facts = store.write(&path, content, options).await.unwrap();
/// assert_eq!(store.stat(&path).await.unwrap(), Some(facts));
/// # });
/// ```
pub struct MemoryStore {
    location: String,
    capabilities: Capabilities,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<RelPath, Object>,
    drafts: BTreeMap<String, Draft>,
    changes: u64,
}

#[derive(Clone)]
struct Object {
    content: Bytes,
    facts: Facts,
    /// Those of its own, once it stands somewhere.
    attributes: Option<Attributes>,
    since: Mtime,
}

impl Object {
    fn new(content: Bytes, metadata: &Metadata) -> Self {
        let (mtime, digest) = (metadata.mtime, metadata.digest);
        let facts = Facts { mtime, digest, ..Facts::file(content.len() as u64) };
        Self { content, facts, attributes: metadata.attributes.clone(), since: now() }
    }
}

impl MemoryStore {
    /// An empty store that people and plans call `location`.
    pub fn new(location: impl Into<String>) -> Self {
        let capabilities = Capabilities::new([
            Capability::AtomicRename,
            Capability::RenameNoReplace,
            Capability::ConditionalPut,
            Capability::ConditionalCopy,
            Capability::ConditionalDelete,
            Capability::ServerCopy,
            Capability::SetMtime,
            Capability::SetMetadata,
            Capability::ByteNames,
        ]);
        Self { location: location.into(), capabilities, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(
        &self,
        operation: &'static str,
        path: &RelPath,
        expect: Option<&Token>,
    ) -> Result<&Object, StoreError> {
        let object = self
            .objects
            .get(path)
            .ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, path))?;
        match expect {
            Some(token) if object.facts.token.as_ref() != Some(token) => {
                Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
            }
            _ => Ok(object),
        }
    }

    /// Puts an object that is no copy of another one.
    fn write(
        &mut self,
        path: &RelPath,
        mut object: Object,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        let replaced = self.objects.get(path).and_then(|object| object.attributes.as_ref());
        object.attributes = Some(Attributes::of_write(path, object.attributes.as_ref(), replaced));
        self.put("write", path, object, precondition)
    }

    fn put(
        &mut self,
        operation: &'static str,
        path: &RelPath,
        mut object: Object,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        if !precondition.holds(self.objects.get(path).map(|object| &object.facts)) {
            return Err(StoreError::new(StoreErrorKind::Precondition, operation, path));
        }
        self.changes += 1;
        object.facts.token = Some(Token::new(format!("v{}", self.changes)));
        object.since = now();
        let facts = object.facts.clone();
        self.objects.insert(path.clone(), object);
        Ok(facts)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        Listing::Flat(self)
    }

    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        None
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        Some(self)
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        Some(self)
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        Ok(self.state().objects.get(path).map(|object| object.facts.clone()))
    }

    async fn describe(&self, path: &RelPath) -> Result<Option<Described>, StoreError> {
        let state = self.state();
        let described = |object: &Object| Described {
            facts: object.facts.clone(),
            attributes: object.attributes.clone(),
        };
        Ok(state.objects.get(path).map(described))
    }

    fn keeps_attributes(&self) -> bool {
        true
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        let content = self.state().get("read", path, expect)?.content.clone();
        let content = match range {
            Some(range) => {
                let end = within(range.end, &content);
                content.slice(within(range.start, &content).min(end)..end)
            }
            None => content,
        };
        let chunks = (!content.is_empty()).then_some(Ok(content));
        Ok(stream::iter(chunks).boxed())
    }

    async fn write(
        &self,
        path: &RelPath,
        mut content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        let mut length = Length::new(options.size);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = content.next().await {
            let chunk = chunk?;
            length.add(path, &chunk)?;
            bytes.extend_from_slice(&chunk);
        }
        length.end(path)?;
        let object = Object::new(bytes.freeze(), &options.metadata);
        self.state().write(path, object, &options.precondition)
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        let mut state = self.state();
        let object = state.get("copy", from, options.expect.as_ref())?.clone();
        state.put("copy", to, object, &options.precondition)
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        let mut state = self.state();
        let object = state.get("rename", from, options.expect.as_ref())?.clone();
        let facts = state.put("rename to", to, object, &options.precondition)?;
        if from != to {
            state.objects.remove(from);
        }
        Ok(facts)
    }

    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        preserve::by_copy(self, from, to, expect).await
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        let mut state = self.state();
        state.get("delete", path, expect)?;
        state.objects.remove(path);
        Ok(())
    }

    async fn create_dir(&self, _: &RelPath) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove_dir(&self, _: &RelPath) -> Result<(), StoreError> {
        Ok(())
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _: &LinkTarget,
        _: Precondition,
    ) -> Result<Facts, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "create the link", path))
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let mut state = self.state();
        let mut object = state.get("change the metadata of", path, expect)?.clone();
        object.facts.mtime = metadata.mtime.or(object.facts.mtime);
        object.facts.digest = metadata.digest.or(object.facts.digest);
        state.put("change the metadata of", path, object, &Precondition::Any)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn checksum(&self, path: &RelPath, facts: &Facts) -> Result<Option<Checksum>, StoreError> {
        let state = self.state();
        let object = state.objects.get(path).filter(|object| object.facts.token == facts.token);
        Ok(object.map(|object| Checksum::Md5(Md5::digest(&object.content).into())))
    }

    fn enforcement(&self, _: Guarded) -> Enforcement {
        Enforcement::Atomic
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl FlatListing for MemoryStore {
    fn list(&self, after: Option<&RelPath>) -> BoxStream<'_, Result<Batch, StoreError>> {
        stream::unfold(Some(after.cloned()), async move |after| {
            let page = self.page(after?.as_ref());
            let last = page.entries.last().map(|entry| entry.path.clone())?;
            let more = page.entries.len() == PAGE;
            Some((Ok(page), more.then_some(Some(last))))
        })
        .boxed()
    }

    fn begins_anywhere(&self) -> bool {
        true
    }
}

impl MemoryStore {
    fn page(&self, after: Option<&RelPath>) -> Batch {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let entries = state
            .objects
            .range::<RelPath, _>((start, Bound::Unbounded))
            .filter(|(path, _)| !path.is_reserved())
            .take(PAGE)
            .map(|(path, object)| Entry { path: path.clone(), facts: object.facts.clone() })
            .collect();
        Batch { entries, rejected: Vec::new() }
    }
}

fn within(offset: u64, content: &Bytes) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX).min(content.len())
}

fn now() -> Mtime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Mtime { seconds: i64::try_from(now.as_secs()).unwrap_or(i64::MAX), nanos: now.subsec_nanos() }
}
