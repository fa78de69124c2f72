use syncplan_model::plan::Op;
use syncplan_model::{EntryKind, Facts};
use syncplan_store::StoreError;

use crate::act::put_metadata;
use crate::cancel::Cancel;
use crate::check::{Proof, mismatch, satisfies};
use crate::confirm::whole;
use crate::merge::settle_merge;
use crate::place::{Place, View};
use crate::relocate::relocated;
use crate::trash;
use crate::worker::Effect;

/// Whether the action's result is there already, although what it expects is not: an earlier run,
/// or this one, did it, and the answer was lost. A move whose copy arrived is completed.
///
/// Answers nothing if the result is not there, or if too little is known to say so.
pub(crate) async fn settle(view: &View<'_>, cancel: &Cancel) -> Result<Option<Effect>, StoreError> {
    let found = view.target.look().await?;
    match view.action.op {
        Op::Delete | Op::Rmdir => Ok(found.is_none().then(|| Effect::at_target(view, None))),
        Op::Mkdir => Ok(found
            .filter(|facts| facts.kind == EntryKind::Dir)
            .map(|facts| Effect::at_target(view, Some(facts)))),
        Op::SetMetadata => settle_metadata(view, found).await,
        Op::Upload | Op::Download | Op::Copy => settle_content(view, found).await,
        Op::Move | Op::Stage | Op::Install => settle_move(view, found).await,
        Op::Run => settle_merge(view, found, cancel).await,
        Op::Record | Op::Dump | Op::Restore | Op::Prune => Ok(None),
    }
}

/// How the places differ from what the action expects, if they do.
pub(crate) async fn contradiction(view: &View<'_>) -> Result<Option<String>, StoreError> {
    if let Some(source) = &view.source
        && let Some(difference) = source.mismatch(source.look().await?.as_ref())
    {
        return Ok(Some(difference));
    }
    trash::mismatch(view, view.target.look().await?.as_ref()).await
}

/// Whether the result is there, whatever became of the source since.
///
/// Size and time alone could be another's work; together with the record that this action was
/// begun they are not.
fn suffices(view: &View<'_>, proof: Proof) -> bool {
    proof == Proof::Content || view.begun
}

async fn settle_content(view: &View<'_>, found: Option<Facts>) -> Result<Option<Effect>, StoreError> {
    let Some((found, proof)) = proven(view, found.clone()) else { return settle_unknown(view, found).await };
    if !suffices(view, proof) && !source_is_as_expected(view).await? {
        return Ok(None);
    }
    Ok(Some(Effect::at_target(view, Some(found))))
}

/// The plan may know the size of what was to arrive and nothing else, as of an object that was only listed.
/// Then it is the source that tells whether an earlier try brought it: by its time, or by its content.
async fn settle_unknown(view: &View<'_>, found: Option<Facts>) -> Result<Option<Effect>, StoreError> {
    let (Some(found), Some(source), Some(result)) = (found, &view.source, view.result()) else {
        return Ok(None);
    };
    let is_unknown = result.digest.is_none() && result.mtime.is_none();
    let alike = result.kind == EntryKind::File && (found.kind, found.size) == (result.kind, result.size);
    if !view.begun || !is_unknown || !alike {
        return Ok(None);
    }
    let left = source.look().await?.filter(|left| source.mismatch(Some(left)).is_none());
    let Some(left) = left else { return Ok(None) };
    let times = left.mtime.zip(found.mtime);
    let is_same = times.is_some_and(|(a, b)| a.agrees_with(b, view.target.precision()))
        || same_content(view, source, &left, &found).await?;
    Ok(is_same.then(|| Effect::at_target(view, Some(found))))
}

async fn settle_move(view: &View<'_>, found: Option<Facts>) -> Result<Option<Effect>, StoreError> {
    let Some(source) = &view.source else { return Ok(None) };
    let Some((found, proof)) = proven(view, found) else { return Ok(None) };
    let left = source.look().await?;
    let Some(left) = left else { return Ok(Some(relocated(view, source, found))) };
    if mismatch(&source.expected, Some(&left), source.precision()).is_some() {
        // Something else stands there by now; what was moved has arrived all the same.
        return Ok(suffices(view, proof).then(|| Effect::at_target(view, Some(found))));
    }
    if proof == Proof::SizeAndTime && !same_content(view, source, &left, &found).await? {
        return Ok(None);
    }
    source.store.delete(&source.path, left.token.as_ref()).await?;
    Ok(Some(relocated(view, source, found)))
}

/// What was found, if it is the action's result, with what is known of it by that.
fn proven(view: &View<'_>, found: Option<Facts>) -> Option<(Facts, Proof)> {
    let (mut found, result) = (found?, view.result()?);
    let proof = satisfies(&result, &found, view.target.precision())?;
    if proof == Proof::Content {
        found.digest = found.digest.or(result.digest);
        found.fingerprint = found.fingerprint.or(result.fingerprint);
    }
    Some((found, proof))
}

/// Time and permission bits are set one after the other: a run may have ended between them.
async fn settle_metadata(view: &View<'_>, found: Option<Facts>) -> Result<Option<Effect>, StoreError> {
    let Some(found) = found else { return Ok(None) };
    if has_metadata(view, &found) {
        return Ok(Some(Effect::at_target(view, Some(found))));
    }
    match view.begun && is_half_set(view, &found) {
        true => put_metadata(view, found.token).await.map(Some),
        false => Ok(None),
    }
}

/// Whether time and permission bits are each as they were or as they are to be, and all else is as it was.
fn is_half_set(view: &View<'_>, found: &Facts) -> bool {
    let (Some(before), Some(wanted)) = (view.target.expected.facts(), view.action.result.as_deref()) else {
        return false;
    };
    let precision = view.target.precision();
    let of_either = |is: &dyn Fn(&Facts) -> bool| is(before) || is(wanted);
    let time = |facts: &Facts| facts.mtime.zip(found.mtime).is_some_and(|(a, b)| a.agrees_with(b, precision));
    // Where nothing was set, nothing has to be settled.
    found.token != before.token
        && (found.kind, found.size) == (before.kind, before.size)
        && of_either(&time)
        && of_either(&|facts| facts.mode == found.mode)
}

fn has_metadata(view: &View<'_>, found: &Facts) -> bool {
    let Some(result) = view.action.result.as_deref() else { return false };
    let mode = result.mode.zip(found.mode).is_none_or(|(a, b)| a == b);
    let digest = result.digest.zip(found.digest).is_none_or(|(a, b)| a == b);
    let mtime = result.mtime.zip(found.mtime).is_none_or(|(a, b)| a.agrees_with(b, view.target.precision()));
    result.kind == found.kind && result.size == found.size && mode && digest && mtime
}

async fn source_is_as_expected(view: &View<'_>) -> Result<bool, StoreError> {
    match &view.source {
        Some(source) => Ok(source.mismatch(source.look().await?.as_ref()).is_none()),
        None => Ok(false),
    }
}

async fn same_content(
    view: &View<'_>,
    source: &Place,
    left: &Facts,
    found: &Facts,
) -> Result<bool, StoreError> {
    let ours = whole(source.store.as_ref(), &source.path, left.token.as_ref()).await?;
    let theirs = whole(view.target.store.as_ref(), &view.target.path, found.token.as_ref()).await?;
    Ok(ours == theirs)
}
