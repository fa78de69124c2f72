use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use syncplan_failpoint::hit;
use syncplan_model::{Capability, ContentHashes, Facts, Mtime};
use syncplan_store::{
    Attributes, Described, Guarded, Metadata, Precondition, StoreError, StoreErrorKind, WriteOptions,
};

use crate::event::Event;
use crate::parts::{Content, goes_in_parts, write_in_parts};
use crate::place::{Obstacle, Place, View};
use crate::trash;
use crate::verified::Verified;
use crate::worker::{Effect, Worker};

/// Content up to this many bytes is hashed before it is sent to a store that cannot be read cheaply,
/// so that its digest can stand beside it: whoever finds the object later need not fetch it.
const SMALL: u64 = 1 << 20;

/// Brings content from one side to the other, hashing it on the way.
pub(crate) async fn transfer(worker: &Worker, at: usize, view: &View<'_>) -> Result<Effect, Obstacle> {
    let source = view.source()?;
    let token = source.token().await.map_err(Obstacle::at_source)?;
    let Some(planned) = source.expected.facts() else {
        return Err(Obstacle::Mismatch("the action expects nothing to read".to_owned()));
    };
    let Beside { mtime, attributes } = beside(view, source, planned).await?;
    let result = view.result();
    let digest = result.as_ref().and_then(|facts| facts.digest).or(planned.digest);
    let mode = result.and_then(|facts| facts.mode).or(planned.mode);
    let metadata = Metadata { mtime, mode, digest, attributes };
    let content = Content { source, token: token.clone(), size: planned.size, digest, metadata };
    let (written, hashes) = match goes_in_parts(view) {
        // Rarely needed, and large: it has a place of its own.
        Some(partial) => write_in_parts(worker, at, view, partial, content).boxed().await?,
        None => write_whole(worker, at, view, content).await?,
    };
    let planned = Facts { token, mtime, ..planned.clone() };
    Ok(transferred(view, source, written, planned, &hashes))
}

/// Writes content as it is read.
async fn write_whole(
    worker: &Worker,
    at: usize,
    view: &View<'_>,
    content: Content<'_>,
) -> Result<(Facts, ContentHashes), Obstacle> {
    let Content { source, token, size, digest, metadata } = content;
    let target = &view.target;
    let content = source.store.read(&source.path, None, token.as_ref()).await.map_err(unreadable(source))?;
    let content = worker.bandwidth.of_task(&view.action.task).hold(content);
    let (events, plan) = (Arc::clone(&worker.job.events), Arc::clone(&worker.job.plan));
    let on_bytes = Box::new(move |bytes| {
        hit("exec/read");
        events(Event::Progress { action: &plan.actions()[at], bytes });
    });
    let (content, passed) =
        Verified::new(content, source.path.clone(), size, &view.sides.sample, digest, on_bytes);
    let failed =
        |error| if passed.source_failed() { unreadable(source)(error) } else { Obstacle::Store(error) };
    let mut content = content.boxed();
    if digest.is_none() && size <= SMALL && !target.store.capabilities().has(Capability::CheapReads) {
        let chunks: Vec<_> = content.try_collect().await.map_err(failed)?;
        content = stream::iter(chunks.into_iter().map(Ok)).boxed();
    }
    let digest = digest.or_else(|| passed.hashes().map(|hashes| hashes.digest));
    let metadata = Metadata { digest, ..metadata };
    let precondition = write_precondition(view).await?;
    let options = WriteOptions { size, precondition, metadata, temporary: worker.temporary(at) };
    let written = target.store.write(&target.path, content, options).await.map_err(failed)?;
    // A store that answers before it has seen everything cannot have written it.
    let hashes = passed.hashes();
    let hashes = hashes.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, "write", &target.path))?;
    Ok((written, hashes))
}

/// What goes with content.
struct Beside {
    /// When it was modified.
    mtime: Option<Mtime>,
    /// What is kept for others, where both sides keep such.
    attributes: Option<Attributes>,
}

/// What the plan does not say and the target can keep, the source is asked for.
async fn beside(view: &View<'_>, source: &Place, planned: &Facts) -> Result<Beside, Obstacle> {
    let mtime = view.result().and_then(|facts| facts.mtime).or(planned.mtime);
    let target = &view.target.store;
    let dated = mtime.is_some() || !target.capabilities().has(Capability::SetMtime);
    let attributed = !source.store.keeps_attributes() || !target.keeps_attributes();
    if dated && attributed {
        return Ok(Beside { mtime, attributes: None });
    }
    let found = source.store.describe(&source.path).await.map_err(Obstacle::Source)?;
    let Some(Described { facts, attributes }) = found else { return Ok(Beside { mtime, attributes: None }) };
    let mtime = if dated { mtime } else { facts.mtime };
    Ok(Beside { mtime, attributes: attributes.filter(|_| !attributed) })
}

/// Creates a symbolic link as the other side has it.
pub(crate) async fn link(view: &View<'_>) -> Result<Effect, Obstacle> {
    let (source, target) = (view.source()?, &view.target);
    let found = source.verified().await.map_err(Obstacle::at_source)?;
    let Some(text) = found.as_ref().and_then(|facts| facts.target.clone()) else {
        return Err(Obstacle::Mismatch(format!("`{}` ({}): the link has no text", source.path, source.side)));
    };
    let precondition = write_precondition(view).await?;
    let facts = target.store.create_symlink(&target.path, &text, precondition).await?;
    Ok(Effect { read: found, ..Effect::at_target(view, Some(facts)) })
}

/// What the store is to hold the target of a write to.
pub(crate) async fn write_precondition(view: &View<'_>) -> Result<Precondition, Obstacle> {
    let create = view.target.expected.facts().is_none();
    trash::precondition(view, if create { Guarded::Create } else { Guarded::Replace }).await
}

fn transferred(
    view: &View<'_>,
    source: &Place,
    written: Facts,
    read: Facts,
    hashes: &ContentHashes,
) -> Effect {
    let hashed = |facts: Facts| Facts {
        digest: Some(hashes.digest),
        fingerprint: hashes.fingerprint.or(facts.fingerprint),
        ..facts
    };
    let mut effect = Effect::at_target(view, Some(hashed(written)));
    effect.bytes = hashes.len;
    let (known, read) = (read.digest.is_some(), hashed(read));
    // What is known of the source already needs no second record.
    if !known && read.token.is_some() {
        effect.learned.push((source.side, source.path.clone(), Some(read.clone())));
    }
    effect.read = Some(read);
    effect
}

/// Says that it is the source which is not as expected.
pub(crate) fn unreadable(source: &Place) -> impl Fn(StoreError) -> Obstacle {
    move |error| match error.kind {
        StoreErrorKind::Changed | StoreErrorKind::Precondition | StoreErrorKind::NotFound => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let what = match error.kind {
                StoreErrorKind::NotFound => "it is gone",
                _ => "it changed since the plan was made",
            };
            Obstacle::Mismatch(format!("`{}` ({}): {what}{cause}", source.path, source.side))
        }
        _ => Obstacle::Source(error),
    }
}
