use futures::TryStreamExt as _;
use syncplan_model::RelPath;

use super::scope::{Check, Scope, ensure, options, stream};
use crate::store::{Listing, Precondition};

/// In the order of their bytes, which is not the order of folders: `/` comes after `-` and `.`.
const NAMES: &[&str] = &["a", "a-b", "a.txt", "b/1", "b/2/3", "b0", "z"];

pub(super) async fn what_stands_there_is_listed(scope: &Scope<'_>) -> Check {
    for name in NAMES {
        scope.write(name, name).await?;
    }
    let listed = scope.list().await?;
    ensure!(listed.keys().eq(NAMES.iter().map(|name| name.as_bytes())), "{} names are listed", listed.len());
    for (name, facts) in NAMES.iter().zip(listed.values()) {
        let found = scope.stat(name).await?;
        ensure!(facts.size == name.len() as u64, "`{name}` is listed as {facts:?}");
        let same = found.as_ref().is_some_and(|found| facts.token.is_none() || found.token == facts.token);
        ensure!(same, "`{name}` is listed as {facts:?} and is {found:?}");
    }
    Ok(())
}

pub(super) async fn reserved_names_are_hidden(scope: &Scope<'_>) -> Check {
    scope.write("file", "x").await?;
    scope.write(".syncplan-tmp-1-1", "x").await?;
    let reserved = RelPath::new(".syncplan/conformance/file")?;
    scope.store.write(&reserved, stream(b"x"), options(1, Precondition::Any)).await?;
    let listed = scope.list().await?;
    ensure!(listed.len() == 1, "{} names are listed", listed.len());
    let shown = match scope.store.listing() {
        Listing::Tree(listing) => listing.read_dir(None).await?.entries,
        Listing::Flat(listing) => {
            let batches: Vec<_> = listing.list(None).try_collect().await?;
            batches.into_iter().flat_map(|batch| batch.entries).collect()
        }
    };
    let reserved_shown = shown.iter().find(|entry| entry.path.is_reserved());
    ensure!(reserved_shown.is_none(), "{reserved_shown:?} is listed");
    scope.store.delete(&reserved, None).await?;
    Ok(())
}

pub(super) async fn listing_after_a_path(scope: &Scope<'_>) -> Check {
    let Listing::Flat(listing) = scope.store.listing() else { return Ok(()) };
    for name in NAMES {
        scope.write(name, name).await?;
    }
    let after = scope.path("b/1")?;
    let batches: Vec<_> = listing.list(Some(&after)).try_collect().await?;
    let first = batches.into_iter().flat_map(|batch| batch.entries).next();
    let expected = scope.path("b/2/3")?;
    ensure!(first.as_ref().is_some_and(|entry| entry.path == expected), "{first:?} comes after `{after}`");
    Ok(())
}

pub(super) async fn listing_of_a_range(scope: &Scope<'_>) -> Check {
    let Listing::Flat(listing) = scope.store.listing() else { return Ok(()) };
    for name in NAMES {
        scope.write(name, name).await?;
    }
    let cuts = ["a", "a.txt", "b/2", "b0"].map(|name| scope.path(name));
    let cuts = cuts.into_iter().collect::<Check<Vec<_>>>()?;
    let last = scope.path("zz")?;
    let mut found = Vec::new();
    let before = scope.path("a")?.parent();
    for (after, until) in before.iter().chain(&cuts).zip(cuts.iter().chain([&last])) {
        let batches: Vec<_> = listing.list_until(Some(after), until).try_collect().await?;
        let entries: Vec<_> = batches.into_iter().flat_map(|batch| batch.entries).collect();
        let outside = entries.iter().find(|entry| entry.path <= *after || entry.path > *until);
        ensure!(outside.is_none(), "{outside:?} is listed between `{after}` and `{until}`");
        found.extend(entries.into_iter().map(|entry| entry.path));
    }
    let wanted = NAMES.iter().map(|name| scope.path(name)).collect::<Check<Vec<_>>>()?;
    ensure!(found == wanted, "{found:?} is all that is listed");
    Ok(())
}
