use syncplan_model::{Capability, Mtime, Token};

use super::scope::{Check, Scope, ensure, expect_error, options, stream, to, token};
use crate::error::StoreErrorKind;
use crate::store::{Metadata, MoveOptions, Precondition, WriteOptions};

pub(super) async fn copies(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::ServerCopy) {
        return Ok(());
    }
    let mtime = Mtime { seconds: 1_600_000_000, nanos: 500_000_000 };
    let write = WriteOptions {
        metadata: Metadata { mtime: Some(mtime), ..Metadata::default() },
        ..options(5, Precondition::Any)
    };
    scope.store.write(&scope.path("from")?, stream(b"hello"), write).await?;
    let facts =
        scope.store.copy(&scope.path("from")?, &scope.path("folder/to")?, to(Precondition::Absent)).await?;
    scope.expect_content("folder/to", "hello").await?;
    scope.expect_content("from", "hello").await?;
    let found = scope.stat("folder/to").await?;
    ensure!(found.as_ref() == Some(&facts), "{found:?} is there and not {facts:?}");
    let kept = !scope.has(Capability::SetMtime)
        || facts
            .mtime
            .is_some_and(|kept| kept.agrees_with(mtime, scope.store.capabilities().mtime_precision));
    ensure!(kept, "the time {mtime} became {:?}", facts.mtime);
    Ok(())
}

pub(super) async fn copies_into_a_gap(scope: &Scope<'_>) -> Check {
    scope.write("from", "new").await?;
    scope.write("to", "old").await?;
    let copied = scope.store.copy(&scope.path("from")?, &scope.path("to")?, to(Precondition::Absent)).await;
    expect_error(copied, StoreErrorKind::Precondition)?;
    scope.expect_content("to", "old").await
}

pub(super) async fn copies_of_what_is_expected(scope: &Scope<'_>) -> Check {
    let old = token(&scope.write("from", "old").await?)?;
    let now = token(&scope.write("from", "new").await?)?;
    let copied = scope.store.copy(&scope.path("from")?, &scope.path("to")?, expecting(old)).await;
    expect_error(copied, StoreErrorKind::Precondition)?;
    scope.expect_absent("to").await?;
    scope.store.copy(&scope.path("from")?, &scope.path("to")?, expecting(now)).await?;
    scope.expect_content("to", "new").await
}

pub(super) async fn renames(scope: &Scope<'_>) -> Check {
    scope.write("from", "hello").await?;
    let facts =
        scope.store.rename(&scope.path("from")?, &scope.path("folder/to")?, to(Precondition::Absent)).await?;
    scope.expect_content("folder/to", "hello").await?;
    scope.expect_absent("from").await?;
    let found = scope.stat("folder/to").await?;
    ensure!(found.as_ref() == Some(&facts), "{found:?} is there and not {facts:?}");
    Ok(())
}

pub(super) async fn renames_into_a_gap(scope: &Scope<'_>) -> Check {
    scope.write("from", "new").await?;
    scope.write("to", "old").await?;
    let moved = scope.store.rename(&scope.path("from")?, &scope.path("to")?, to(Precondition::Absent)).await;
    expect_error(moved, StoreErrorKind::Precondition)?;
    scope.expect_content("from", "new").await?;
    scope.expect_content("to", "old").await
}

pub(super) async fn renames_of_what_is_expected(scope: &Scope<'_>) -> Check {
    let old = token(&scope.write("from", "old").await?)?;
    let now = token(&scope.write("from", "new").await?)?;
    let moved = scope.store.rename(&scope.path("from")?, &scope.path("to")?, expecting(old)).await;
    expect_error(moved, StoreErrorKind::Precondition)?;
    scope.expect_content("from", "new").await?;
    scope.expect_absent("to").await?;
    scope.store.rename(&scope.path("from")?, &scope.path("to")?, expecting(now)).await?;
    scope.expect_content("to", "new").await
}

pub(super) async fn renames_over_what_is_expected(scope: &Scope<'_>) -> Check {
    scope.write("from", "new").await?;
    let old = token(&scope.write("to", "old").await?)?;
    let now = token(&scope.write("to", "older").await?)?;
    let refused =
        scope.store.rename(&scope.path("from")?, &scope.path("to")?, to(Precondition::Token(old))).await;
    expect_error(refused, StoreErrorKind::Precondition)?;
    scope.expect_content("to", "older").await?;
    scope.store.rename(&scope.path("from")?, &scope.path("to")?, to(Precondition::Token(now))).await?;
    scope.expect_content("to", "new").await?;
    scope.expect_absent("from").await
}

pub(super) async fn keeps_what_is_about_to_go(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::ServerCopy) {
        return Ok(());
    }
    let (from, to) = (scope.path("from")?, scope.path("trash/1/from")?);
    let missing = scope.store.preserve(&from, &to, None).await;
    expect_error(missing, StoreErrorKind::NotFound)?;
    let before = token(&scope.write("from", "before").await?)?;
    let old = scope.write("from", "old").await?;
    let refused = scope.store.preserve(&from, &to, Some(&before)).await;
    expect_error(refused, StoreErrorKind::Precondition)?;
    scope.expect_absent("trash/1/from").await?;
    let mut kept = scope.store.preserve(&from, &to, Some(&token(&old)?)).await?;
    // An earlier try may have come so far.
    for _ in 0..2 {
        let found = scope.stat("from").await?;
        ensure!(found.as_ref() == Some(&kept), "{found:?} is there and not {kept:?}");
        ensure!((kept.size, kept.mtime) == (old.size, old.mtime), "{old:?} became {kept:?}");
        scope.expect_content("trash/1/from", "old").await?;
        kept = scope.store.preserve(&from, &to, Some(&token(&kept)?)).await?;
    }
    let now = scope.write_if("from", "new", Precondition::Token(token(&kept)?)).await?;
    scope.expect_content("trash/1/from", "old").await?;
    let again = scope.store.preserve(&from, &to, Some(&token(&now)?)).await;
    expect_error(again, StoreErrorKind::Precondition)?;
    scope.expect_content("trash/1/from", "old").await?;
    scope.expect_content("from", "new").await
}

pub(super) async fn keeps_beside_the_same_content(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::ServerCopy) {
        return Ok(());
    }
    scope.write("from", "same").await?;
    scope.write("kept", "same").await?;
    scope.store.preserve(&scope.path("from")?, &scope.path("kept")?, None).await?;
    scope.store.delete(&scope.path("from")?, None).await?;
    scope.expect_content("kept", "same").await
}

fn expecting(token: Token) -> MoveOptions {
    MoveOptions { expect: Some(token), precondition: Precondition::Absent, temporary: None }
}
