use syncplan_failpoint::hit;
use syncplan_model::Facts;
use syncplan_store::{Guarded, MoveOptions, StoreErrorKind};

use crate::place::{Obstacle, Place, View};
use crate::trash;
use crate::worker::{Effect, Worker};

/// Copies within one side.
pub(crate) async fn copy(worker: &Worker, at: usize, view: &View<'_>) -> Result<Effect, Obstacle> {
    let (source, target) = (view.source()?, &view.target);
    let options = MoveOptions { temporary: worker.temporary(at), ..options(view, Guarded::Copy).await? };
    let facts = target.store.copy(&source.path, &target.path, options).await?;
    Ok(Effect::at_target(view, Some(carried_over(source, facts))))
}

/// Moves within one side; on a store without a rename, copies and then removes.
pub(crate) async fn relocate(view: &View<'_>) -> Result<Effect, Obstacle> {
    let (source, target) = (view.source()?, &view.target);
    let options = options(view, Guarded::Rename).await?;
    let facts = match target.store.rename(&source.path, &target.path, options.clone()).await {
        Err(error) if error.kind == StoreErrorKind::Unsupported => {
            // The copy takes nothing away, and the removal takes only what was copied.
            let expect = options.expect.clone();
            let facts = target.store.copy(&source.path, &target.path, options).await?;
            // The two may be on file systems of their own: the copy is durable before the original goes.
            target.store.sync().await?;
            hit("exec/moved-half");
            source.store.delete(&source.path, expect.as_ref()).await?;
            facts
        }
        facts => facts?,
    };
    Ok(relocated(view, source, facts))
}

/// What is known after a move.
pub(crate) fn relocated(view: &View<'_>, source: &Place, facts: Facts) -> Effect {
    let mut effect = Effect::at_target(view, Some(carried_over(source, facts)));
    effect.learned.push((source.side, source.path.clone(), None));
    effect
}

async fn options(view: &View<'_>, guarded: Guarded) -> Result<MoveOptions, Obstacle> {
    let create = view.target.expected.facts().is_none();
    let expect = view.source()?.token().await?;
    let precondition = trash::precondition(view, if create { guarded } else { Guarded::Replace }).await?;
    Ok(MoveOptions { expect, precondition, temporary: None })
}

/// Content that did not pass through here is still known by what was known of it before.
fn carried_over(source: &Place, facts: Facts) -> Facts {
    let before = source.expected.facts();
    Facts {
        digest: facts.digest.or(before.and_then(|before| before.digest)),
        fingerprint: facts.fingerprint.or(before.and_then(|before| before.fingerprint)),
        ..facts
    }
}
