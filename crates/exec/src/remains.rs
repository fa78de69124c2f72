use syncplan_model::plan::{Op, TRASH_DIR};
use syncplan_model::{Capability, EntryKind, Facts, RelPath};
use syncplan_store::{MoveOptions, Precondition, StoreError};

use crate::confirm::{digest_of, whole};
use crate::error::chain;
use crate::place::{Place, View};

/// Clears away what a power loss left of an action that an earlier run had begun, so that it finds its gap
/// as it was planned.
///
/// A new file takes its name before its content is on the disk; only the commit of many syncs it. After a
/// power loss it may stand there with its time and without all of its content. It is told from others'
/// files by the record that the action was begun, by that time, and by being no longer than planned.
pub(crate) async fn clear(view: &View<'_>) {
    if let Err(error) = try_clear(view).await {
        tracing::warn!(error = chain(&error), "what an interrupted run left could not be looked at");
    }
}

async fn try_clear(view: &View<'_>) -> Result<(), StoreError> {
    let (Some(source), Some(result)) = (&view.source, view.result()) else { return Ok(()) };
    if !fills_a_gap_in_a_folder(view) {
        return Ok(());
    }
    let target = &view.target;
    let Some(found) = target.look().await?.filter(|found| may_be_remains(found, &result, target)) else {
        return Ok(());
    };
    let is_beginning = found.size == 0 || begins_with(source, target, &found).await?;
    match (is_beginning, found.size == result.size) {
        (true, true) => Ok(()),
        (true, false) => target.store.delete(&target.path, found.token.as_ref()).await,
        // Nobody knows what it is, and the next plan would take it for the result by its size and time.
        (false, _) => keep(view, found).await,
    }
}

/// What replaces something is on the disk before it takes its place, and buckets are durable.
fn fills_a_gap_in_a_folder(view: &View<'_>) -> bool {
    let capabilities = view.target.store.capabilities();
    let in_a_folder =
        [Capability::Directories, Capability::CheapReads].into_iter().all(|it| capabilities.has(it));
    let fills = view.action.op.transfers() || view.action.op == Op::Copy;
    fills && in_a_folder && view.target.expected.facts().is_none()
}

fn may_be_remains(found: &Facts, result: &Facts, target: &Place) -> bool {
    let of_its_time =
        found.mtime.zip(result.mtime).is_some_and(|(a, b)| a.agrees_with(b, target.precision()));
    found.kind == EntryKind::File
        && result.kind == EntryKind::File
        && of_its_time
        && found.size <= result.size
}

async fn begins_with(source: &Place, target: &Place, found: &Facts) -> Result<bool, StoreError> {
    let token = source.expected.facts().and_then(|facts| facts.token.as_ref());
    let ours = source.store.read(&source.path, Some(0..found.size), token).await?;
    let theirs = whole(target.store.as_ref(), &target.path, found.token.as_ref()).await?;
    Ok(digest_of(ours).await? == theirs)
}

async fn keep(view: &View<'_>, found: Facts) -> Result<(), StoreError> {
    let target = &view.target;
    let folder = RelPath::new(format!("{TRASH_DIR}/{}", view.action.id));
    let Ok(kept) = folder.and_then(|folder| folder.join(&target.path)) else { return Ok(()) };
    tracing::warn!(path = %target.path, %kept, "what an interrupted run left there is kept");
    let options = MoveOptions { expect: found.token, precondition: Precondition::Absent, temporary: None };
    target.store.rename(&target.path, &kept, options).await.map(drop)
}
