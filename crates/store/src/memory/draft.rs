use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use syncplan_model::{Digest, Facts, Mtime, RelPath};

use super::{MemoryStore, Object, State, now};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, WriteOptions, WrittenPart};

/// Longer content is written in parts.
const WHOLE: u64 = 64 * 1024;

/// How long a part is.
const PART: u64 = 16 * 1024;

/// Parts that nobody sees yet.
pub(super) struct Draft {
    pub(super) path: RelPath,
    pub(super) since: Mtime,
    parts: BTreeMap<u32, Bytes>,
}

impl Draft {
    /// What a part is known by: another content has another one.
    fn tag(part: &[u8]) -> String {
        Digest::of(part).to_string()
    }

    /// The parts in order, if they are those that `tags` name.
    fn content(&self, tags: &[String]) -> Option<Bytes> {
        let mut content = BytesMut::new();
        for (number, tag) in (0..).zip(tags) {
            let part = self.parts.get(&number).filter(|part| Self::tag(part) == *tag)?;
            content.extend_from_slice(part);
        }
        Some(content.freeze())
    }
}

impl State {
    fn draft(
        &mut self,
        operation: &'static str,
        path: &RelPath,
        name: &str,
    ) -> Result<&mut Draft, StoreError> {
        let draft = self.drafts.get_mut(name).filter(|draft| draft.path == *path);
        draft.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, path).because(GONE))
    }
}

/// Why a part cannot be put.
const GONE: &str = "the draft is gone";

#[async_trait]
impl PartialWrites for MemoryStore {
    fn threshold(&self) -> u64 {
        WHOLE
    }

    fn part_size(&self, _size: u64) -> u64 {
        PART
    }

    fn reads_back(&self) -> bool {
        false
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        let mut state = self.state();
        if !options.precondition.holds(state.objects.get(path).map(|object| &object.facts)) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "write", path));
        }
        state.changes += 1;
        let name = format!("draft{}", state.changes);
        let draft = Draft { path: path.clone(), since: now(), parts: BTreeMap::new() };
        state.drafts.insert(name.clone(), draft);
        Ok(name)
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let tag = Draft::tag(&content);
        self.state().draft("write", path, draft)?.parts.insert(part.number, content);
        Ok(tag)
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        let state = self.state();
        let Some(draft) = state.drafts.get(draft).filter(|draft| draft.path == *path) else {
            return Ok(None);
        };
        let written = |(number, part): (&u32, &Bytes)| WrittenPart {
            number: *number,
            size: part.len() as u64,
            tag: Draft::tag(part),
        };
        Ok(Some(draft.parts.iter().map(written).collect()))
    }

    async fn read_back(
        &self,
        path: &RelPath,
        _draft: &str,
        _range: Range<u64>,
    ) -> Result<ContentStream, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "read a draft of", path))
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let mut state = self.state();
        let content = state.draft("write", path, draft)?.content(tags);
        let changed = || StoreError::new(StoreErrorKind::Changed, "write", path);
        let content = content.ok_or_else(|| changed().because("the parts are not those that were put"))?;
        if content.len() as u64 != options.size {
            return Err(changed().because("the parts are not as long as it was announced"));
        }
        let object = Object::new(content, &options.metadata);
        let facts = state.write(path, object, &options.precondition)?;
        state.drafts.remove(draft);
        Ok(facts)
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.drafts.get(draft).is_some_and(|found| found.path == *path) {
            state.drafts.remove(draft);
        }
        Ok(())
    }
}
