use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use syncplan_model::{Facts, RelPath};
use syncplan_store::{
    ContentStream, Part, PartialWrites, StoreError, StoreErrorKind, WriteOptions, WrittenPart,
};

use super::Restricted;

impl Restricted {
    fn inner_parts(&self, path: &RelPath) -> Result<&dyn PartialWrites, StoreError> {
        let missing = || StoreError::new(StoreErrorKind::Unsupported, "write in parts", path);
        self.inner.partial_writes().ok_or_else(missing)
    }
}

/// Nobody sees a draft, so that it may be anything; what it becomes may only fill a gap.
#[async_trait]
impl PartialWrites for Restricted {
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
        self.adds("write", path)?;
        self.inner_parts(path)?.begin(path, options).await
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        self.adds("write", path)?;
        self.inner_parts(path)?.put(path, draft, part, content).await
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        self.inner_parts(path)?.parts(path, draft).await
    }

    async fn read_back(
        &self,
        path: &RelPath,
        draft: &str,
        range: Range<u64>,
    ) -> Result<ContentStream, StoreError> {
        self.inner_parts(path)?.read_back(path, draft, range).await
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.fills("write", path, &options.precondition)?;
        self.inner_parts(path)?.finish(path, draft, tags, options).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        self.adds("write", path)?;
        self.inner_parts(path)?.abandon(path, draft).await
    }
}
