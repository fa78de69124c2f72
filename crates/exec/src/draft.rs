use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncplan_model::plan::ActionId;
use syncplan_model::{Digest, Token};
use syncplan_state::{Journal, StateError, Transfer};
use tokio::sync::Semaphore;

use crate::error::chain;
use crate::place::View;

/// So much content of parts is in memory at once, in units of [`UNIT`] bytes: 128 MiB.
const ROOM: u32 = 2048;
pub(crate) const UNIT: u64 = 64 << 10;

/// Transfers in parts that were begun and are not done, in this run or an earlier one.
pub(crate) struct Drafts {
    open: Mutex<HashMap<ActionId, Arc<Draft>>>,
    room: Arc<Semaphore>,
}

/// A transfer in parts, as far as it came.
pub(crate) struct Draft {
    /// What the store knows it by.
    pub(crate) name: String,
    action: ActionId,
    part_size: u64,
    size: u64,
    source: Option<Token>,
    /// The digests of parts that are there, or will be as soon as they arrive.
    parts: Mutex<HashMap<u32, Digest>>,
}

impl Drafts {
    /// Those that earlier runs left.
    pub(crate) fn of(transfers: HashMap<ActionId, Transfer>) -> Self {
        let open = transfers.into_iter().map(|(id, transfer)| (id, Arc::new(Draft::of(transfer))));
        Self { open: Mutex::new(open.collect()), room: Arc::new(Semaphore::new(ROOM as usize)) }
    }

    pub(crate) fn get(&self, action: &ActionId) -> Option<Arc<Draft>> {
        self.open().get(action).cloned()
    }

    /// Puts a draft on record before anything is put into it.
    pub(crate) async fn begin(
        &self,
        transfer: Transfer,
        journal: &Journal,
    ) -> Result<Arc<Draft>, StateError> {
        journal.begin_transfer(&transfer).await?;
        let (action, draft) = (transfer.action, Arc::new(Draft::of(transfer)));
        self.open().insert(action, Arc::clone(&draft));
        Ok(draft)
    }

    /// The draft became a file, or is gone.
    pub(crate) fn forget(&self, action: &ActionId) {
        self.open().remove(action);
    }

    /// Throws an action's draft away, if it has one: nobody will go on with it.
    pub(crate) async fn abandon(&self, view: &View<'_>) {
        let draft = self.open().remove(&view.action.id);
        let (Some(draft), Some(partial)) = (draft, view.target.store.partial_writes()) else { return };
        if let Err(error) = partial.abandon(&view.target.path, &draft.name).await {
            // It is in nobody's way but costs room, until `gc` finds it.
            tracing::warn!(error = chain(&error), "an unfinished transfer is left");
        }
    }

    /// Where parts ask for room in memory, in units of [`UNIT`] bytes. One that needs more than there is asks for
    /// all of it.
    pub(crate) fn room(&self, bytes: u64) -> (Arc<Semaphore>, u32) {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(ROOM).clamp(1, ROOM);
        (Arc::clone(&self.room), units)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ActionId, Arc<Draft>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Draft {
    fn of(transfer: Transfer) -> Self {
        let Transfer { action, draft, part_size, size, source, parts } = transfer;
        Self { name: draft, action, part_size, size, source, parts: Mutex::new(parts.into_iter().collect()) }
    }

    /// Whether parts of this content, cut like this, can be added to it. Without a token nobody knows
    /// whether the content is still the same.
    pub(crate) fn fits(&self, size: u64, part_size: u64, source: Option<&Token>) -> bool {
        source.is_some() && self.source.as_ref() == source && (self.size, self.part_size) == (size, part_size)
    }

    /// What a part that was put, or was about to be, has for content.
    pub(crate) fn digest(&self, number: u32) -> Option<Digest> {
        self.parts().get(&number).copied()
    }

    /// Puts a part on record, durably.
    pub(crate) async fn record(
        &self,
        number: u32,
        digest: Digest,
        journal: &Journal,
    ) -> Result<(), StateError> {
        journal.note_parts(&self.action, &[(number, digest)]).await?;
        self.parts().insert(number, digest);
        Ok(())
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<u32, Digest>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
