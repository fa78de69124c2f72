use futures::TryStreamExt as _;
use syncplan_model::{EntryKind, RESERVED_DIR, RelPath};

use super::scope::{Check, Scope, ensure, options, stream};
use crate::store::Precondition;

pub(super) async fn what_is_reserved_is_found(scope: &Scope<'_>) -> Check {
    let Some(housekeeping) = scope.store.housekeeping() else { return Ok(()) };
    let name = scope.path("folder/kept")?;
    let kept = RelPath::new(RESERVED_DIR)?.join(name.as_bytes())?;
    scope.store.write(&kept, stream(b"kept"), options(4, Precondition::Any)).await?;
    scope.write("folder/file", "not ours").await?;
    let found: Vec<_> = housekeeping.reserved().try_collect().await?;
    let files: Vec<_> = found.iter().filter(|reserved| reserved.facts.kind == EntryKind::File).collect();
    let Some(found) = files.iter().find(|reserved| reserved.path == kept) else {
        return Err(super::Failure::new(format!("`{kept}` is not among {} reserved names", files.len())));
    };
    ensure!(found.facts.size == 4 && found.since.is_some(), "it was found as {found:?}");
    let other = files.iter().find(|reserved| !reserved.path.is_reserved());
    ensure!(other.is_none(), "{other:?} is not reserved");
    scope.store.delete(&kept, found.facts.token.as_ref()).await?;
    let left: Vec<_> = housekeeping.reserved().try_collect().await?;
    ensure!(left.iter().all(|reserved| reserved.path != kept), "what was deleted is still found");
    Ok(())
}
