use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{self, Fuse, Stream};
use syncplan_model::RelPath;

use crate::error::StoreError;
use crate::length::Length;
use crate::store::{ContentStream, Part};

/// All of the content, which has to be as long as was announced.
pub(crate) async fn collect(
    path: &RelPath,
    mut content: ContentStream,
    size: u64,
) -> Result<Bytes, StoreError> {
    let mut length = Length::new(size);
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(chunk) = content.next().await {
        let chunk = chunk?;
        length.add(path, &chunk)?;
        match &first {
            None => first = Some(chunk),
            Some(_) => rest.extend_from_slice(&chunk),
        }
    }
    length.end(path)?;
    let first = first.unwrap_or_default();
    // Most content is one chunk, and is not copied.
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// The content as numbered parts of equal size, the last one shorter; at the end, what was
/// announced must have come.
pub(crate) fn parts(
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
    use futures::TryStreamExt as _;

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
