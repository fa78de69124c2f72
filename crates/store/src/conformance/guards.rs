use bytes::Bytes;
use futures::StreamExt as _;
use syncplan_model::Token;

use super::scope::{Check, Scope, collect, ensure, expect_error, options, stream, token};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Enforcement, Guarded, Precondition};

pub(super) async fn writing_into_a_gap(scope: &Scope<'_>) -> Check {
    scope.write_if("file", "first", Precondition::Absent).await?;
    expect_error(scope.write_if("file", "second", Precondition::Absent).await, StoreErrorKind::Precondition)?;
    scope.expect_content("file", "first").await?;
    nothing_but(scope, &["file"]).await
}

pub(super) async fn replacing_what_is_expected(scope: &Scope<'_>) -> Check {
    let first = token(&scope.write("file", "first").await?)?;
    let second = token(&scope.write_if("file", "second", Precondition::Token(first.clone())).await?)?;
    let lost = scope.write_if("file", "third", Precondition::Token(first)).await;
    expect_error(lost, StoreErrorKind::Precondition)?;
    scope.expect_content("file", "second").await?;
    let missing = scope.write_if("nothing", "x", Precondition::Token(second)).await;
    expect_error(missing, StoreErrorKind::Precondition)?;
    nothing_but(scope, &["file"]).await
}

pub(super) async fn reading_what_is_expected(scope: &Scope<'_>) -> Check {
    let path = scope.path("file")?;
    let first = token(&scope.write("file", "first").await?)?;
    collect(scope.store.read(&path, None, Some(&first)).await?).await?;
    scope.write("file", "second").await?;
    expect_error(
        scope.store.read(&path, None, Some(&first)).await.map(|_| ()),
        StoreErrorKind::Precondition,
    )?;
    expect_error(
        scope.store.read(&path, Some(0..2), Some(&first)).await.map(|_| ()),
        StoreErrorKind::Precondition,
    )
}

pub(super) async fn deleting_what_is_expected(scope: &Scope<'_>) -> Check {
    let path = scope.path("file")?;
    let first = token(&scope.write("file", "first").await?)?;
    let second = token(&scope.write("file", "second").await?)?;
    expect_error(scope.store.delete(&path, Some(&first)).await, StoreErrorKind::Precondition)?;
    scope.expect_content("file", "second").await?;
    scope.store.delete(&path, Some(&second)).await?;
    scope.expect_absent("file").await?;
    // What is gone is gone, whatever was expected of it.
    expect_error(scope.store.delete(&path, Some(&second)).await, StoreErrorKind::NotFound)
}

pub(super) async fn short_and_long_content_changes_nothing(scope: &Scope<'_>) -> Check {
    scope.write("file", "first").await?;
    for (size, length) in
        [(10, 9), (9, 10), (0, 1), (1, 0), (20 << 20, (20 << 20) - 1), (20 << 20, (20 << 20) + 1)]
    {
        let content = vec![7; length];
        for name in ["file", "new"] {
            let write = options(size, Precondition::Any);
            let written = scope.store.write(&scope.path(name)?, stream(&content), write).await;
            expect_error(written, StoreErrorKind::Changed)?;
        }
    }
    scope.expect_content("file", "first").await?;
    nothing_but(scope, &["file"]).await
}

pub(super) async fn failing_content_changes_nothing(scope: &Scope<'_>) -> Check {
    scope.write("file", "first").await?;
    for size in [1 << 10, 20 << 20] {
        let chunks = [
            Ok(Bytes::from(vec![7; size / 2])),
            Err(StoreError::new(StoreErrorKind::Denied, "read", "source")),
        ];
        let content = futures::stream::iter(chunks).boxed();
        let written =
            scope.store.write(&scope.path("file")?, content, options(size as u64, Precondition::Any)).await;
        expect_error(written, StoreErrorKind::Denied)?;
    }
    scope.expect_content("file", "first").await?;
    nothing_but(scope, &["file"]).await
}

pub(super) async fn tokens_change_with_the_content(scope: &Scope<'_>) -> Check {
    let mut tokens: Vec<Token> = Vec::new();
    for content in ["a", "b", "c", "dd"] {
        tokens.push(token(&scope.write("file", content).await?)?);
        ensure!(
            scope.stat("file").await?.and_then(|facts| facts.token) == tokens.last().cloned(),
            "the token changed by itself"
        );
    }
    tokens.sort();
    tokens.dedup();
    ensure!(tokens.len() == 4, "four contents have {} tokens", tokens.len());
    Ok(())
}

/// Only where the store says that it holds this in one step.
pub(super) async fn a_gap_is_filled_once(scope: &Scope<'_>) -> Check {
    if scope.store.enforcement(Guarded::Create) != Enforcement::Atomic {
        return Ok(());
    }
    for round in 0..8 {
        let name = format!("file-{round}");
        let names: Vec<String> = (0..8).map(|writer| format!("writer {writer}")).collect();
        let writes = names.iter().map(|content| scope.write_if(&name, content, Precondition::Absent));
        let won = futures::future::join_all(writes).await.iter().filter(|result| result.is_ok()).count();
        ensure!(won == 1, "{won} writers filled one gap");
    }
    Ok(())
}

/// That nothing else is listed: no temporary, and nothing of what was refused.
async fn nothing_but(scope: &Scope<'_>, names: &[&str]) -> Check {
    let listed: Vec<_> = scope.list().await?.into_keys().collect();
    let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    ensure!(listed == names, "{} names are listed and not {}", listed.len(), names.len());
    Ok(())
}
