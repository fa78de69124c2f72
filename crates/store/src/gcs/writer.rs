use futures::TryStreamExt as _;
use syncplan_model::{Facts, RelPath};

use super::GcsStore;
use super::object::metadata_of;
use super::root::{answer, conditional, facts_of};
use crate::bucket::{Source as _, collect, parts};
use crate::content_type::content_type;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, PartialWrites as _, Precondition, WriteOptions};
use crate::web::{Failed, Fault};

/// Longer content goes up in parts.
pub(super) const WHOLE: u64 = 16 * 1024 * 1024;

/// Parts on their way at the same time.
const AT_ONCE: usize = 4;

impl GcsStore {
    pub(super) async fn write_content(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if options.size > WHOLE {
            return self.write_parts(path, content, options).await;
        }
        let key = self.root.key("write", path)?;
        if !self.honoured().await? {
            self.check_target("write", path, &options.precondition).await?;
        }
        let body = collect(path, content, options.size).await?;
        let metadata = metadata_of(&options.metadata, options.size);
        let request = self.root.put(&key, content_type(path), &metadata, &body);
        let request = if path.is_reserved() { request.patient() } else { request };
        match self.root.wire.send(&conditional(request, &options.precondition)).await {
            Ok(reply) => {
                syncplan_failpoint::hit("gcs/put");
                let written = answer(reply).await.and_then(|resource| facts_of(&resource));
                self.written(path, written, options)
            }
            Err(failed) => self.settle(path, &key, failed, options).await,
        }
    }

    /// Uploads content part by part; nobody sees any of it before all of it is there.
    async fn write_parts(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let draft = self.begin(path, options).await?;
        let part_size = usize::try_from(self.part_size(options.size)).unwrap_or(usize::MAX);
        let put = parts(path.clone(), content, options.size, part_size)
            .map_ok(|(part, content)| self.put(path, &draft, part, content))
            .try_buffered(AT_ONCE);
        let written = match put.try_collect::<Vec<_>>().await {
            Ok(tags) => self.finish(path, &draft, &tags, options).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            // The error that led here is the one to report; what is left is collected as an open draft.
            let _ = self.abandon(path, &draft).await;
        }
        written.map_err(|error| match error.kind {
            // It is the draft that is gone, and nothing that was asked for.
            StoreErrorKind::NotFound => StoreError::new(StoreErrorKind::Other, "write", path).because(error),
            _ => error,
        })
    }

    /// Looks at the target, where the server cannot be relied on to, or it is not worth the way.
    pub(super) async fn check_target(
        &self,
        operation: &'static str,
        path: &RelPath,
        precondition: &Precondition,
    ) -> Result<(), StoreError> {
        if *precondition == Precondition::Any {
            return Ok(());
        }
        let found = self.root.look(operation, path).await?;
        match precondition.holds(found.as_ref()) {
            true => Ok(()),
            false => Err(StoreError::new(StoreErrorKind::Precondition, operation, path)),
        }
    }

    /// What the service says that stands there now.
    pub(super) fn written(
        &self,
        path: &RelPath,
        written: Result<Facts, Fault>,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let written = written.map_err(|fault| self.root.failure(fault, "write", path))?;
        match written.size == options.size {
            true => Ok(written),
            false => Err(StoreError::new(StoreErrorKind::Changed, "write", path)),
        }
    }

    /// A write that was sent twice may fail because of itself: its first answer was lost.
    pub(super) async fn settle(
        &self,
        path: &RelPath,
        key: &[u8],
        failed: Failed,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let digest = options.metadata.digest;
        if failed.tries > 1
            && failed.fault.kind() == StoreErrorKind::Precondition
            && let Ok(Some(found)) = self.root.head(key).await
            && (digest.is_some() && found.digest == digest && found.mtime == options.metadata.mtime)
        {
            return Ok(found);
        }
        let kind = match (failed.fault.kind(), &options.precondition) {
            (StoreErrorKind::NotFound, Precondition::Token(_)) => StoreErrorKind::Precondition,
            // Nothing has to be there for a write: whatever the server misses, it is not the object.
            (StoreErrorKind::NotFound, _) => StoreErrorKind::Other,
            _ => return Err(self.root.failure(failed.fault, "write", path)),
        };
        Err(StoreError::new(kind, "write", path).because(failed.fault))
    }
}
