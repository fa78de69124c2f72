//! Runs that change nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use syncplan_exec::{Counts, Document, Ending, dry_run};

use crate::everyday::{buckets_that_differ, folders_that_differ};
use crate::support::{contents, everything, put};

/// Everything about every name: nothing of it may change.
fn look(root: &Path) -> Vec<(String, u64, i64, i64, u64)> {
    let mut all: Vec<_> = everything(root)
        .into_iter()
        .map(|name| {
            let meta = std::fs::symlink_metadata(&name).unwrap();
            (name, meta.ino(), meta.ctime(), meta.ctime_nsec(), meta.len())
        })
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_foretells_the_run() {
    for (world, plan) in [folders_that_differ().await, buckets_that_differ().await] {
        let folders =
            ["local", "remote"].map(|side| world.root(side)).into_iter().filter(|root| root.exists());
        let before: Vec<_> = folders.clone().map(|root| look(&root)).collect();
        let objects = contents(&world.remote).await;
        let document =
            Document { plan_id: plan.id(), instance: "once", bytes: b"", tool: "test", overrides: None };
        let foretold = dry_run(world.job(&plan), Some((&world.state, &document))).await.unwrap();
        assert_eq!(folders.map(|root| look(&root)).collect::<Vec<_>>(), before);
        assert_eq!(contents(&world.remote).await, objects);
        assert_eq!(world.state.history(1).await.unwrap(), []);

        let applied = plan.actions().len() as u64;
        assert_eq!(foretold.counts, Counts { applied, ..Counts::default() }, "{:?}", foretold.problems);
        let report = world.apply(&plan).await;
        assert_eq!((foretold.counts, foretold.bytes), (report.counts, report.bytes));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_foretells_what_is_stale() {
    let (world, plan) = folders_that_differ().await;
    put(&world.remote, "a", "edited").await;
    put(&world.remote, "u", "edited").await;
    let foretold = dry_run(world.job(&plan), None).await.unwrap();
    assert_eq!(foretold.ending, Ending::Stale);
    let report = world.apply(&plan).await;
    assert_eq!(foretold.counts, report.counts);
    assert_eq!((report.counts.stale, report.counts.skipped), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_knows_what_was_done() {
    let (world, plan) = folders_that_differ().await;
    world.apply(&plan).await;
    let document =
        Document { plan_id: plan.id(), instance: "once", bytes: b"", tool: "test", overrides: None };
    let foretold = dry_run(world.job(&plan), Some((&world.state, &document))).await.unwrap();
    assert!(foretold.already_applied);
    assert_eq!(foretold.counts, Counts::default());
}
