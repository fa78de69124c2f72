use bytes::{Bytes, BytesMut};
use futures::stream::{self, Fuse, Stream};
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::{Facts, RelPath};

use super::S3Store;
use crate::error::{StoreError, StoreErrorKind};
use crate::length::Length;
use crate::store::{ContentStream, Part, PartialWrites as _, WriteOptions};

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

/// The content as numbered parts of equal size, the last one shorter; at the end, what was
/// announced must have come.
fn parts(
    path: RelPath,
    content: ContentStream,
    size: u64,
    part_size: usize,
) -> impl Stream<Item = Result<(Part, Bytes), StoreError>> + Send {
    // The cutter asks again after the end: for the part that would come behind the last one.
    let content = content.fuse();
    let cutter = Cutter {
        path,
        content,
        length: Length::new(size),
        rest: Bytes::new(),
        part_size,
        next: Part { number: 0, offset: 0 },
    };
    stream::try_unfold(cutter, async |mut cutter| Ok(cutter.next_part().await?.map(|part| (part, cutter))))
}

struct Cutter {
    path: RelPath,
    content: Fuse<ContentStream>,
    length: Length,
    rest: Bytes,
    part_size: usize,
    next: Part,
}

impl Cutter {
    async fn next_part(&mut self) -> Result<Option<(Part, Bytes)>, StoreError> {
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
        let number = self.next.number + 1;
        let next = Part { number, offset: self.next.offset + part.len() as u64 };
        Ok(Some((std::mem::replace(&mut self.next, next), part.freeze())))
    }
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
        let cut = async |chunks, size| -> Vec<(u32, u64, usize)> {
            let parts = parts(RelPath::new("a").unwrap(), strict(chunks), size, 4);
            let parts = parts.map_ok(|(part, content)| (part.number, part.offset, content.len()));
            parts.try_collect().await.unwrap()
        };
        assert_eq!(cut(vec![b"abcdef", b"ghi"], 9).await, [(0, 0, 4), (1, 4, 4), (2, 8, 1)]);
        assert_eq!(cut(vec![b"abcd", b"efgh"], 8).await, [(0, 0, 4), (1, 4, 4)]);
    }
}
