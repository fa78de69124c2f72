use futures::TryStreamExt as _;
use syncplan_model::{Facts, RelPath};

use super::S3Store;
use crate::bucket::parts;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, PartialWrites as _, WriteOptions};

/// Parts on their way at the same time.
const AT_ONCE: usize = 4;

impl S3Store {
    /// Uploads content part by part; nobody sees any of it before all of it is there.
    pub(super) async fn write_parts(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let draft = self.begin(path, options).await?;
        let written = match self.put_all(path, &draft, content, options.size).await {
            Ok(tags) => self.finish(path, &draft, &tags, options).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            // The error that led here is the one to report; what is left is collected as an open upload.
            let _ = self.abandon(path, &draft).await;
        }
        written.map_err(|error| match error.kind {
            // It is the upload that is gone, and nothing that was asked for.
            StoreErrorKind::NotFound => StoreError::new(StoreErrorKind::Other, "write", path).because(error),
            _ => error,
        })
    }

    async fn put_all(
        &self,
        path: &RelPath,
        draft: &str,
        content: ContentStream,
        size: u64,
    ) -> Result<Vec<String>, StoreError> {
        let part_size = usize::try_from(self.part_size(size)).unwrap_or(usize::MAX);
        parts(path.clone(), content, size, part_size)
            .map_ok(|(part, content)| self.put(path, draft, part, content))
            .try_buffered(AT_ONCE)
            .try_collect()
            .await
    }
}
