use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use syncplan_model::{Digest, Facts, RelPath};

use super::S3Store;
use super::object::{headers_of, quoted, token_of};
use super::request::{checked_by, object};
use super::tag::{Tag, manifest};
use super::writer::WHOLE;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, WriteOptions, WrittenPart};
use crate::web::xml::{records, texts};
use crate::web::{Failed, Fault, Request};

/// How long a part is, unless the content is too long for that.
const PART: u64 = 8 * 1024 * 1024;

/// The most parts that an upload may have.
const MOST_PARTS: u64 = 10_000;

/// The longest answer about an upload: a page of its parts, with room to spare.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A draft is a multipart upload, and goes by its id.
#[async_trait]
impl PartialWrites for S3Store {
    fn threshold(&self) -> u64 {
        WHOLE
    }

    fn part_size(&self, size: u64) -> u64 {
        fitting(PART, size)
    }

    fn reads_back(&self) -> bool {
        false
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        let key = self.root.key("write", path)?;
        // An upload that nobody may complete in the end is not worth its parts.
        self.honoured_by_writes(path).await?;
        self.check_fits("write", path).await?;
        let attributes = self.attributes(path, options, false).await?;
        let headers = headers_of(&options.metadata, &attributes, options.size);
        let request = object(Method::POST, &key).headers(headers);
        let upload = self.begin_upload(request).await;
        upload.map_err(|fault| self.lost(fault, path, &options.precondition))
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let key = self.root.key("write", path)?;
        let checksum = self.traits.checksum;
        let crc32c = checksum.of_part(&content);
        let request = checked_by(part_request(&key, draft, part.number).body(content), checksum);
        let reply = self.root.wire.send(&request).await;
        let reply = reply.map_err(|failed| self.root.failure(failed.fault, "write", path))?;
        let etag = token_of(&reply.headers).map(|token| quoted(&token));
        let malformed = || self.root.failure(Fault::Malformed("a part has no ETag"), "write", path);
        syncplan_failpoint::hit("s3/part");
        Ok(Tag { etag: etag.ok_or_else(malformed)?, crc32c }.to_text())
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        let key = self.root.key("write", path)?;
        match self.list_parts(&key, draft).await {
            Ok(parts) => Ok(Some(parts)),
            Err(fault) if fault.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(fault) => Err(self.root.failure(fault, "list the parts of", path)),
        }
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
        let key = self.root.key("write", path)?;
        if tags.len() as u64 != options.size.div_ceil(self.part_size(options.size)) {
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("the parts are not as long as it was announced"));
        }
        let tags: Vec<_> = tags.iter().map(|tag| Tag::of_text(tag)).collect();
        self.complete(path, &key, draft, &tags, options).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let key = self.root.key("write", path)?;
        let request = object(Method::DELETE, &key).query("uploadId", draft);
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(()),
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => Ok(()),
            Err(failed) => Err(self.root.failure(failed.fault, "delete the draft of", path)),
        }
    }
}

/// Parts of this length, or longer ones if there would be too many.
pub(super) fn fitting(part: u64, size: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    part.max(size.div_ceil(MOST_PARTS).next_multiple_of(MIB))
}

/// A request to put one part of an upload; they are numbered from 1 there.
pub(super) fn part_request(key: &[u8], upload: &str, number: u32) -> Request {
    object(Method::PUT, key)
        .query("partNumber", (u64::from(number) + 1).to_string())
        .query("uploadId", upload)
}

impl S3Store {
    /// Sends a POST with the headers that the object is to have; answers the id of the upload.
    pub(super) async fn begin_upload(&self, mut request: Request) -> Result<String, Fault> {
        if let Some((header, value)) = self.traits.checksum.of_upload() {
            request = request.header(header, value);
        }
        let request = request.query("uploads", "").whole();
        let reply = self.root.wire.send(&request).await.map_err(|failed| failed.fault)?;
        let [upload] = texts(&reply.read_all(LONGEST_ANSWER).await?, ["UploadId"]);
        syncplan_failpoint::hit("s3/upload-begun");
        if upload.is_empty() { Err(Fault::Malformed("an upload has no id")) } else { Ok(upload) }
    }

