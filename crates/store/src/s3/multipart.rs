use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, Fuse, Stream};
use futures::{StreamExt as _, TryStreamExt as _};
use http::Method;
use syncplan_model::{Facts, RelPath};

use super::S3Store;
use super::fault::Fault;
use super::object::{headers_of, quoted, token_of};
use super::probe::Honoured;
use super::root::Root;
use super::wire::{Request, read_all};
use super::xml;
use crate::error::{StoreError, StoreErrorKind};
use crate::length::Length;
use crate::store::{ContentStream, WriteOptions};

/// The size of a part, unless the content is too long for that.
const PART: u64 = 8 * 1024 * 1024;

/// The most parts that an upload may have.
const MOST_PARTS: u64 = 10_000;

/// Parts on their way at the same time.
const AT_ONCE: usize = 4;

/// The longest answer to a request about an upload.
const LONGEST: usize = 1024 * 1024;

impl S3Store {
    /// Uploads content part by part; nobody sees any of it before all of it is there.
    pub(super) async fn write_parts(
        &self,
        path: &RelPath,
        key: &[u8],
        content: ContentStream,
        options: &WriteOptions,
        honoured: Honoured,
    ) -> Result<Facts, StoreError> {
        let upload =
            self.begin(key, options).await.map_err(|fault| self.lost(fault, path, &options.precondition))?;
        let uploaded = match self.upload(path, key, &upload, content, options.size).await {
            Ok(etags) => self.complete(path, key, &upload, &etags, options, honoured).await,
            Err(error) => Err(error),
        };
        if uploaded.is_err() {
            // The error that led here is the one to report; what is left is collected as an open upload.
            let abort = Request::new(Method::DELETE, key).query("uploadId", upload);
            let _ = self.root.wire.send(&abort).await;
        }
        uploaded
    }

    async fn begin(&self, key: &[u8], options: &WriteOptions) -> Result<String, Fault> {
        let request = Request::new(Method::POST, key)
            .query("uploads", "")
            .headers(headers_of(&options.metadata, options.size))
            .header("content-type", "application/octet-stream")
            .whole();
        let reply = self.root.wire.send(&request).await.map_err(|failed| failed.fault)?;
        let [upload] = xml::texts(&read_all(reply.body, LONGEST).await?, ["UploadId"]);
        if upload.is_empty() { Err(Fault::Malformed("an upload has no id")) } else { Ok(upload) }
    }

