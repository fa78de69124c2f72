use syncplan_model::{Capability, Digest, EntryKind, Mtime, RelPath};

use super::scope::{Check, Scope, collect, ensure, expect_error, options, pattern, stream};
use crate::error::StoreErrorKind;
use crate::store::{Metadata, Precondition, WriteOptions};

/// More than one part of a multipart upload, and no multiple of a part.
const LARGE: usize = 20 * 1024 * 1024 + 12_345;

pub(super) async fn what_is_written_is_read(scope: &Scope<'_>) -> Check {
    let facts = scope.write("folder/file", "hello").await?;
    ensure!(facts.kind == EntryKind::File && facts.size == 5, "it was written as {facts:?}");
    scope.expect_content("folder/file", "hello").await?;
    let found = scope.stat("folder/file").await?;
    ensure!(
        found.as_ref().is_some_and(|found| found.token == facts.token && found.size == 5),
        "{found:?} is there and not {facts:?}"
    );
    scope.store.sync().await?;
    Ok(())
}

pub(super) async fn empty_content(scope: &Scope<'_>) -> Check {
    let facts = scope.write("empty", "").await?;
    ensure!(facts.size == 0, "it was written as {facts:?}");
    scope.expect_content("empty", "").await
}

pub(super) async fn large_content(scope: &Scope<'_>) -> Check {
    let content = pattern(LARGE);
    let path = scope.path("large")?;
    let write = WriteOptions { metadata: metadata(&content), ..options(LARGE as u64, Precondition::Absent) };
    let facts = scope.store.write(&path, stream(&content), write.clone()).await?;
    ensure!(facts.size == LARGE as u64, "it was written as {facts:?}");
    let found = collect(scope.store.read(&path, None, facts.token.as_ref()).await?).await?;
    ensure!(found == content, "{} bytes were read that are not those that were written", found.len());
    let again = scope.store.write(&path, stream(&content), write).await;
    expect_error(again, StoreErrorKind::Precondition)
}

pub(super) async fn ranges(scope: &Scope<'_>) -> Check {
    let content = pattern(3_000_000);
    let path = scope.path("file")?;
    scope.store.write(&path, stream(&content), options(content.len() as u64, Precondition::Any)).await?;
    for range in [0..1, 0..10, 999_999..2_000_001, 2_999_999..3_000_000, 0..3_000_000] {
        let found = collect(scope.store.read(&path, Some(range.clone()), None).await?).await?;
        let asked = range.start as usize..range.end as usize;
        ensure!(found == content[asked], "the range {range:?} is not what was written");
    }
    Ok(())
}

pub(super) async fn metadata_is_kept(scope: &Scope<'_>) -> Check {
    if !scope.has(Capability::SetMtime) {
        return Ok(());
    }
    for (name, mtime) in
        [("past", (-86_401, 250_000_000)), ("now", (1_700_000_000, 123_456_789)), ("whole", (1, 0))]
    {
        let path = scope.path(name)?;
        let mtime = Mtime { seconds: mtime.0, nanos: mtime.1 };
        let write = WriteOptions {
            metadata: Metadata { mtime: Some(mtime), ..metadata(b"hello") },
            ..options(5, Precondition::Absent)
        };
        let written = scope.store.write(&path, stream(b"hello"), write).await?;
        let found = scope.stat(name).await?;
        let precision = scope.store.capabilities().mtime_precision;
        for facts in [Some(&written), found.as_ref()].into_iter().flatten() {
            let kept = facts.mtime.is_some_and(|kept| kept.agrees_with(mtime, precision));
            ensure!(kept, "the time {mtime} became {:?}", facts.mtime);
            let digest = facts.digest.is_none_or(|digest| digest == Digest::of(b"hello"));
            ensure!(digest, "the digest became {:?}", facts.digest);
        }
        ensure!(found.is_some(), "it is not there");
    }
    Ok(())
}

