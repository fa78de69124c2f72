//! Effects that happen although the store says that they did not, and stores that refuse.

use std::sync::Arc;

use syncplan_exec::{Counts, Ending};
use syncplan_store::{Store, StoreErrorKind};

use crate::everyday::{buckets_that_differ, check_done, folders_that_differ};
use crate::support::{Fault, Faulty, everything};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_found_out() {
    for at in 1..=17 {
        let (world, plan) = folders_that_differ().await;
        let remote: Arc<dyn Store> = Faulty::new(&world.remote, Fault::LoseAnswer(at));
        let report = world.run(world.job_with(&plan, remote)).await.unwrap();
        let applied = plan.actions().len() as u64 - 1;
        assert_eq!(
            report.counts,
            Counts { applied, already_satisfied: 1, ..Counts::default() },
            "at {at}: {:?}",
            report.problems
        );
        check_done(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_found_out_in_buckets() {
    for at in 1..=10 {
        let (world, plan) = buckets_that_differ().await;
        let remote: Arc<dyn Store> = Faulty::new(&world.remote, Fault::LoseAnswer(at));
        let report = world.run(world.job_with(&plan, remote)).await.unwrap();
        assert_eq!(report.counts.already_satisfied, 1, "at {at}: {:?}", report.problems);
        check_done(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_fails_and_the_next_run_goes_on() {
    for at in 1..=17 {
        let (world, plan) = folders_that_differ().await;
        let remote: Arc<dyn Store> = Faulty::new(&world.remote, Fault::Refuse(at, StoreErrorKind::Full));
        let report = world.run(world.job_with(&plan, remote)).await.unwrap();
        assert_eq!(report.ending, Ending::Partial);
        assert!(report.counts.failed > 0 && report.counts.stale == 0, "{report:?}");
        assert!(report.problems[0].message.contains("full"), "{:?}", report.problems);
        let left = everything(world.folder.path());
        assert!(!left.iter().any(|name| name.contains(".syncplan-tmp-")), "{left:?}");

        let report = world.apply(&plan).await;
        assert_eq!((report.ending, &report.problems), (Ending::Done, &vec![]), "at {at}");
        check_done(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_the_moment_is_tried_again_and_then_given_up() {
    let (world, plan) = buckets_that_differ().await;
    let faulty = Faulty::new(&world.remote, Fault::Refuse(1, StoreErrorKind::Transient));
    let remote: Arc<dyn Store> = Arc::<Faulty>::clone(&faulty);
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!(report.ending, Ending::Partial);
    // Each of those that were tried, once and three times more.
    assert_eq!(faulty.effects() as u64, report.counts.failed * 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_keeps_others_from_planning() {
    let world = crate::support::World::of_buckets().await;
    let (a, b) = (
        crate::support::put(&world.remote, "a", "1").await,
        crate::support::put(&world.remote, "b", "2").await,
    );
    let mut draft = crate::support::Draft::default();
    crate::everyday::swap(&mut draft, &a, &b);
    let plan = draft.finish();
    let remote: Arc<dyn Store> = Faulty::new(&world.remote, Fault::Refuse(2, StoreErrorKind::Denied));
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!((report.counts.failed, report.counts.skipped), (1, 1));
    assert_eq!(world.state.unresolved().await.unwrap()[0].count, 1);

    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    assert_eq!(world.state.unresolved().await.unwrap(), []);
}
