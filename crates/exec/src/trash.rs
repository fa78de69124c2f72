use syncplan_failpoint::hit;
use syncplan_model::{Capability, Facts, RelPath, Token};
use syncplan_state::Trashed;
use syncplan_store::{Guarded, MoveOptions, Precondition, StoreError, StoreErrorKind};

use crate::check::describe;
use crate::error::chain;
use crate::place::{Obstacle, Place, View};
use crate::worker::Worker;

/// What the store is to hold the target to. Where the action says so, what stands there is kept
/// before: whoever asks is about to replace it.
pub(crate) async fn precondition(view: &View<'_>, guarded: Guarded) -> Result<Precondition, Obstacle> {
    match &view.action.trash {
        Some(trash) => Ok(keep(&view.target, trash).await?.map_or(Precondition::Any, Precondition::Token)),
        None => view.target.precondition(guarded).await,
    }
}

/// Moves what stands at the target into the trash.
pub(crate) async fn discard(target: &Place, trash: &RelPath, token: Option<Token>) -> Result<(), Obstacle> {
    if target.store.capabilities().has(Capability::AtomicRename) {
        let options = MoveOptions { expect: token, precondition: Precondition::Absent, temporary: None };
        match target.store.rename(&target.path, trash, options).await {
            Ok(_) => {
                hit("exec/trashed");
                return Ok(());
            }
            // The trash has something of that name, or is on another file system.
            Err(error)
                if matches!(error.kind, StoreErrorKind::Precondition | StoreErrorKind::Unsupported) => {}
            Err(error) => return Err(unkept(target, error).await),
        }
    }
    let token = keep(target, trash).await?;
    Ok(target.store.delete(&target.path, token.as_ref()).await?)
}

/// Has what stands at the target stand in the trash as well; answers its token from then on.
async fn keep(target: &Place, trash: &RelPath) -> Result<Option<Token>, Obstacle> {
    let token = target.token().await?;
    let kept = match target.store.preserve(&target.path, trash, token.as_ref()).await {
        Err(error) if error.kind == StoreErrorKind::Precondition => {
            kept_before(target, trash).await?.ok_or(error)?
        }
        Err(error) => return Err(unkept(target, error).await),
        Ok(kept) => kept,
    };
    hit("exec/trashed");
    Ok(kept.token)
}

/// Where what is to be kept still stands as expected, it is the trash that cannot take it: planning again
/// would not help.
async fn unkept(target: &Place, error: StoreError) -> Obstacle {
    let in_place = target.look().await.is_ok_and(|found| target.mismatch(found.as_ref()).is_none());
    if in_place && matches!(error.kind, StoreErrorKind::NotDirectory | StoreErrorKind::NotFound) {
        return Obstacle::Failed(format!(
            "the {} side cannot keep it in the trash: {}",
            target.side,
            chain(&error)
        ));
    }
    error.into()
}

/// What is in the trash because of an action that is done, by this try or an earlier one; nothing if it
/// found nothing to keep.
pub(crate) async fn register(worker: &Worker, view: &View<'_>) -> Option<Trashed> {
    let (trash, target) = (view.action.trash.as_ref()?, &view.target);
    let before = target.expected.facts()?;
    match worker.ask(view.action, target.side, || target.store.stat(trash)).await {
        Ok(kept) => {
            let kept = kept.filter(|kept| (kept.kind, kept.size) == (before.kind, before.size))?;
            let facts = Facts {
                digest: kept.digest.or(before.digest),
                fingerprint: kept.fingerprint.or(before.fingerprint),
                ..kept
            };
            let (task, side) = (view.action.task.clone(), target.side);
            Some(Trashed { task, side, path: trash.clone(), from: target.path.clone(), facts })
        }
        // It is there all the same; only `undo` will not know of it.
        Err(error) => {
            tracing::warn!(error = chain(&error), "what is in the trash could not be looked at");
            None
        }
    }
}

/// How what was found at the target differs from what was expected, if an earlier try that kept it is
/// not the reason.
pub(crate) async fn mismatch(view: &View<'_>, found: Option<&Facts>) -> Result<Option<String>, StoreError> {
    let Some(difference) = view.target.mismatch(found) else { return Ok(None) };
    match &view.action.trash {
        Some(trash) if kept_before(&view.target, trash).await?.is_some() => Ok(None),
        _ => Ok(Some(difference)),
    }
}

/// What stands at the target, if an earlier try kept that very file: giving it a second name changed
/// its token, and nothing else.
async fn kept_before(target: &Place, trash: &RelPath) -> Result<Option<Facts>, StoreError> {
    let (found, kept) = (target.look().await?, target.store.stat(trash).await?);
    let is_same = is_same(found.as_ref(), kept.as_ref());
    Ok(found.filter(|found| is_same && target.mismatch_but_token(Some(found)).is_none()))
}

/// What stands in the way of keeping what was found at the target, as far as can be told without
/// reading.
pub(crate) async fn obstruction(
    view: &View<'_>,
    found: Option<&Facts>,
) -> Result<Option<String>, StoreError> {
    let (Some(trash), Some(found)) = (&view.action.trash, found) else { return Ok(None) };
    let kept = view.target.store.stat(trash).await?;
    let other = kept.filter(|kept| (kept.kind, kept.size) != (found.kind, found.size));
    let side = view.target.side;
    Ok(other.map(|kept| format!("`{trash}` ({side}): expected nothing, found {}", describe(&kept))))
}

/// Nothing will be replaced: what was kept for it goes again, where it still stands at its place.
pub(crate) async fn take_back(view: &View<'_>) {
    let (target, Some(trash)) = (&view.target, &view.action.trash) else { return };
    let (Ok(found), Ok(kept)) = (target.look().await, target.store.stat(trash).await) else { return };
    if is_same(found.as_ref(), kept.as_ref())
        && let Err(error) = target.store.delete(trash, kept.and_then(|kept| kept.token).as_ref()).await
    {
        tracing::warn!(error = chain(&error), "something is left in the trash");
    }
}

/// Whether the same stands under two names, as a token tells that both have: one file, or two objects of
/// one content.
fn is_same(a: Option<&Facts>, b: Option<&Facts>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a.token.is_some() && a.token == b.token)
}
