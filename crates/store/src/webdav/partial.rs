use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use syncplan_model::{EntryKind, Facts, RelPath, TEMPORARY_PREFIX};

use super::WebdavStore;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ContentStream, Part, PartialWrites, WriteOptions, WrittenPart};
use crate::web::Request;

/// Longer content is written in parts.
const WHOLE: u64 = 16 * 1024 * 1024;

/// How long a part is; there may be any number of them.
const PART: u64 = 8 * 1024 * 1024;

/// Where the server writes a range into what stands there: a draft is a temporary beside its target then, as it
/// is in a folder of this machine.
///
/// Which parts it holds is told by its length alone. Whoever goes on with it therefore reads back what it holds.
#[async_trait]
impl PartialWrites for WebdavStore {
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
        self.root.file("write", path)?;
        self.honoured().await?;
        self.root.check_target("write", path, &options.precondition).await?;
        self.root.ensure_folder("write", path, path.parent().as_ref()).await?;
        let temporary = self.temporary("write", path, options.temporary.as_ref())?;
        let request = Request::new(Method::PUT, self.root.place(Some(&temporary)));
        match self.root.wire.send(&request).await {
            Ok(_) => Ok(String::from_utf8_lossy(temporary.file_name()).into_owned()),
            Err(failed) => Err(self.unwritten(path, failed.fault)),
        }
    }

    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError> {
        let draft = beside(path, draft)?;
        // A range of what is not there would make it.
        self.open_draft(path, &draft).await?;
        if !content.is_empty() {
            let last = part.offset + content.len() as u64 - 1;
            let request = Request::new(Method::PUT, self.root.place(Some(&draft)))
                .header("content-range", &format!("bytes {}-{last}/*", part.offset))
                .body(content);
            let sent = self.root.wire.send(&request).await;
            sent.map_err(|failed| self.root.failure(failed.fault, "write", path))?;
        }
        syncplan_failpoint::hit("webdav/half-written");
        Ok(part.number.to_string())
    }

    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError> {
        match self.open_draft(path, &beside(path, draft)?).await {
            Ok(found) => Ok(Some(whole_parts(found.size))),
            Err(error) if error.kind == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_back(
        &self,
        path: &RelPath,
        draft: &str,
        range: Range<u64>,
    ) -> Result<ContentStream, StoreError> {
        let draft = beside(path, draft)?;
        self.origin(path, self.root.place(Some(&draft))).read(Some(range), None).await
    }

    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        let draft = beside(path, draft)?;
        let found = self.open_draft(path, &draft).await?;
        if found.size != options.size || tags.len() as u64 != options.size.div_ceil(PART) {
            return Err(StoreError::new(StoreErrorKind::Changed, "write", path)
                .because("the parts are not as long as it was announced"));
        }
        self.install(path, &draft, options).await
    }

    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let draft = beside(path, draft)?;
        match self.root.wire.send(&Request::new(Method::DELETE, self.root.place(Some(&draft)))).await {
            Ok(_) => Ok(()),
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => Ok(()),
            Err(failed) => Err(self.root.failure(failed.fault, "delete the draft of", path)),
        }
    }
}

impl WebdavStore {
    async fn open_draft(&self, path: &RelPath, draft: &RelPath) -> Result<Facts, StoreError> {
        let found = self.root.look("write", draft).await?.filter(|found| found.kind == EntryKind::File);
        found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, "write", path))
    }
}

/// The path of a draft; anything that is not the name of a temporary is refused.
fn beside(path: &RelPath, draft: &str) -> Result<RelPath, StoreError> {
    let refused = || StoreError::new(StoreErrorKind::Unsupported, "use the temporary", draft);
    if !draft.starts_with(TEMPORARY_PREFIX) || draft.contains('/') {
        return Err(refused());
    }
    path.with_file_name(draft).map_err(|error| refused().because(error))
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