pub(super) async fn odd_names(scope: &Scope<'_>) -> Check {
    keeps_apart(scope, NAMES).await
}

pub(super) async fn names_that_look_alike(scope: &Scope<'_>) -> Check {
    keeps_apart(scope, LOOK_ALIKE).await
}

pub(super) async fn names_with_control_characters(scope: &Scope<'_>) -> Check {
    keeps_apart(scope, &["new\nline", "tab\t", "bell\u{7}", "\u{1b}[2K", "return\r"]).await
}

pub(super) async fn long_names(scope: &Scope<'_>) -> Check {
    let name = "n".repeat(scope.store.capabilities().max_name.min(255));
    scope.write(&name, "x").await?;
    scope.expect_content(&name, "x").await?;
    let found = scope.list().await?;
    ensure!(found.contains_key(name.as_bytes()), "it is not listed");
    let deep = "d/".repeat(150) + "file";
    scope.write(&deep, "x").await?;
    scope.expect_content(&deep, "x").await?;
    let longer = "n".repeat(scope.store.capabilities().max_path + 1);
    ensure!(scope.write(&longer, "x").await.is_err(), "a longer name than there can be was written");
    Ok(())
}

async fn keeps_apart(scope: &Scope<'_>, names: &[&str]) -> Check {
    for &name in names {
        let path = scope.path(name)?;
        let written =
            scope.store.write(&path, stream(name.as_bytes()), options(name.len() as u64, Precondition::Any));
        let failed = |error| super::Failure::new(format!("{name:?}: {}", super::Failure::from(error)));
        written.await.map_err(failed)?;
        scope.expect_content(name, name).await?;
    }
    let listed = scope.list().await?;
    for &name in names {
        ensure!(listed.contains_key(name.as_bytes()), "{name:?} is not listed");
    }
    ensure!(
        listed.len() == names.len(),
        "{} names became {}: {:?}",
        names.len(),
        listed.len(),
        listed.keys()
    );
    for &name in names {
        scope.store.delete(&scope.path(name)?, None).await?;
        scope.expect_absent(name).await?;
    }
    Ok(())
}

/// Names that differ only in their bytes.
const LOOK_ALIKE: &[&str] = &["café", "cafe\u{301}", "A", "a", "ﬁ", "fi"];

/// Names that someone somewhere encodes, trims or takes for something else.
const NAMES: &[&str] = &[
    "two words",
    " leading",
    "it's",
    "a\"b",
    "50%",
    "50%25",
    "a+b",
    "a&b=c",
    "#tag",
    "what?",
    "semi;colon",
    "back\\slash",
    "$(id)",
    "`id`",
    "-rf",
    "~",
    "[a]*{b}",
    "a:b",
    "<a|b>",
    "café",
    "🦀",
    "\u{202e}gpj",
    "trailing.",
    "...",
    "deep/er/folder",
];

pub(super) async fn missing_objects_are_not_found(scope: &Scope<'_>) -> Check {
    let path = scope.path("nothing")?;
    scope.expect_absent("nothing").await?;
    scope.expect_absent("no/folder/nothing").await?;
    expect_error(scope.store.read(&path, None, None).await.map(|_| ()), StoreErrorKind::NotFound)?;
    expect_error(scope.store.delete(&path, None).await, StoreErrorKind::NotFound)?;
    let to = RelPath::new("conformance-nowhere")?;
    for result in [
        scope.store.copy(&path, &to, super::scope::to(Precondition::Any)).await,
        scope.store.rename(&path, &to, super::scope::to(Precondition::Any)).await,
    ] {
        expect_error(result, StoreErrorKind::NotFound)?;
    }
    Ok(())
}

pub(super) async fn a_store_is_reached(scope: &Scope<'_>) -> Check {
    Ok(scope.store.check().await?)
}

fn metadata(content: &[u8]) -> Metadata {
    Metadata { digest: Some(Digest::of(content)), ..Metadata::default() }
}
