use std::collections::VecDeque;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use syncplan_model::{EntryKind, Facts, RelPath};

use super::attributes::Attributes;
use super::draft::{Draft, told};
use super::fault::{Fault, status};
use super::packet::flags;
use super::place::Place;
use super::reader::read_draft;
use super::session::Handle;
use super::writer::Writing;
use super::{Inner, SftpStore, is_temporary};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, WriteOptions, WrittenPart};

/// Longer content is written in parts.
const WHOLE: u64 = 16 * 1024 * 1024;

/// How long a part is; there may be any number of them.
const PART: u64 = 8 * 1024 * 1024;

/// A draft is a temporary beside its target, and goes by the temporary's name.
///
/// Which parts it holds is told by its length alone: one that was put behind a gap makes the gap look
/// as if it was there. Whoever goes on with a draft therefore reads back what it holds.
#[async_trait]
impl PartialWrites for SftpStore {
    fn threshold(&self) -> u64 {
        WHOLE
    }

    fn part_size(&self, _size: u64) -> u64 {
        PART
    }

    fn reads_back(&self) -> bool {
        true
    }

    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        let (_, _, draft) = self.inner.begin_draft("write", path, options).await?;
        let slash = draft.place.full.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let name = String::from_utf8(draft.place.full[slash..].to_vec())
            .map_err(|error| refused(error.as_bytes()).because("the name of a draft is text"))?;
        draft.leave().await.map_err(|fault| fault.at("write", path))?;
        Ok(name)
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let put = async {
            let (place, handle, _) = self.inner.open_draft(path, &name_of(draft)?, flags::WRITE).await?;
            let fail = |fault: Fault| fault.at("write", path);
            let mut writing =
                Writing { place: &place, handle: &handle, at: part.offset, asked: VecDeque::new() };
            writing.add(&content).await.map_err(fail)?;
            writing.end().await.map_err(fail)?;
            handle.close().done().await.map_err(fail)?;
            syncplan_failpoint::hit("sftp/half-written");
            Ok(part.number.to_string())
        };
        put.await
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        let name = name_of(draft)?;
        let look =
            || -> futures::future::BoxFuture<'_, _> { Box::pin(self.inner.look_at_draft(path, &name)) };
        match self.ask(look).await {
            Ok((_, found)) => Ok(Some(whole_parts(found.size.unwrap_or(0)))),
            Err(error) if matches!(error.kind, StoreErrorKind::NotFound | StoreErrorKind::NotDirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_back(
        &self,
        path: &RelPath,
        draft: &str,
        range: Range<u64>,
    ) -> Result<ContentStream, StoreError> {
        read_draft(&self.inner, path, name_of(draft)?, range).await
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("write", path);
        let flags = flags::READ | flags::WRITE;
        let (place, handle, found) = self.inner.open_draft(path, &name_of(draft)?, flags).await?;
        if found.size != Some(options.size) || tags.len() as u64 != options.size.div_ceil(PART) {
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("the parts are not as long as it was announced"));
        }
        let target = self.inner.place(path).await.map_err(fail)?;
        let replaced = target.facts().await.map_err(fail)?;
        if !options.precondition.holds(replaced.as_ref()) {
            return Err(StoreError::new(StoreErrorKind::Precondition, "write", path));
        }
        let mut draft = Draft::opened(place, handle);
        let sealed = draft.seal(told(&options.metadata, replaced.as_ref())).await.map_err(fail)?;
        self.inner.install("write", path.as_bytes(), draft, sealed, &target, &options.precondition).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let name = name_of(draft)?;
        let removed = async { self.inner.place(path).await?.beside(&name).remove().await };
        match removed.await {
            // Gone, or what it stood in is.
            Err(Fault::NoFolder(_)) => Ok(()),
            Err(fault) if fault.is(status::NO_SUCH_FILE) => Ok(()),
            removed => removed.map_err(|fault| fault.at("delete the draft of", path)),
        }
    }
}

impl Inner {
    async fn look_at_draft(&self, path: &RelPath, name: &[u8]) -> Result<(Place, Attributes), StoreError> {
        let fail = |fault: Fault| fault.at("write", path);
        let place = self.place(path).await.map_err(fail)?.beside(name);
        let found = place.channel.session.lstat(&place.full).await.map_err(fail)?;
        let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
        if found.kind() != EntryKind::File {
            return Err(refused(name).because("it is no file"));
        }
        Ok((place, found))
    }

    async fn open_draft(
        &self,
        path: &RelPath,
        name: &[u8],
        flags: u32,
    ) -> Result<(Place, Handle, Attributes), StoreError> {
        let (place, found) = self.look_at_draft(path, name).await?;
        let handle = place.channel.session.open(&place.full, flags, Attributes::default()).await;
        let handle = handle.map_err(|fault| fault.at("write", path))?;
        Ok((place, handle, found))
    }
}

/// The name of a draft; anything that is not the name of a temporary is refused.
fn name_of(draft: &str) -> Result<Vec<u8>, StoreError> {
    if is_temporary(draft.as_bytes()) { Ok(draft.into()) } else { Err(refused(draft.as_bytes())) }
}

fn refused(name: &[u8]) -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, "use the temporary", name)
}

/// All parts that lie within a file of this length; the last may be shorter than it should be, which
/// shows in its size.
fn whole_parts(length: u64) -> Vec<WrittenPart> {
    let part = |(number, offset): (u32, u64)| WrittenPart {
        number,
        size: PART.min(length - offset),
        tag: number.to_string(),
    };
    (0..).zip((0..length).step_by(PART as usize)).map(part).collect()
}