    async fn list_parts(&self, key: &[u8], upload: &str) -> Result<Vec<WrittenPart>, Fault> {
        let mut parts: Vec<WrittenPart> = Vec::new();
        loop {
            let mut request = object(Method::GET, key).query("uploadId", upload).whole();
            if let Some(last) = parts.last() {
                request = request.query("part-number-marker", (u64::from(last.number) + 1).to_string());
            }
            let reply = self.root.wire.send(&request).await.map_err(|failed| failed.fault)?;
            let page = reply.read_all(LONGEST_ANSWER).await?;
            let found = written_parts(&page).ok_or(Fault::Malformed("the list of parts is none"))?;
            let [truncated] = texts(&page, ["IsTruncated"]);
            let before = parts.last().map(|part| part.number);
            if found.iter().any(|part| Some(part.number) <= before) {
                return Err(Fault::Malformed("the list of parts repeats itself"));
            }
            let more = truncated == "true" && !found.is_empty();
            parts.extend(found);
            if !more {
                return Ok(parts);
            }
        }
    }

    /// Makes the parts an object, if what stands there still is what was expected.
    pub(super) async fn complete(
        &self,
        path: &RelPath,
        key: &[u8],
        upload: &str,
        tags: &[Tag],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let honoured = self.honoured_by_writes(path).await?;
        // Few services honour a condition here even where they do on a put: look, and ask as well.
        self.check_target("write", path, &options.precondition).await?;
        syncplan_failpoint::hit("s3/before-complete");
        let request = object(Method::POST, key).query("uploadId", upload).body(manifest(tags)).whole();
        let begun = self.removals.now();
        match self.root.wire.send(&honoured.condition(request, &options.precondition)).await {
            Ok(_) => {
                syncplan_failpoint::hit("s3/after-complete");
                // Some servers give the whole another ETag than they said: ask for the one that counts.
                self.written(path, begun, None, options).await
            }
            Err(failed) => self.settle_upload(path, key, failed, options).await,
        }
    }

    /// Completed before, and the answer lost: the upload is gone, its content is there.
    async fn settle_upload(
        &self,
        path: &RelPath,
        key: &[u8],
        failed: Failed,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if failed.tries > 1
            && let Some(digest) = options.metadata.digest
            && let Ok(Some(found)) = self.root.head(key).await
            && is_written(&found, options.size, digest)
        {
            return Ok(found);
        }
        if failed.fault.code() == "NoSuchUpload" {
            return Err(self.root.failure(failed.fault, "write", path));
        }
        Err(self.lost(failed.fault, path, &options.precondition))
    }
}

fn is_written(found: &Facts, size: u64, digest: Digest) -> bool {
    found.size == size && found.digest == Some(digest)
}

/// One page of the parts of an upload.
fn written_parts(document: &[u8]) -> Option<Vec<WrittenPart>> {
    let names = ["PartNumber", "Size", "ETag", "ChecksumCRC32C"];
    let part = |[number, size, etag, crc32c]: [String; 4]| {
        let crc32c = (!crc32c.is_empty()).then_some(crc32c);
        let etag = super::object::etag_token(&etag)?;
        let tag = Tag { etag: quoted(&etag), crc32c };
        Some(WrittenPart {
            number: number.parse::<u32>().ok()?.checked_sub(1)?,
            size: size.parse().ok()?,
            tag: tag.to_text(),
        })
    };
    // Some servers end it with `Response`.
    records(document, "ListParts", "Part", names)?.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_into_its_parts() {
        for size in [1, PART, PART * MOST_PARTS, PART * MOST_PARTS + 1, 5 << 40] {
            let part = fitting(PART, size);
            assert!(size.div_ceil(part) <= MOST_PARTS, "{size}");
            assert!((PART..=5 << 30).contains(&part));
        }
        assert_eq!(fitting(PART, PART * MOST_PARTS), PART);
    }
}
