use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt as _;
use http::Method;
use md5::{Digest as _, Md5};
use syncplan_model::{Facts, RelPath, Token};

use super::AzureStore;
use super::object::{headers_of, quoted, token_of};
use super::root::object_at;
use crate::bucket::{Source as _, collect, new_name, parts};
use crate::content_type::content_type;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, PartialWrites as _, Precondition, WriteOptions};
use crate::web::{Failed, Fault, Request};

/// Longer content goes up in blocks.
pub(super) const WHOLE: u64 = 16 * 1024 * 1024;

/// Blocks on their way at the same time.
const AT_ONCE: usize = 4;

impl AzureStore {
    pub(super) async fn write_content(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if options.size > WHOLE {
            return self.write_blocks(path, content, options).await;
        }
        let key = self.root.key("write", path)?;
        let body = collect(path, content, options.size).await?;
        let request = object_at(Method::PUT, &key, path)
            .headers(headers_of(&options.metadata, options.size))
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-type", content_type(path))
            // The service compares it, keeps it, and lists it.
            .header("content-md5", &BASE64.encode(Md5::digest(&body)))
            .body(body);
        match self.root.wire.send(&conditional(request, &options.precondition)).await {
            Ok(reply) => {
                syncplan_failpoint::hit("azure/put");
                self.written(path, &key, token_of(&reply.headers), options).await
            }
            Err(failed) => self.settle(path, &key, failed, options).await,
        }
    }

    /// Uploads content block by block; nobody sees any of it before all of it is there. Nobody goes on with it
    /// either, so it is marked nowhere: the service drops what is not committed after a week.
    async fn write_blocks(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.check_target("write", path, &options.precondition).await?;
        let draft = new_name();
        let part_size = usize::try_from(self.part_size(options.size)).unwrap_or(usize::MAX);
        let blocks = parts(path.clone(), content, options.size, part_size)
            .map_ok(|(part, content)| self.put_block(path, &draft, part.number, content))
            .try_buffered(AT_ONCE);
        let blocks: Vec<_> = blocks.try_collect().await?;
        self.commit(path, &blocks, options).await
    }

    /// Looks at the target, where it is not worth the way to have it refused in the end.
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

    /// What stands there now.
    pub(super) async fn written(
        &self,
        path: &RelPath,
        key: &[u8],
        token: Option<Token>,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if token.is_some() {
            let (mtime, digest) = (options.metadata.mtime, options.metadata.digest);
            return Ok(Facts { token, mtime, digest, ..Facts::file(options.size) });
        }
        let found = self.root.head(key).await.map_err(|fault| self.root.failure(fault, "write", path))?;
        let found = found.filter(|found| found.size == options.size);
        found.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, "write", path))
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
        // Blocks that are committed already are not there to be committed again.
        let itself = matches!(failed.fault.kind(), StoreErrorKind::Precondition | StoreErrorKind::Changed);
        if failed.tries > 1
            && itself
            && let Ok(Some(found)) = self.root.head(key).await
            && (digest.is_some() && found.digest == digest && found.mtime == options.metadata.mtime)
        {
            return Ok(found);
        }
        Err(self.lost(failed.fault, path, &options.precondition))
    }

    /// A condition on what is not there may be answered with 404: to a write that is no different.
    fn lost(&self, fault: Fault, path: &RelPath, precondition: &Precondition) -> StoreError {
        let kind = match (fault.kind(), precondition) {
            (StoreErrorKind::NotFound, Precondition::Token(_)) => StoreErrorKind::Precondition,
            // Nothing has to be there for a write: whatever the server misses, it is not the blob.
            (StoreErrorKind::NotFound, _) => StoreErrorKind::Other,
            _ => return self.root.failure(fault, "write", path),
        };
        StoreError::new(kind, "write", path).because(fault)
    }
}

/// The request with its precondition.
pub(super) fn conditional(request: Request, precondition: &Precondition) -> Request {
    match precondition {
        Precondition::Absent => request.header("if-none-match", "*"),
        Precondition::Token(token) => request.header("if-match", &quoted(token)),
        Precondition::Any => request,
    }
}
