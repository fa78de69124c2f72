use futures::TryStreamExt as _;
use syncplan_model::{ContentHasher, Digest, Facts, RelPath, SampleSpec, Token};

use crate::error::{StoreError, StoreErrorKind};
use crate::store::{MoveOptions, Precondition, Store};

/// [`Store::preserve`] for stores that copy by themselves.
pub(crate) async fn by_copy(
    store: &dyn Store,
    from: &RelPath,
    to: &RelPath,
    expect: Option<&Token>,
) -> Result<Facts, StoreError> {
    let found = store.stat(from).await?;
    let found = found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, "keep", from))?;
    if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
        return Err(StoreError::new(StoreErrorKind::Precondition, "keep", from));
    }
    let options =
        MoveOptions { expect: found.token.clone(), precondition: Precondition::Absent, temporary: None };
    match store.copy(from, to, options).await {
        Err(error) if error.kind == StoreErrorKind::Precondition => {
            let kept = is_same(store, from, to, &found).await?;
            kept.then_some(()).ok_or(error)?;
        }
        copied => drop(copied?),
    }
    // Whoever asked is about to destroy the original.
    store.sync().await?;
    Ok(found)
}

/// Whether the content of `from` stands at `to`.
async fn is_same(store: &dyn Store, from: &RelPath, to: &RelPath, found: &Facts) -> Result<bool, StoreError> {
    let Some(kept) = store.stat(to).await? else { return Ok(false) };
    if (kept.kind, kept.size) != (found.kind, found.size) {
        return Ok(false);
    }
    if kept.token.is_some() && kept.token == found.token {
        return Ok(true);
    }
    match kept.digest.zip(found.digest) {
        Some((kept, found)) => Ok(kept == found),
        None => Ok(digest(store, from, found).await? == digest(store, to, &kept).await?),
    }
}

async fn digest(store: &dyn Store, path: &RelPath, facts: &Facts) -> Result<Digest, StoreError> {
    let content = store.read(path, None, facts.token.as_ref()).await?;
    let hasher = ContentHasher::new(facts.size, &SampleSpec::default());
    let hashed = content.try_fold(hasher, async |mut hasher, chunk| {
        hasher.update(&chunk);
        Ok(hasher)
    });
    Ok(hashed.await?.finish().digest)
}
