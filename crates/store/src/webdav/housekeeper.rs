use std::collections::VecDeque;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use syncplan_model::plan::{STAGE_DIR, TRASH_DIR};
use syncplan_model::{EntryKind, RESERVED_DIR, RelPath, TEMPORARY_PREFIX, is_below};

use super::WebdavStore;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Housekeeping, OpenDraft, Reserved};

#[async_trait]
impl Housekeeping for WebdavStore {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        let folders = VecDeque::from([None]);
        stream::unfold(folders, async |mut folders: VecDeque<Option<RelPath>>| {
            let dir = folders.pop_front()?;
            let found = match self.find(dir.as_ref()).await {
                // It vanished since its name was read.
                Err(error) if dir.is_some() && error.kind == StoreErrorKind::NotFound => Vec::new(),
                Err(error) => vec![Err(error)],
                Ok(batch) => {
                    let inner = batch.entries.iter().filter(|entry| entry.facts.kind == EntryKind::Dir);
                    folders.extend(inner.map(|entry| Some(entry.path.clone())));
                    let ours = batch.entries.into_iter().filter(|entry| is_kept(&entry.path));
                    ours.map(|entry| Ok(self.reserved_at(entry))).collect()
                }
            };
            Some((stream::iter(found), folders))
        })
        .flatten()
        .boxed()
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        // A draft is a temporary, and has a place among the files.
        Ok(Vec::new())
    }
}

impl WebdavStore {
    fn reserved_at(&self, entry: syncplan_model::Entry) -> Reserved {
        // What was kept has the time of its original, and a temporary that of what it will be: both seem old, and
        // may be of this second. Some servers that take no times still keep them when they copy.
        let is_kept =
            [TRASH_DIR, STAGE_DIR].iter().any(|folder| is_below(entry.path.as_bytes(), folder.as_bytes()));
        let is_temporary = entry.path.components().any(|name| name.starts_with(TEMPORARY_PREFIX.as_bytes()));
        let tells = self.honoured.get().is_some_and(|honoured| !honoured.keeps_times());
        let since = entry.facts.mtime.filter(|_| !is_kept && (tells || !is_temporary));
        Reserved { path: entry.path, facts: entry.facts, since }
    }
}

/// Whether it is ours; the folder of all that is kept is not kept itself.
fn is_kept(path: &RelPath) -> bool {
    path.is_reserved() && path.as_bytes() != RESERVED_DIR.as_bytes()
}
