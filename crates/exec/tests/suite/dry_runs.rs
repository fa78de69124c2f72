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

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_a_two_way_plan_changes_nothing_on_either_side() {
    for (world, plan) in crate::two_way::worlds().await {
        let look_at_all = || {
            let roots = ["local", "remote"].map(|side| world.root(side)).into_iter();
            roots.filter(|root| root.exists()).map(|root| look(&root)).collect::<Vec<_>>()
        };
        let before = (look_at_all(), crate::two_way::agreed(&world).await);
        let objects = (contents(&world.local).await, contents(&world.remote).await);
        let foretold = dry_run(world.job(&plan), None).await.unwrap();
        assert_eq!((look_at_all(), crate::two_way::agreed(&world).await), before);
        assert_eq!((contents(&world.local).await, contents(&world.remote).await), objects);

        let applied = plan.actions().len() as u64;
        assert_eq!(foretold.counts, Counts { applied, ..Counts::default() }, "{:?}", foretold.problems);
        assert_eq!(world.apply(&plan).await.counts, foretold.counts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_knows_what_an_interrupted_run_kept() {
    let mut interrupted = 0;
    for at in 1..=18 {
        let (world, plan) =
            crate::two_way::sides_that_differ(crate::support::World::of_folders().await).await;
        let (_, stopped) =
            crate::two_way::run_into(&world, &plan, crate::support::Fault::StopAfter(at)).await;
        interrupted += usize::from(stopped);
        let document =
            Document { plan_id: plan.id(), instance: "once", bytes: b"", tool: "test", overrides: None };
        let foretold = dry_run(world.job(&plan), Some((&world.state, &document))).await.unwrap();
        // What was kept and not replaced yet is no contradiction. Whether a merge was written, or a
        // moved file arrived before another took its place, only the real run finds out.
        let kept = |name: &str| foretold.problems.iter().all(|it| it.path != crate::support::path(name));
        let all = ["replaced", "unknown", "over", "copied"].into_iter().all(kept);
        assert!(all && foretold.counts.failed == 0, "at {at}: {:?}", foretold.problems);
    }
    assert!(interrupted >= 15, "only {interrupted} stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_foretells_what_cannot_be_merged_or_kept() {
    let (world, plan) = crate::two_way::sides_that_differ(crate::support::World::of_folders().await).await;
    put(&world.remote, ".syncplan/trash/1/replaced", "something else").await;
    let mut job = world.job(&plan);
    job.sides.get_mut(&crate::support::task()).unwrap().merge.clear();
    let foretold = dry_run(job.clone(), None).await.unwrap();
    assert_eq!((foretold.counts.failed, foretold.counts.stale, foretold.counts.skipped), (1, 1, 1));
    assert_eq!(world.run(job).await.unwrap().counts, foretold.counts);
}
