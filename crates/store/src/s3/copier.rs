use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, Method};
use syncplan_model::{Facts, RelPath};

use super::S3Store;
use super::mover::LONGEST_ANSWER;
use super::object::{etag_token, headers_of, quoted};
use super::partial::{fitting, part_request};
use super::request::object;
use super::tag::Tag;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, MoveOptions, PartialWrites as _, WriteOptions};
use crate::web::xml::texts;
use crate::web::{Fault, Request};

/// How much of a long object one request copies: what a service does before it is taken for dead.
const PART: u64 = 128 * 1024 * 1024;

/// Parts that are copied at the same time.
const AT_ONCE: usize = 4;

impl S3Store {
    /// Copies an object that is too long for one step, part by part, metadata and all.
    pub(super) async fn copy_parts(
        &self,
        operation: &'static str,
        from: &RelPath,
        to: &RelPath,
        found: &Facts,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let target = self.root.key(operation, to)?;
        let headers = self.kept_headers(operation, from, found).await?;
        let upload = self.begin_upload(object(Method::POST, &target).headers(headers)).await;
        let upload = upload.map_err(|fault| self.root.failure(fault, operation, to))?;
        let copied = match self.copy_ranges(operation, from, &target, &upload, found).await {
            Ok(tags) => self.complete(to, &target, &upload, &tags, &as_write(found, options)).await,
            Err(error) => Err(error),
        };
        if copied.is_err() {
            // The error that led here is the one to report; what is left is collected as an open upload.
            let _ = self.abandon(to, &upload).await;
        }
        copied
    }

    async fn copy_ranges(
        &self,
        operation: &'static str,
        from: &RelPath,
        target: &[u8],
        upload: &str,
        found: &Facts,
    ) -> Result<Vec<Tag>, StoreError> {
        let source = self.root.key(operation, from)?;
        let part = fitting(PART, found.size);
        let copies = (0_u32..).zip((0..found.size).step_by(usize::try_from(part).unwrap_or(usize::MAX)));
        let copies = copies.map(|(number, start)| {
            let range = format!("bytes={start}-{}", found.size.min(start + part) - 1);
            let request = part_request(target, upload, number).header("x-amz-copy-source-range", &range);
            self.copy_range(self.copying(request, &source, found.token.as_ref()))
        });
        let copied: Result<Vec<_>, _> = stream::iter(copies).buffered(AT_ONCE).try_collect().await;
        let tags = copied.map_err(|fault| self.root.failure(fault, operation, from))?;
        // Before anybody sees it: parts of two objects would be none of either.
        self.expect_unchanged(operation, from, found).await?;
        Ok(tags)
    }

    async fn copy_range(&self, request: Request) -> Result<Tag, Fault> {
        let reply = self.root.wire.send(&request.whole()).await.map_err(|failed| failed.fault)?;
        let [etag, crc32c] = texts(&reply.read_all(LONGEST_ANSWER).await?, ["ETag", "ChecksumCRC32C"]);
        // To some servers this is the upload of an empty part, which is answered without a document.
        let etag = etag_token(&etag).ok_or(Fault::Unknown("copy parts"))?;
        syncplan_failpoint::hit("s3/part");
        Ok(Tag { etag: quoted(&etag), crc32c: (!crc32c.is_empty()).then_some(crc32c) })
    }

    async fn kept_headers(
        &self,
        operation: &'static str,
        from: &RelPath,
        found: &Facts,
    ) -> Result<HeaderMap, StoreError> {
        let now = self.root.describe(&self.root.key(operation, from)?).await;
        let now = now.map_err(|fault| self.root.failure(fault, operation, from))?;
        let Some(now) = now.filter(|now| now.facts.token == found.token) else {
            return Err(StoreError::new(StoreErrorKind::Changed, operation, from));
        };
        let metadata = kept(&now.facts);
        Ok(headers_of(&metadata, &now.attributes.unwrap_or_default(), found.size))
    }
}

/// What the copy has to be, as a write of it would say.
fn as_write(found: &Facts, options: &MoveOptions) -> WriteOptions {
    WriteOptions {
        size: found.size,
        precondition: options.precondition.clone(),
        metadata: kept(found),
        temporary: None,
    }
}

fn kept(found: &Facts) -> Metadata {
    Metadata { mtime: found.mtime, digest: found.digest, ..Metadata::default() }
}
