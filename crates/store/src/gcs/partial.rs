use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Map;
use syncplan_model::{Facts, RelPath};

use super::GcsStore;
use super::root::{answer, facts_of};
use super::writer::WHOLE;
use crate::bucket::{self, DRAFTS, Drafts, Source as _, fitting, new_name};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, Store as _, WriteOptions, WrittenPart};
use crate::web::Fault;

/// How long a part is, unless the content is too long for that.
const PART: u64 = 8 * 1024 * 1024;

/// The most parts: three rounds of putting 32 together.
const MOST_PARTS: u64 = 32 * 32 * 32;

/// Objects that are removed at the same time.
const AT_ONCE: usize = 16;

/// A draft is a folder of objects below the reserved prefix, one for each part, which the service puts together
/// in the end.
///
/// Its own resumable uploads are no use for this: an upload goes by a URL that anybody who has it can write to,
/// which must not be kept in a journal, and takes its parts only one after the other.
#[async_trait]
impl PartialWrites for GcsStore {
    fn threshold(&self) -> u64 {
        WHOLE
    }

    fn part_size(&self, size: u64) -> u64 {
        fitting(PART, size, MOST_PARTS)
    }

    /// They could be; but the service has compared them with their checksum, and they are never changed.
    fn reads_back(&self) -> bool {
        false
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        self.root.key("write", path)?;
        self.check_target("write", path, &options.precondition).await?;
        let draft = new_name();
        Drafts(self).begin(path, &draft).await?;
        syncplan_failpoint::hit("gcs/draft-begun");
        Ok(draft)
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let failure = |fault| self.root.failure(fault, "write", path);
        let key = self.root.prefix.key_of(part_name(draft, part.number).as_bytes());
        let request = self.root.put(&key, "application/octet-stream", &Map::new(), &content);
        let put = self.root.wire.send(&request).await.map_err(|failed| failure(failed.fault))?;
        let put = answer(put).await.and_then(|resource| facts_of(&resource)).map_err(failure)?;
        syncplan_failpoint::hit("gcs/part");
        // Afterwards: whoever abandons the draft takes away its mark, and then looks for parts once more.
        if let Err(error) = Drafts(self).expect(path, draft).await {
            if error.kind == StoreErrorKind::NotFound {
                let _ = self.remove_parts(path, draft).await;
            }
            return Err(error);
        }
        let tag = put.token.ok_or_else(|| failure(Fault::Malformed("an object has no generation")))?;
        Ok(tag.as_str().to_owned())
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        if !Drafts(self).is_open(path, draft).await? {
            return Ok(None);
        }
        self.written_parts(draft).await.map(Some)
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
        Drafts(self).expect(path, draft).await?;
        // What is put together is seen at once: it has to be right before.
        let there = self.written_parts(draft).await?;
        let right = there.iter().map(|part| &part.tag).eq(tags)
            && there.iter().zip(0..).all(|(part, number)| part.number == number)
            && there.iter().map(|part| part.size).sum::<u64>() == options.size;
        if !right {
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("the parts that are there are not those that were put"));
        }
        let facts = self.compose_all(path, draft, &there, options).await?;
        // It is done; `gc` finds what is left of it.
        if let Err(error) = self.abandon(path, draft).await {
            tracing::warn!(%error, "parts of a finished draft are left");
        }
        Ok(facts)
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        self.remove_parts(path, draft).await?;
        Drafts(self).end(path, draft).await?;
        // One may have come just before the mark was gone.
        self.remove_parts(path, draft).await
    }
}

/// The folder of a draft's parts, beside its mark.
pub(super) fn folder(draft: &str) -> String {
    format!("{DRAFTS}/{draft}.parts")
}

/// Where a part is.
pub(super) fn part_name(draft: &str, number: u32) -> String {
    format!("{}/{number:010}", folder(draft))
}

impl GcsStore {
    /// The parts that are there, in order.
    async fn written_parts(&self, draft: &str) -> Result<Vec<WrittenPart>, StoreError> {
        let all: Vec<_> = bucket::reserved(&self.root, &folder(draft)).try_collect().await?;
        let part = |found: crate::store::Reserved| {
            // What is put together on the way has other names.
            let number = std::str::from_utf8(found.path.file_name()).ok()?.parse().ok()?;
            let tag = found.facts.token?.as_str().to_owned();
            Some(WrittenPart { number, size: found.facts.size, tag })
        };
        Ok(all.into_iter().filter_map(part).collect())
    }

    async fn remove_parts(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        if !draft.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(StoreError::new(StoreErrorKind::NotFound, "delete the draft of", path));
        }
        let all: Vec<_> = bucket::reserved(&self.root, &folder(draft)).try_collect().await?;
        let removed = stream::iter(all).map(|part| async move {
            match self.delete(&part.path, None).await {
                Err(error) if error.kind == StoreErrorKind::NotFound => Ok(()),
                removed => removed,
            }
        });
        removed.buffer_unordered(AT_ONCE).try_collect().await
    }
}
