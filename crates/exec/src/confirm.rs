use futures::TryStreamExt as _;
use syncplan_model::plan::{Evidence, Op, Risk};
use syncplan_model::{Digest, EntryKind, Facts, RelPath, Token};
use syncplan_store::{ContentStream, Store, StoreError, StoreErrorKind};

use crate::place::{Obstacle, View};
use crate::worker::Effect;

/// Makes sure that content which only samples, a checksum or a word call the same is the same, by reading all of it.
///
/// A move or copy rests on two files being one: the one it reads on its own side, and the one that
/// the other side has under the new name. Both are hashed whole, but for what is known by a digest.
pub(crate) async fn confirm(view: &View<'_>) -> Result<(), Obstacle> {
    if !is_open(view) {
        return Ok(());
    }
    let source = view.source()?;
    let ours = match source.expected.facts().filter(|facts| facts.digest.is_some() && facts.token.is_some()) {
        Some(facts) => facts.clone(),
        None => {
            let token = source.token().await?;
            let digest = whole(source.store.as_ref(), &source.path, token.as_ref()).await?;
            let expected = source.expected.facts().cloned().unwrap_or_else(|| Facts::new(EntryKind::File));
            Facts { token, digest: Some(digest), ..expected }
        }
    };
    let (other, path) = (view.action.side.other(), &view.action.path);
    let theirs = hashed(view.sides.store(other).as_ref(), path).await?;
    if ours.digest == theirs.digest {
        return Ok(());
    }
    let difference = format!(
        "`{}` ({}) and `{path}` ({other}) were taken to be the same, but differ when read whole",
        source.path, source.side
    );
    // Whoever plans again knows the two digests, and does not take them for the same once more.
    let learned = vec![(source.side, source.path.clone(), Some(ours)), (other, path.clone(), Some(theirs))];
    Err(Obstacle::Refuted(difference, Box::new(Effect { learned, ..Effect::default() })))
}

/// What stands at a path, with the digest of all of its content.
async fn hashed(store: &dyn Store, path: &RelPath) -> Result<Facts, StoreError> {
    let found = store.stat(path).await?;
    let found = found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, "read", path))?;
    let digest = whole(store, path, found.token.as_ref()).await?;
    Ok(Facts { digest: Some(digest), ..found })
}

/// Whether the action rests on samples, on a checksum or on somebody's word, and nobody took the risk. Staging takes nothing away: its
/// installation is what is confirmed.
fn is_open(view: &View<'_>) -> bool {
    let action = view.action;
    action.evidence.is_some_and(Evidence::only_nominates)
        && matches!(action.op, Op::Copy | Op::Move | Op::Install)
        && !action.risk.contains(&Risk::SampledMatch)
}

/// The digest of all of a file's content.
pub(crate) async fn whole(
    store: &dyn Store,
    path: &RelPath,
    token: Option<&Token>,
) -> Result<Digest, StoreError> {
    digest_of(store.read(path, None, token).await?).await
}

/// The digest of content on its way.
pub(crate) async fn digest_of(content: ContentStream) -> Result<Digest, StoreError> {
    let hasher = content.try_fold(blake3::Hasher::new(), async |mut hasher, chunk| {
        hasher.update(&chunk);
        Ok(hasher)
    });
    Ok(Digest::from(hasher.await?.finalize()))
}
