use std::hash::{BuildHasher as _, Hasher as _};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::RelPath;

use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Metadata, OpenDraft, Precondition, Reserved, Store, WriteOptions};

/// Where drafts are marked, in stores that do not keep account of them themselves.
pub(crate) const DRAFTS: &str = ".syncplan/drafts";

/// A name that no other draft has: the seed of a hash map is random.
pub(crate) fn new_name() -> String {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// The drafts of a store, each marked by an object whose content is the path that it is for.
pub(crate) struct Drafts<'a>(pub(crate) &'a dyn Store);

impl Drafts<'_> {
    fn mark(path: &RelPath, draft: &str) -> Result<RelPath, StoreError> {
        RelPath::new(format!("{DRAFTS}/{draft}"))
            .ok()
            .filter(|_| is_name(draft))
            .ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, "write", path))
    }

    pub(crate) async fn begin(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let content = Bytes::copy_from_slice(path.as_bytes());
        let options = WriteOptions {
            size: content.len() as u64,
            precondition: Precondition::Any,
            metadata: Metadata::default(),
            temporary: None,
        };
        let content = futures::stream::iter([Ok(content)]).boxed();
        self.0.write(&Self::mark(path, draft)?, content, options).await.map(|_| ())
    }

    pub(crate) async fn is_open(&self, path: &RelPath, draft: &str) -> Result<bool, StoreError> {
        Ok(match Self::mark(path, draft) {
            Ok(mark) => self.0.stat(&mark).await?.is_some(),
            Err(_) => false,
        })
    }

    /// That there is such a draft.
    pub(crate) async fn expect(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        match self.is_open(path, draft).await? {
            true => Ok(()),
            false => {
                Err(StoreError::new(StoreErrorKind::NotFound, "write", path)
                    .because("the draft of it is gone"))
            }
        }
    }

    pub(crate) async fn end(&self, path: &RelPath, draft: &str) -> Result<(), StoreError> {
        let Ok(mark) = Self::mark(path, draft) else { return Ok(()) };
        match self.0.delete(&mark, None).await {
            Err(error) if error.kind == StoreErrorKind::NotFound => Ok(()),
            ended => ended,
        }
    }

    /// All of them, as far as their marks can be read.
    pub(crate) async fn list(
        &self,
        reserved: futures::stream::BoxStream<'_, Result<Reserved, StoreError>>,
    ) -> Result<Vec<OpenDraft>, StoreError> {
        let marks: Vec<_> = reserved
            .try_filter_map(
                |reserved| async move { Ok(name_of(&reserved.path).map(|name| (name, reserved))) },
            )
            .try_collect()
            .await?;
        let mut drafts = Vec::new();
        for (draft, mark) in marks {
            drafts.extend(self.read(draft, mark).await?);
        }
        Ok(drafts)
    }

    async fn read(&self, draft: String, mark: Reserved) -> Result<Option<OpenDraft>, StoreError> {
        let content = match self.0.read(&mark.path, None, None).await {
            Ok(content) => content.try_collect::<Vec<_>>().await?.concat(),
            // Somebody was done with it meanwhile.
            Err(error) if error.kind == StoreErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(RelPath::new(content).ok().map(|path| OpenDraft { path, draft, since: mark.since }))
    }
}

fn name_of(mark: &RelPath) -> Option<String> {
    let name = mark.as_str()?.strip_prefix(DRAFTS)?.strip_prefix('/')?;
    is_name(name).then(|| name.to_owned())
}

/// A name that comes from elsewhere is a part of keys: it has to be one of ours.
fn is_name(draft: &str) -> bool {
    draft.len() == 32 && draft.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
