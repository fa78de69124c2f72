use syncplan_model::plan::Op;
use syncplan_model::{EntryKind, Facts, Token};
use syncplan_store::{Guarded, Metadata, StoreError};

use crate::merge::merge;
use crate::place::{Obstacle, View};
use crate::relocate::{copy, relocate};
use crate::transfer::{link, transfer};
use crate::trash::discard;
use crate::worker::{Effect, Worker};

/// Does what the action says, held to what it expects as firmly as the stores can.
pub(crate) async fn act(worker: &Worker, at: usize, view: &View<'_>) -> Result<Effect, Obstacle> {
    match view.action.op {
        Op::Upload | Op::Download if is_link(view) => link(view).await,
        Op::Upload | Op::Download => transfer(worker, at, view).await,
        Op::Copy => copy(worker, at, view).await,
        Op::Move | Op::Stage | Op::Install => relocate(view).await,
        Op::Delete => delete(view).await,
        Op::Mkdir => create_dir(view).await,
        Op::Rmdir => remove_dir(view).await,
        Op::SetMetadata => set_metadata(view).await,
        // The scan saw it, and a later change shows in its token.
        Op::Record => Ok(Effect::default()),
        Op::Run => merge(worker, at, view).await,
        // A job with any of these does not begin.
        Op::Dump | Op::Restore | Op::Prune => {
            Err(Obstacle::Mismatch(format!("`{}` cannot be executed", view.action.op)))
        }
    }
}

impl Effect {
    /// What stands at the target now.
    pub(crate) fn at_target(view: &View<'_>, facts: Option<Facts>) -> Self {
        let target = &view.target;
        Self { learned: vec![(target.side, target.path.clone(), facts)], ..Self::default() }
    }
}

fn is_link(view: &View<'_>) -> bool {
    let source = view.source.as_ref().and_then(|source| source.expected.facts());
    source.is_some_and(|facts| facts.kind == EntryKind::Symlink)
}

async fn delete(view: &View<'_>) -> Result<Effect, Obstacle> {
    let target = &view.target;
    // A store that holds a condition on deletes weakly is not relied on: what stands there is
    // looked at here.
    let token = match target.precondition(Guarded::Delete).await? {
        syncplan_store::Precondition::Token(token) => Some(token),
        _ => None,
    };
    match &view.action.trash {
        Some(trash) => discard(target, trash, token).await?,
        None => target.store.delete(&target.path, token.as_ref()).await?,
    }
    Ok(Effect::at_target(view, None))
}

async fn create_dir(view: &View<'_>) -> Result<Effect, Obstacle> {
    let target = &view.target;
    // Creating one that is there is no error: only a look tells whether it was.
    target.verified().await?;
    target.store.create_dir(&target.path).await?;
    Ok(Effect::at_target(view, Some(Facts::new(EntryKind::Dir))))
}

async fn remove_dir(view: &View<'_>) -> Result<Effect, Obstacle> {
    let target = &view.target;
    target.store.remove_dir(&target.path).await?;
    Ok(Effect::at_target(view, None))
}

async fn set_metadata(view: &View<'_>) -> Result<Effect, Obstacle> {
    let token = view.target.token().await?;
    Ok(put_metadata(view, token).await?)
}

/// Sets times and permission bits of what has this token.
pub(crate) async fn put_metadata(view: &View<'_>, token: Option<Token>) -> Result<Effect, StoreError> {
    let target = &view.target;
    let (before, wanted) = (target.expected.facts(), view.action.result.as_deref());
    let metadata = Metadata {
        mtime: wanted.and_then(|facts| facts.mtime),
        mode: wanted.and_then(|facts| facts.mode),
        digest: before.and_then(|facts| facts.digest),
        attributes: None,
    };
    let mut facts = target.store.set_metadata(&target.path, &metadata, token.as_ref()).await?;
    // The content is the same as before, and so is what is known of it.
    facts.digest = facts.digest.or(before.and_then(|before| before.digest));
    facts.fingerprint = facts.fingerprint.or(before.and_then(|before| before.fingerprint));
    Ok(Effect::at_target(view, Some(facts)))
}
