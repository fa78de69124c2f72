use std::sync::Arc;

use futures::TryStreamExt as _;
use syncplan_model::{Digest, EntryKind, Facts, RelPath, Token};

use super::Inner;
use super::fault::{Fault, status};
use super::mover::date;
use super::reader;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{MoveOptions, Precondition};

impl Inner {
    /// Has a file or a link stand at `to` as well: a file by a hard link where the server makes any, else
    /// by a copy; a link by another of its text.
    pub(super) async fn preserve(
        inner: &Arc<Self>,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let fail = |fault: Fault| fault.at("keep", from);
        let refused = || StoreError::new(StoreErrorKind::Precondition, "keep", from);
        let source = inner.place(from).await.map_err(fail)?;
        let found = source.facts().await.map_err(fail)?;
        let found = found.ok_or_else(|| fail(Fault::status(status::NO_SUCH_FILE)))?;
        if expect.is_some_and(|token| found.token.as_ref() != Some(token)) {
            return Err(refused());
        }
        match found.kind {
            EntryKind::File => {}
            EntryKind::Symlink => return inner.keep_link(found, to).await,
            _ => {
                return Err(StoreError::new(StoreErrorKind::Unsupported, "keep", from)
                    .because("it is no file or link"));
            }
        }
        let target = inner.place_with_parents(to).await.map_err(fail)?;
        match source.link(&target).await.map_err(fail)? {
            Some(true) => {
                let kept = target.facts().await.map_err(fail)?;
                if kept.is_none_or(|kept| kept.token != found.token) {
                    // Somebody put another file there since it was looked at.
                    target.remove().await.map_err(fail)?;
                    return Err(refused());
                }
                inner.mark_dirty(target.folder());
                date(&target, &found).await;
            }
            // An earlier try, or something else: tokens are too weak here to tell.
            Some(false) => {
                if !is_same(inner, from, to, &found).await? {
                    return Err(refused());
                }
            }
            None => {
                let options = MoveOptions {
                    expect: found.token.clone(),
                    precondition: Precondition::Absent,
                    temporary: None,
                };
                match Self::copy(inner, from, to, &options).await {
                    Err(error) if error.kind == StoreErrorKind::Precondition => {
                        is_same(inner, from, to, &found).await?.then_some(()).ok_or(error)?;
                    }
                    copied => drop(copied?),
                }
            }
        }
        // Whoever asked is about to destroy the other name.
        inner.sync().await?;
        syncplan_failpoint::hit("sftp/kept");
        Ok(found)
    }

    async fn keep_link(&self, found: Facts, to: &RelPath) -> Result<Facts, StoreError> {
        let Some(text) = &found.target else {
            return Err(Fault::status(status::NO_SUCH_FILE).at("keep as", to));
        };
        match self.create_symlink(to, text, &Precondition::Absent).await {
            Err(error) if error.kind == StoreErrorKind::Precondition => {
                let kept = self.stat(to).await?.is_some_and(|kept| kept.target == found.target);
                kept.then_some(()).ok_or(error)?;
            }
            created => drop(created?),
        }
        self.sync().await?;
        syncplan_failpoint::hit("sftp/kept");
        Ok(found)
    }
}

/// Whether the content of `from` stands at `to`: both are read.
async fn is_same(
    inner: &Arc<Inner>,
    from: &RelPath,
    to: &RelPath,
    found: &Facts,
) -> Result<bool, StoreError> {
    let Some(kept) = inner.stat(to).await? else { return Ok(false) };
    if (kept.kind, kept.size) != (found.kind, found.size) {
        return Ok(false);
    }
    let ours = digest(inner, from, found.token.as_ref()).await?;
    Ok(ours == digest(inner, to, kept.token.as_ref()).await?)
}

async fn digest(inner: &Arc<Inner>, path: &RelPath, token: Option<&Token>) -> Result<Digest, StoreError> {
    let content = reader::read(inner, path, None, token).await?;
    let spec = syncplan_model::SampleSpec::default();
    let hasher = syncplan_model::ContentHasher::new(0, &spec);
    let hashed = content.try_fold(hasher, async |mut hasher, chunk| {
        hasher.update(&chunk);
        Ok(hasher)
    });
    Ok(hashed.await?.finish().digest)
}
