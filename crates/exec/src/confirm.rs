use futures::TryStreamExt as _;
use syncplan_model::plan::{Evidence, Op, Risk};
use syncplan_model::{Digest, RelPath, Token};
use syncplan_store::{ContentStream, Store, StoreError};

use crate::place::{Obstacle, View};

/// Makes sure that content which only samples, or a word, call the same is the same, by reading all of it.
///
/// A move or copy rests on two files being one: the one it reads on its own side, and the one that
/// the other side has under the new name. Both are hashed whole, but for what is known by a digest.
pub(crate) async fn confirm(view: &View<'_>) -> Result<(), Obstacle> {
    if !is_open(view) {
        return Ok(());
    }
    let source = view.source()?;
    let ours = match source.expected.facts().and_then(|facts| facts.digest.zip(facts.token.as_ref())) {
        Some((digest, _)) => digest,
        None => {
            let token = source.token().await?;
            whole(source.store.as_ref(), &source.path, token.as_ref()).await?
        }
    };
    let (other, path) = (view.action.side.other(), &view.action.path);
    let theirs = whole(view.sides.store(other).as_ref(), path, None).await?;
    if ours == theirs {
        return Ok(());
    }
    Err(Obstacle::Mismatch(format!(
        "`{}` ({}) and `{path}` ({other}) were taken to be the same, but differ when read whole",
        source.path, source.side
    )))
}

/// Whether the action rests on samples or on somebody's word, and nobody took the risk. Staging takes nothing away: its
/// installation is what is confirmed.
fn is_open(view: &View<'_>) -> bool {
    let action = view.action;
    matches!(action.evidence, Some(Evidence::Fingerprint | Evidence::Stated))
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
