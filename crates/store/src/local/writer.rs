use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use syncplan_model::{Facts, RelPath};
use tokio::sync::mpsc;

use super::draft::{Draft, Installed};
use super::facts::facts_at;
use super::failure::{failure, io_failure};
use super::reader::SMALL;
use super::{Inner, LocalStore};
use crate::error::{StoreError, StoreErrorKind};
use crate::length::Length;
use crate::store::{ContentStream, Metadata, Precondition, WriteOptions};

/// Chunks that wait to be written.
const AHEAD: usize = 4;

/// What goes to the thread that writes.
enum Piece {
    Content(Bytes),
    /// All of it was there; without this the draft is thrown away.
    End,
}

impl LocalStore {
    pub(super) async fn write_content(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        if options.size <= SMALL {
            self.write_small(path, content, options).await
        } else {
            self.write_large(path, content, options).await
        }
    }

    async fn write_small(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        let content = collect(path, content, options.size).await?;
        self.on_thread(path, move |inner, path| {
            let mut draft = inner.draft(path, &options)?;
            content.iter().try_for_each(|chunk| append(&mut draft, chunk, path))?;
            inner.install(path, draft, &options)
        })
        .await
    }

    async fn write_large(
        &self,
        path: &RelPath,
        mut content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        let size = options.size;
        let writing = self.on_thread(path, move |inner, path| {
            let mut draft = inner.draft(path, &options)?;
            while let Some(piece) = receiver.blocking_recv() {
                match piece {
                    Piece::Content(chunk) => {
                        append(&mut draft, &chunk, path)?;
                        syncplan_failpoint::hit("local/half-written");
                    }
                    Piece::End => return inner.install(path, draft, &options),
                }
            }
            Err(StoreError::new(StoreErrorKind::Changed, "write", path))
        });
        let feeding = async move {
            let mut length = Length::new(size);
            while let Some(chunk) = content.next().await {
                let chunk = chunk?;
                length.add(path, &chunk)?;
                // The writer failed and says why itself.
                if sender.send(Piece::Content(chunk)).await.is_err() {
                    return Ok(());
                }
            }
            length.end(path)?;
            let _ = sender.send(Piece::End).await;
            Ok(())
        };
        let (fed, written) = futures::future::join(feeding, writing).await;
        fed.and(written)
    }
}

impl Inner {
    /// An empty draft of `path`, once what stands there is what was expected.
    pub(super) fn draft<'a>(
        &'a self,
        path: &'a RelPath,
        options: &WriteOptions,
    ) -> Result<Draft<'a>, StoreError> {
        let fail = |errno| failure(errno, "write", path);
        let target = self.root.place_with_parents(path).map_err(fail)?;
        // The look that counts comes right before the rename; this one saves the work.
        let found = facts_at(&target).map_err(fail)?;
        if !options.precondition.holds(found.as_ref()) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "write", path));
        }
        let name = self.temporary_name(path, options.temporary.as_ref())?;
        let mode = options.metadata.mode.or(found.and_then(|facts| facts.mode));
        Draft::create(target, name, mode).map_err(fail)
    }

    pub(super) fn install(
        &self,
        path: &RelPath,
        draft: Draft<'_>,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        self.finish("write", path, draft, &options.metadata, &options.precondition)
    }

    pub(super) fn finish(
        &self,
        operation: &'static str,
        path: &RelPath,
        draft: Draft<'_>,
        metadata: &Metadata,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        match draft.install(metadata, precondition) {
            Ok(Installed::Done(facts)) => {
                self.mark_dirty();
                Ok(facts)
            }
            Ok(Installed::Refused) => Err(StoreError::new(StoreErrorKind::Precondition, operation, path)),
            Err(errno) => Err(failure(errno, operation, path)),
        }
    }
}

async fn collect(path: &RelPath, mut content: ContentStream, size: u64) -> Result<Vec<Bytes>, StoreError> {
    let mut length = Length::new(size);
    let mut chunks = Vec::new();
    while let Some(chunk) = content.next().await {
        let chunk = chunk?;
        length.add(path, &chunk)?;
        chunks.push(chunk);
    }
    length.end(path)?;
    Ok(if chunks.len() > 16 { vec![joined(&chunks)] } else { chunks })
}

/// Many small chunks as one, so that each does not cost a call.
fn joined(chunks: &[Bytes]) -> Bytes {
    let mut joined = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    chunks.iter().for_each(|chunk| joined.extend_from_slice(chunk));
    joined.freeze()
}

fn append(draft: &mut Draft<'_>, chunk: &[u8], path: &RelPath) -> Result<(), StoreError> {
    draft.append(chunk).map_err(|error| io_failure(error, "write", path))
}
