//! The index that machines share on the remote side of a task: what they know of what stands there.

use syncplan_exec::{read_index, write_index};
use syncplan_model::plan::Side;
use syncplan_model::{Capability, Digest, EntryKind, Facts, Snapshot, TaskName, Token};
use syncplan_state::{SharedIndex, State};
use syncplan_store::Store;

use crate::failure::Failure;

/// An index of so few entries is written whenever there is something to tell.
const FEW: u64 = 2_000;

/// A longer one is written once so many entries to one of those that changed are already in it: what a
/// change costs does not grow with what stands there.
const SHARE: u64 = 100;

/// What was found of a shared index at the beginning of a scan.
pub(crate) struct Shared {
    /// What it says, if it says anything that is not known here.
    pub(crate) content: Option<Snapshot>,
    token: Option<Token>,
    before: Option<SharedIndex>,
}

/// Whether a place is worth an index: where content is as cheap to read as an index is, it is not.
pub(crate) fn may_be_indexed(store: &dyn Store) -> bool {
    !store.capabilities().has(Capability::CheapReads)
}

impl Shared {
    /// Reads the index, unless it is the one that was read last and all of it is still known here.
    pub(crate) async fn read(
        state: &State,
        store: &dyn Store,
        task: &TaskName,
        source: &Digest,
        is_known: bool,
    ) -> Result<Self, Failure> {
        let before = state.shared_index(task, source).await?.filter(|_| is_known);
        let known = before.as_ref().and_then(|before| before.token.as_ref());
        let found = read_index(store, task, known).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "what other machines know of {task} cannot be read");
            None
        });
        let Some(found) = found else { return Ok(Self { content: None, token: None, before }) };
        let is_good = found.content.is_some() || (known.is_some() && found.token.as_ref() == known);
        Ok(Self { token: found.token.filter(|_| is_good), content: found.content, before })
    }

    /// Remembers which one it was, and how much is known here that it does not have.
    pub(crate) async fn remember(
        &self,
        state: &State,
        task: &TaskName,
        source: &Digest,
        snapshot: &Snapshot,
    ) -> Result<(), Failure> {
        let now = match (&self.before, &self.content) {
            // As it was, or lost; what this scan brought to light besides is not counted.
            (Some(before), None) => SharedIndex { token: self.token.clone(), ..before.clone() },
            (_, Some(content)) => {
                let (entries, pending) = (content.entries(), untold(snapshot, content));
                SharedIndex { token: self.token.clone(), entries, pending }
            }
            (None, None) => SharedIndex { token: self.token.clone(), ..SharedIndex::default() },
        };
        if self.before.as_ref() != Some(&now) {
            state.save_shared_index(task, source, &now).await?;
        }
        Ok(())
    }
}

/// How many files something is known of that an index does not say.
fn untold(snapshot: &Snapshot, index: &Snapshot) -> u64 {
    let (mut known, mut told, mut count) = (snapshot.cursor(), index.cursor(), 0);
    while let Some(entry) = known.current() {
        told.seek(entry.path.as_bytes());
        let told = told.current().filter(|told| told.path == entry.path).map(|told| &told.facts);
        count +=
            u64::from(is_hashed(&entry.facts) && !told.is_some_and(|told| says_as_much(told, &entry.facts)));
        known.advance();
    }
    count
}

fn is_hashed(facts: &Facts) -> bool {
    let hashed = facts.digest.is_some() || facts.fingerprint.is_some() || facts.vouched.is_some();
    facts.kind == EntryKind::File && hashed
}

fn says_as_much(told: &Facts, known: &Facts) -> bool {
    told.token == known.token && (told.digest.is_some() || known.digest.is_none()) && is_hashed(told)
}

/// Tells other machines what is known here of the remote side after a run, where there is enough to tell.
/// To fail at that is no failure.
pub(crate) async fn tell(
    state: &State,
    store: &dyn Store,
    task: &TaskName,
    source: &Digest,
) -> Result<(), Failure> {
    let before = state.shared_index(task, source).await?.unwrap_or_default();
    let learned = state.learned(task, Side::Remote).await?.len() as u64;
    let pending = before.pending.saturating_add(learned);
    let enough = before.entries < FEW || pending >= before.entries / SHARE;
    if before.token.is_some() && (pending == 0 || !enough) {
        return Ok(());
    }
    let Some(known) = state.load_snapshot(task, Side::Remote, source).await? else { return Ok(()) };
    if before.token.is_none() && known.entries() == 0 {
        return Ok(());
    }
    match write_index(store, task, &known, before.token.as_ref()).await {
        Ok(Some((token, entries))) => {
            let index = SharedIndex { token, entries, pending: 0 };
            Ok(state.save_shared_index(task, source, &index).await?)
        }
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "other machines could not be told what is known of {task}");
            Ok(())
        }
    }
}
