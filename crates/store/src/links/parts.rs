use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use syncplan_model::{Facts, RelPath};

use super::{LinksAsFiles, link_of};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, WriteOptions, WrittenPart};

impl LinksAsFiles {
    /// The drafts of files; no link is so long.
    fn drafts(&self, path: &RelPath) -> Result<&dyn PartialWrites, StoreError> {
        let error = || StoreError::new(StoreErrorKind::Unsupported, "write", path);
        if link_of(path).is_some() {
            return Err(error().because("no symbolic link can hold this"));
        }
        self.inner.partial_writes().ok_or_else(error)
    }
}

#[async_trait]
impl PartialWrites for LinksAsFiles {
    fn threshold(&self) -> u64 {
        self.inner.partial_writes().map_or(u64::MAX, |parts| parts.threshold())
    }

    fn part_size(&self, size: u64) -> u64 {
        self.inner.partial_writes().map_or(size, |parts| parts.part_size(size))
    }

    fn reads_back(&self) -> bool {
        self.inner.partial_writes().is_some_and(|parts| parts.reads_back())
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        self.refuse_link("write", path).await?;
        self.drafts(path)?.begin(path, options).await
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        self.drafts(path)?.put(path, draft, part, content).await
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        self.drafts(path)?.parts(path, draft).await
    }

    async fn read_back(
        &self,
        path: &RelPath,
        draft: &str,
        range: Range<u64>,
    ) -> Result<ContentStream, StoreError> {
        self.drafts(path)?.read_back(path, draft, range).await
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.refuse_link("write", path).await?;
        self.drafts(path)?.finish(path, draft, tags, options).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        self.drafts(path)?.abandon(path, draft).await
    }
}
