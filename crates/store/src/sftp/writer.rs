use std::collections::VecDeque;

use futures::StreamExt as _;
use syncplan_model::{EntryKind, Facts, RelPath};

use super::Inner;
use super::draft::{Draft, full_or, told};
use super::fault::{Fault, status};
use super::place::Place;
use super::reader::{AHEAD, PIECE};
use super::session::{Handle, Pending};
use crate::error::{StoreError, StoreErrorKind};
use crate::length::Length;
use crate::store::{ContentStream, Precondition, WriteOptions};

impl Inner {
    pub(super) async fn write_content(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let (target, found, mut draft) = self.begin_draft("write", path, options).await?;
        let written = fill(path, &draft, content, options.size).await;
        if let Err(error) = written {
            draft.discard().await;
            return Err(error);
        }
        let sealed = match draft.seal(told(&options.metadata, found.as_ref())).await {
            Ok(sealed) => sealed,
            Err(fault) => {
                draft.discard().await;
                return Err(fault.at("write", path));
            }
        };
        if sealed.size != Some(options.size) {
            draft.discard().await;
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("what arrived is not as long as what was sent"));
        }
        self.install("write", path.as_bytes(), draft, sealed, &target, &options.precondition).await
    }

    /// An empty draft of `path`, once what stands there is what was expected; and what that is.
    pub(super) async fn begin_draft(
        &self,
        operation: &'static str,
        path: &RelPath,
        options: &WriteOptions,
    ) -> Result<(Place, Option<Facts>, Draft), StoreError> {
        let fail = |fault: Fault| fault.at(operation, path);
        let target = self.place_with_parents(path).await.map_err(fail)?;
        // The look that counts comes right before the rename; this one saves the work.
        let found = target.facts().await.map_err(fail)?;
        check_target(operation, path, &options.precondition, found.as_ref())?;
        let name = self.temporary_name(path, options.temporary.as_ref())?;
        let mode = options.metadata.mode.or(found.as_ref().and_then(|facts| facts.mode));
        let draft = match Draft::create(target.beside(&name), mode).await {
            // A folder that was there a moment ago is gone.
            Err(fault) if fault.is(status::NO_SUCH_FILE) => {
                self.forget_folders();
                let target = self.place_with_parents(path).await.map_err(fail)?;
                Draft::create(target.beside(&name), mode).await
            }
            draft => draft,
        };
        Ok((target, found, draft.map_err(fail)?))
    }
}

/// Whether a file may take this place.
pub(super) fn check_target(
    operation: &'static str,
    path: &RelPath,
    precondition: &Precondition,
    found: Option<&Facts>,
) -> Result<(), StoreError> {
    let is_folder = found.is_some_and(|found| found.kind == EntryKind::Dir);
    if is_folder || !precondition.holds(found) {
        return Err(StoreError::new(StoreErrorKind::Precondition, operation, path));
    }
    Ok(())
}

/// Writes as the content comes, with many requests under way.
async fn fill(
    path: &RelPath,
    draft: &Draft,
    mut content: ContentStream,
    size: u64,
) -> Result<(), StoreError> {
    let fail = |fault: Fault| fault.at("write", path);
    let handle = draft.handle().map_err(fail)?;
    let mut writing = Writing { place: &draft.place, handle, at: 0, asked: VecDeque::new() };
    let mut length = Length::new(size);
    while let Some(chunk) = content.next().await {
        let chunk = chunk?;
        length.add(path, &chunk)?;
        writing.add(&chunk).await.map_err(fail)?;
        syncplan_failpoint::hit("sftp/half-written");
    }
    length.end(path)?;
    writing.end().await.map_err(fail)
}

/// A file that is written.
pub(super) struct Writing<'a> {
    pub(super) place: &'a Place,
    pub(super) handle: &'a Handle,
    pub(super) at: u64,
    pub(super) asked: VecDeque<Pending>,
}

impl Writing<'_> {
    pub(super) async fn add(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        for piece in chunk.chunks(PIECE as usize) {
            if self.asked.len() >= AHEAD {
                self.take_answer().await?;
            }
            self.asked.push_back(self.handle.write(self.at, piece));
            self.at += piece.len() as u64;
        }
        Ok(())
    }

    pub(super) async fn end(mut self) -> Result<(), Fault> {
        while !self.asked.is_empty() {
            self.take_answer().await?;
        }
        Ok(())
    }

    async fn take_answer(&mut self) -> Result<(), Fault> {
        let Some(asked) = self.asked.pop_front() else { return Ok(()) };
        match asked.done().await {
            Err(fault) => Err(full_or(self.place, fault).await),
            Ok(()) => Ok(()),
        }
    }
}
