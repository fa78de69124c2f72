use syncplan_model::{Capability, EntryKind, LinkTarget, Mtime};

use super::scope::{Check, Scope, ensure, expect_error, options, stream, token};
use crate::error::StoreErrorKind;
use crate::store::{Metadata, Precondition, WriteOptions};

pub(super) async fn directories(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::Directories) {
        return Ok(());
    }
    scope.write("file", "x").await?;
    let folder = scope.path("folder")?;
    for _ in 0..2 {
        scope.store.create_dir(&folder).await?;
    }
    ensure!(
        scope.stat("folder").await?.is_some_and(|facts| facts.kind == EntryKind::Dir),
        "it is no directory"
    );
    expect_error(scope.store.create_dir(&scope.path("file")?).await, StoreErrorKind::Precondition)?;
    expect_error(scope.store.create_dir(&scope.path("no/folder")?).await, StoreErrorKind::NotFound)?;
    scope.write("folder/file", "x").await?;
    expect_error(scope.store.remove_dir(&folder).await, StoreErrorKind::NotEmpty)?;
    expect_error(scope.store.delete(&folder, None).await, StoreErrorKind::Precondition)?;
    expect_error(scope.write_if("folder", "x", Precondition::Any).await, StoreErrorKind::Precondition)?;
    expect_error(scope.write_if("file/below", "x", Precondition::Any).await, StoreErrorKind::NotDirectory)?;
    scope.store.delete(&scope.path("folder/file")?, None).await?;
    scope.store.remove_dir(&folder).await?;
    scope.expect_absent("folder").await?;
    expect_error(scope.store.remove_dir(&folder).await, StoreErrorKind::NotFound)
}

pub(super) async fn symbolic_links(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::Symlinks) {
        return Ok(());
    }
    let link = scope.path("link")?;
    let target = LinkTarget::new(*b"../elsewhere/\xff");
    let facts = scope.store.create_symlink(&link, &target, Precondition::Absent).await?;
    ensure!(facts.kind == EntryKind::Symlink && facts.target == Some(target), "it became {facts:?}");
    let found = scope.stat("link").await?;
    ensure!(found.as_ref() == Some(&facts), "{found:?} is there and not {facts:?}");
    let other = LinkTarget::new(*b"other");
    let again = scope.store.create_symlink(&link, &other, Precondition::Absent).await;
    expect_error(again, StoreErrorKind::Precondition)?;
    let replaced = scope.store.create_symlink(&link, &other, Precondition::Token(token(&facts)?)).await?;
    ensure!(replaced.target == Some(other), "it became {replaced:?}");
    expect_error(scope.store.read(&link, None, None).await.map(|_| ()), StoreErrorKind::Unsupported)?;
    let moved = scope.path("moved")?;
    scope.store.rename(&link, &moved, super::scope::to(Precondition::Absent)).await?;
    ensure!(scope.list().await?.len() == 1, "more than the link is listed");
    scope.store.delete(&moved, None).await?;
    scope.expect_absent("moved").await
}

pub(super) async fn symbolic_links_are_kept(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::Symlinks) {
        return Ok(());
    }
    let (link, kept) = (scope.path("link")?, scope.path("trash/link")?);
    let text = LinkTarget::new(*b"../elsewhere");
    let facts = scope.store.create_symlink(&link, &text, Precondition::Absent).await?;
    for _ in 0..2 {
        scope.store.preserve(&link, &kept, Some(&token(&facts)?)).await?;
    }
    let other = LinkTarget::new(*b"other");
    scope.store.create_symlink(&link, &other, Precondition::Token(token(&facts)?)).await?;
    let found = scope.stat("trash/link").await?.and_then(|facts| facts.target);
    ensure!(found == Some(text), "it became {found:?}");
    expect_error(scope.store.preserve(&link, &kept, None).await, StoreErrorKind::Precondition)
}

pub(super) async fn metadata_alone(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::SetMetadata) {
        return Ok(());
    }
    let old = token(&scope.write("file", "hello").await?)?;
    let metadata = Metadata {
        mtime: Some(Mtime { seconds: 1_234_567_890, nanos: 0 }),
        mode: Some(0o4600),
        ..Metadata::default()
    };
    let path = scope.path("file")?;
    let facts = scope.store.set_metadata(&path, &metadata, Some(&old)).await?;
    ensure!(facts.mtime == metadata.mtime, "the time became {:?}", facts.mtime);
    let mode = !scope.has(Capability::Modes) || facts.mode == Some(0o600);
    ensure!(mode, "the mode became {:?}", facts.mode);
    scope.expect_content("file", "hello").await?;
    expect_error(scope.store.set_metadata(&path, &metadata, Some(&old)).await, StoreErrorKind::Precondition)
}

pub(super) async fn permissions(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::Modes) {
        return Ok(());
    }
    let path = scope.path("file")?;
    let write = WriteOptions {
        metadata: Metadata { mode: Some(0o6751), ..Metadata::default() },
        ..options(1, Precondition::Absent)
    };
    let facts = scope.store.write(&path, stream(b"x"), write).await?;
    ensure!(facts.mode == Some(0o751), "setuid and setgid were kept: {:?}", facts.mode);
    let facts = scope.write("file", "new content").await?;
    ensure!(facts.mode == Some(0o751), "new content changed the permissions: {:?}", facts.mode);
    Ok(())
}
