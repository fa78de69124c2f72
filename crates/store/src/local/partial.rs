use std::fs::File;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;
use syncplan_model::{Facts, RelPath};

use super::draft::Draft;
use super::failure::{failure, io_failure};
use super::reader::{Reading, open_file};
use super::{Inner, LocalStore, is_temporary, sparse};
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
impl PartialWrites for LocalStore {
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
        let options = options.clone();
        self.on_thread(path, move |inner, path| inner.begin(path, &options)).await
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let draft = name_of(draft)?;
        self.on_thread(path, move |inner, path| {
            let (file, _) = inner.open_draft(path, &draft, OFlags::RDWR)?;
            sparse::write_over(&file, part.offset, &content)
                .map_err(|error| io_failure(error, "write", path))?;
            syncplan_failpoint::hit("local/half-written");
            Ok(part.number.to_string())
        })
        .await
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        let draft = name_of(draft)?;
        let open = move |inner: &Inner, path: &RelPath| inner.open_draft(path, &draft, OFlags::RDONLY);
        match self.on_thread(path, open).await {
            Ok((_, facts)) => Ok(Some(whole_parts(facts.size))),
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
        let draft = name_of(draft)?;
        let reading = self.on_thread(path, move |inner, path| {
            let (file, facts) = inner.open_draft(path, &draft, OFlags::RDONLY)?;
            Ok(Reading::of_draft(file, &facts, range, path))
        });
        Ok(reading.await?.into_stream())
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let (draft, options, parts) = (name_of(draft)?, options.clone(), tags.len() as u64);
        self.on_thread(path, move |inner, path| inner.finish_draft(path, draft, parts, &options)).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let draft = name_of(draft)?;
        self.on_thread(path, move |inner, path| inner.abandon(path, &draft)).await
    }
}

impl Inner {
    fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError> {
        let draft = self.draft(path, options)?;
        let name = String::from_utf8(draft.name().to_vec());
        let name = name.map_err(|error| refused(error.as_bytes()).because("the name of a draft is text"))?;
        draft.leave();
        Ok(name)
    }

    fn open_draft(&self, path: &RelPath, draft: &[u8], flags: OFlags) -> Result<(File, Facts), StoreError> {
        let place = self.root.place(path).map_err(|errno| failure(errno, "write", path))?;
        let (file, facts) = open_file(&place.beside(draft), flags, "write", path)?;
        Ok((File::from(file), facts))
    }

    fn finish_draft(
        &self,
        path: &RelPath,
        draft: Vec<u8>,
        parts: u64,
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let (file, facts) = self.open_draft(path, &draft, OFlags::RDWR)?;
        if facts.size != options.size || parts != options.size.div_ceil(PART) {
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("the parts are not as long as it was announced"));
        }
        let target = self.root.place(path).map_err(|errno| failure(errno, "write", path))?;
        self.install(path, Draft::opened(target, draft, file), options)
    }

    fn abandon(&self, path: &RelPath, draft: &[u8]) -> Result<(), StoreError> {
        let removed =
            self.root.place(path).and_then(|place| rustix::fs::unlinkat(&place, draft, AtFlags::empty()));
        match removed {
            // Gone, or what it stood in is.
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(errno) => Err(failure(errno, "delete the draft of", path)),
        }
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