    async fn upload(
        &self,
        path: &RelPath,
        key: &[u8],
        upload: &str,
        content: ContentStream,
        size: u64,
    ) -> Result<Vec<String>, StoreError> {
        let part_size = usize::try_from(part_size(size)).unwrap_or(usize::MAX);
        let shared = Arc::new((Arc::clone(&self.root), path.clone(), key.to_vec(), upload.to_owned()));
        parts(path.clone(), content, size, part_size)
            .map_ok(move |(number, part)| {
                let shared = Arc::clone(&shared);
                async move {
                    let (root, path, key, upload) = &*shared;
                    put_part(root, key, upload, number, part)
                        .await
                        .map_err(|fault| root.failure(fault, "write", path))
                }
            })
            .try_buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn complete(
        &self,
        path: &RelPath,
        key: &[u8],
        upload: &str,
        etags: &[String],
        options: &WriteOptions,
        honoured: Honoured,
    ) -> Result<Facts, StoreError> {
        // Few services honour a condition here even where they do on a put: look, and ask as well.
        self.check_target("write", path, &options.precondition).await?;
        let request = Request::new(Method::POST, key).query("uploadId", upload).body(manifest(etags)).whole();
        match self.root.wire.send(&honoured.condition(request, &options.precondition)).await {
            // Some servers give the whole another ETag than they said: ask for the one that counts.
            Ok(_) => self.written(path, key, None, options).await,
            // Completed before, and the answer lost: the upload is gone, its content is there.
            Err(failed) if failed.tries > 1 => self.settle_upload(path, key, failed.fault, options).await,
            Err(failed) => Err(self.lost(failed.fault, path, &options.precondition)),
        }
    }

    async fn settle_upload(
        &self,
        path: &RelPath,
        key: &[u8],
        fault: Fault,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let found = self.root.head(key).await.ok().flatten();
        let digest = options.metadata.digest;
        match found.filter(|found| digest.is_some() && found.digest == digest && found.size == options.size) {
            Some(found) => Ok(found),
            None => Err(self.lost(fault, path, &options.precondition)),
        }
    }
}

async fn put_part(
    root: &Root,
    key: &[u8],
    upload: &str,
    number: usize,
    part: Bytes,
) -> Result<String, Fault> {
    let request = Request::new(Method::PUT, key)
        .query("partNumber", number.to_string())
        .query("uploadId", upload)
        .body(part);
    let reply = root.wire.send(&request).await.map_err(|failed| failed.fault)?;
    let token = token_of(&reply.headers).ok_or(Fault::Malformed("a part has no ETag"))?;
    Ok(quoted(&token))
}

/// The content as numbered parts of equal size, the last one shorter; at the end, what was
/// announced must have come.
fn parts(
    path: RelPath,
    content: ContentStream,
    size: u64,
    part_size: usize,
) -> impl Stream<Item = Result<(usize, Bytes), StoreError>> + Send {
    // The cutter asks again after the end: for the part that would come behind the last one.
    let content = content.fuse();
    let cutter =
        Cutter { path, content, length: Length::new(size), rest: Bytes::new(), part_size, number: 0 };
    stream::try_unfold(cutter, async |mut cutter| Ok(cutter.next_part().await?.map(|part| (part, cutter))))
}

struct Cutter {
    path: RelPath,
    content: Fuse<ContentStream>,
    length: Length,
    rest: Bytes,
    part_size: usize,
    number: usize,
}

impl Cutter {
    async fn next_part(&mut self) -> Result<Option<(usize, Bytes)>, StoreError> {
        let mut part = BytesMut::new();
        while part.len() < self.part_size {
            if self.rest.is_empty() {
                let Some(chunk) = self.content.next().await else { break };
                self.rest = chunk?;
                self.length.add(&self.path, &self.rest)?;
            }
            let taken = self.rest.len().min(self.part_size - part.len());
            if part.capacity() == 0 {
                part.reserve(self.part_size);
            }
            part.extend_from_slice(&self.rest.split_to(taken));
        }
        if part.is_empty() {
            self.length.end(&self.path)?;
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, part.freeze())))
    }
}

fn part_size(size: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    PART.max(size.div_ceil(MOST_PARTS).next_multiple_of(MIB))
}

fn manifest(etags: &[String]) -> Bytes {
    let mut document = String::from("<CompleteMultipartUpload>");
    for (at, etag) in etags.iter().enumerate() {
        let (number, etag) = (at + 1, xml::escape(etag));
        let _ = write!(document, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    document.push_str("</CompleteMultipartUpload>");
    document.into()
}

/// Used where an upload of parts cannot do what is asked.
pub(super) fn too_long(operation: &'static str, path: &RelPath) -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, operation, path)
        .because("the service copies at most 5 GiB in one step")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that must not be asked again after its end, as those of files are.
    fn strict(chunks: Vec<&'static [u8]>) -> ContentStream {
        let chunks = chunks.into_iter().map(|chunk| Ok(Bytes::from_static(chunk)));
        stream::unfold(chunks, async |mut chunks| chunks.next().map(|chunk| (chunk, chunks))).boxed()
    }

    #[tokio::test]
    async fn content_is_cut_into_parts_and_never_asked_for_more() {
        let cut = async |chunks, size| -> Vec<usize> {
            let parts = parts(RelPath::new("a").unwrap(), strict(chunks), size, 4);
            parts.map_ok(|(_, part)| part.len()).try_collect().await.unwrap()
        };
        assert_eq!(cut(vec![b"abcdef", b"ghi"], 9).await, [4, 4, 1]);
        assert_eq!(cut(vec![b"abcd", b"efgh"], 8).await, [4, 4]);
    }

    #[test]
    fn every_size_fits_into_its_parts() {
        for size in [1, PART, PART * MOST_PARTS, PART * MOST_PARTS + 1, 5 << 40] {
            assert!(size.div_ceil(part_size(size)) <= MOST_PARTS, "{size}");
            assert!(part_size(size) <= 5 << 30);
        }
    }
}
