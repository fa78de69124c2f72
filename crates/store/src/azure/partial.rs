use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::Method;
use md5::{Digest as _, Md5};
use syncplan_model::{Facts, RelPath};

use super::AzureStore;
use super::block::{block_id, block_list, part_of, uncommitted};
use super::object::{headers_of, token_of};
use super::root::object;
use super::writer::{WHOLE, conditional};
use crate::bucket::{Drafts, Source as _, fitting, new_name};
use crate::content_type::content_type;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, WriteOptions, WrittenPart};
use crate::web::Fault;

/// How long a block is, unless the content is too long for that.
const PART: u64 = 8 * 1024 * 1024;

/// The most blocks that a blob may have.
const MOST_PARTS: u64 = 50_000;

/// The longest list of blocks: of that many, and of other drafts' as well.
const LONGEST_LIST: usize = 32 * 1024 * 1024;

/// A draft is the blocks with its name in their ids: the service keeps them for the blob, uncommitted, and
/// knows of no drafts. So that it can be found and ended, it is marked by an object of its own.
///
/// Abandoning it takes the mark away. The blocks stay where nobody sees them, until the blob is written or a
/// week is over: the service has no way to remove them.
#[async_trait]
impl PartialWrites for AzureStore {
    fn threshold(&self) -> u64 {
        WHOLE
    }

    fn part_size(&self, size: u64) -> u64 {
        fitting(PART, size, MOST_PARTS)
    }

    fn reads_back(&self) -> bool {
        false
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        self.root.key("write", path)?;
        self.check_target("write", path, &options.precondition).await?;
        let draft = new_name();
        Drafts(self).begin(path, &draft).await?;
        syncplan_failpoint::hit("azure/draft-begun");
        Ok(draft)
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        // Side by side: a draft that is gone costs one block that is dropped by itself.
        let drafts = Drafts(self);
        let (open, put) =
            futures::join!(drafts.expect(path, draft), self.put_block(path, draft, part.number, content));
        open?;
        put
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        if !Drafts(self).is_open(path, draft).await? {
            return Ok(None);
        }
        self.blocks(path, draft).await.map(Some)
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
        // What is committed is seen at once: it has to be right before.
        let there = self.blocks(path, draft).await?;
        let right = there.iter().map(|part| &part.tag).eq(tags)
            && there.iter().zip(0..).all(|(part, number)| part.number == number)
            && there.iter().map(|part| part.size).sum::<u64>() == options.size;
        if !right {
            // Committed before, and the answer lost: then none of them is left.
            if let (true, Some(digest)) = (there.is_empty(), options.metadata.digest)
                && let Some(found) = self.root.look("write", path).await?
                && (found.digest == Some(digest) && found.mtime == options.metadata.mtime)
            {
                self.end(path, draft).await;
                return Ok(found);
            }
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("the blocks that are there are not those that were put"));
        }
        let facts = self.commit(path, tags, options).await?;
        self.end(path, draft).await;
        Ok(facts)
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        Drafts(self).end(path, draft).await
    }
}

impl AzureStore {
    /// Takes away the mark of a draft that is done. It is only a mark: `gc` finds what is left of it.
    async fn end(&self, path: &RelPath, draft: &str) {
        if let Err(error) = Drafts(self).end(path, draft).await {
            tracing::warn!(%error, "the mark of a finished draft is left");
        }
    }

    /// Puts one block; answers its id.
    pub(super) async fn put_block(
        &self,
        path: &RelPath,
        draft: &str,
        number: u32,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let key = self.root.key("write", path)?;
        let id = block_id(draft, number);
        let request = object(Method::PUT, &key)
            .query("comp", "block")
            .query("blockid", id.as_str())
            .header("content-md5", &BASE64.encode(Md5::digest(&content)))
            .body(content);
        let put = self.root.wire.send(&request).await;
        put.map_err(|failed| self.root.failure(failed.fault, "write", path))?;
        syncplan_failpoint::hit("azure/part");
        Ok(id)
    }

    /// The blocks of a draft that are there, in order.
    async fn blocks(&self, path: &RelPath, draft: &str) -> Result<Vec<WrittenPart>, StoreError> {
        let key = self.root.key("write", path)?;
        let request = object(Method::GET, &key)
            .query("comp", "blocklist")
            .query("blocklisttype", "uncommitted")
            .whole()
            .patient();
        let failure = |fault| self.root.failure(fault, "list the blocks of", path);
        let document = match self.root.wire.send(&request).await {
            Ok(reply) => reply.read_all(LONGEST_LIST).await.map_err(failure)?,
            // Neither a blob nor a block.
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => return Ok(Vec::new()),
            Err(failed) => return Err(failure(failed.fault)),
        };
        let blocks = written(&document, draft);
        blocks.ok_or_else(|| failure(Fault::Malformed("the list of blocks is none")))
    }

    /// Makes blocks the blob, if what stands there still is what was expected.
    pub(super) async fn commit(
        &self,
        path: &RelPath,
        blocks: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let key = self.root.key("write", path)?;
        let list = block_list(blocks);
        let request = object(Method::PUT, &key)
            .query("comp", "blocklist")
            .headers(headers_of(&options.metadata, options.size))
            .header("x-ms-blob-content-type", content_type(path))
            .header("content-type", "application/xml")
            .header("content-md5", &BASE64.encode(Md5::digest(&list)))
            .body(list);
        syncplan_failpoint::hit("azure/before-commit");
        match self.root.wire.send(&conditional(request, &options.precondition)).await {
            Ok(reply) => {
                syncplan_failpoint::hit("azure/after-commit");
                self.written(path, &key, token_of(&reply.headers), options).await
            }
            Err(failed) => self.settle(path, &key, failed, options).await,
        }
    }
}

/// The blocks of a draft among those in a list.
fn written(document: &[u8], draft: &str) -> Option<Vec<WrittenPart>> {
    let mut parts = BTreeMap::new();
    for (tag, size) in uncommitted(document)? {
        let Some(number) = part_of(&tag, draft) else { continue };
        parts.insert(number, WrittenPart { number, size, tag });
    }
    Some(parts.into_values().collect())
}
