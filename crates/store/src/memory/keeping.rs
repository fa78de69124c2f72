use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::MemoryStore;
use crate::error::StoreError;
use crate::store::{Housekeeping, OpenDraft, Reserved};

#[async_trait]
impl Housekeeping for MemoryStore {
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>> {
        let state = self.state();
        let reserved = state.objects.iter().filter(|(path, _)| path.is_reserved());
        let found: Vec<_> = reserved
            .map(|(path, object)| {
                Ok(Reserved { path: path.clone(), facts: object.facts.clone(), since: Some(object.since) })
            })
            .collect();
        stream::iter(found).boxed()
    }

    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError> {
        let state = self.state();
        let drafts = state.drafts.iter().map(|(name, draft)| OpenDraft {
            path: draft.path.clone(),
            draft: name.clone(),
            since: Some(draft.since),
        });
        Ok(drafts.collect())
    }
}
