use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use syncplan_model::{ContentHasher, ContentHashes, Digest, RelPath, SampleSpec};
use syncplan_store::{ContentStream, StoreError, StoreErrorKind};

/// Content on its way that is hashed as it passes.
///
/// The chunk that completes the announced length is held back until the digest of everything is
/// known to be the expected one: otherwise an error takes its place, and the store that writes
/// never sees a whole file.
pub(crate) struct Verified {
    inner: ContentStream,
    hasher: Option<ContentHasher>,
    left: u64,
    expected: Option<Digest>,
    path: RelPath,
    passed: Arc<Passed>,
    on_bytes: Box<dyn FnMut(u64) + Send>,
}

/// What is known of content after it passed.
#[derive(Default)]
pub(crate) struct Passed {
    end: Mutex<End>,
}

#[derive(Clone, Copy, Default)]
enum End {
    #[default]
    Open,
    Whole(ContentHashes),
    SourceFailed,
}

impl Passed {
    /// The hashes, once all of the announced content has passed.
    pub(crate) fn hashes(&self) -> Option<ContentHashes> {
        match self.get() {
            End::Whole(hashes) => Some(hashes),
            End::Open | End::SourceFailed => None,
        }
    }

    /// Whether it was the source that failed.
    pub(crate) fn source_failed(&self) -> bool {
        matches!(self.get(), End::SourceFailed)
    }

    fn get(&self) -> End {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, end: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

impl Verified {
    pub(crate) fn new(
        inner: ContentStream,
        path: RelPath,
        size: u64,
        sample: &SampleSpec,
        expected: Option<Digest>,
        on_bytes: Box<dyn FnMut(u64) + Send>,
    ) -> (Self, Arc<Passed>) {
        let passed = Arc::new(Passed::default());
        let hasher = Some(ContentHasher::new(size, sample));
        (Self { inner, hasher, left: size, expected, path, passed: Arc::clone(&passed), on_bytes }, passed)
    }

    fn pass(&mut self, chunk: Bytes) -> Result<Bytes, StoreError> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        (self.on_bytes)(chunk.len() as u64);
        let length = chunk.len() as u64;
        if length > self.left {
            return Err(self.fail("the content is longer than planned"));
        }
        self.left -= length;
        if self.left == 0 && length > 0 {
            self.close()?;
        }
        Ok(chunk)
    }

    /// All of it has passed.
    fn close(&mut self) -> Result<(), StoreError> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        if self.left > 0 {
            return Err(self.fail("the content is shorter than planned"));
        }
        let hashes = hasher.finish();
        if self.expected.is_some_and(|expected| expected != hashes.digest) {
            return Err(self.fail("the content is not what was planned"));
        }
        self.passed.set(End::Whole(hashes));
        Ok(())
    }

    /// Nothing comes after an error.
    fn end_in_failure(&mut self) {
        self.passed.set(End::SourceFailed);
        self.inner = futures::stream::empty().boxed();
        self.hasher = None;
    }

    fn fail(&mut self, why: &'static str) -> StoreError {
        self.end_in_failure();
        StoreError::new(StoreErrorKind::Changed, "read", &self.path).because(why)
    }
}

impl Stream for Verified {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.inner.poll_next_unpin(context));
        Poll::Ready(match next {
            Some(Ok(chunk)) => Some(self.pass(chunk)),
            Some(Err(error)) => {
                self.end_in_failure();
                Some(Err(error))
            }
            None => self.close().err().map(Err),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(chunks: &[&'static str], size: u64, expected: &str) -> (Vec<bool>, bool, bool) {
        let inner =
            futures::stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from(*chunk))).collect::<Vec<_>>());
        let path = RelPath::new("a").unwrap();
        let digest = Some(Digest::of(expected.as_bytes()));
        let (stream, passed) =
            Verified::new(inner.boxed(), path, size, &SampleSpec::default(), digest, Box::new(|_| ()));
        let chunks = stream.map(|chunk| chunk.is_ok()).collect().await;
        (chunks, passed.hashes().is_some(), passed.source_failed())
    }

    #[tokio::test]
    async fn the_last_chunk_comes_only_if_all_is_as_planned() {
        assert_eq!(pass(&["ab", "c"], 3, "abc").await, (vec![true, true], true, false));
        assert_eq!(pass(&["ab", "x"], 3, "abc").await, (vec![true, false], false, true));
        assert_eq!(pass(&["ab"], 3, "abc").await, (vec![true, false], false, true));
        assert_eq!(pass(&["ab", "cd"], 3, "abc").await, (vec![true, false], false, true));
        assert_eq!(pass(&[], 0, "").await, (vec![], true, false));
        assert_eq!(pass(&[], 0, "abc").await, (vec![false], false, true));
    }
}
