//! Large files go over in parts, and none of them twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use syncplan_exec::{Cancel, Ending, Event, ExecError, Job, Report};
use syncplan_model::Plan;
use syncplan_state::StateError;
use syncplan_store::{Store, StoreErrorKind};

use crate::support::{Draft, Fault, Faulty, World, everything, facts, put, read};

/// Twenty parts, and a bit, where stores in memory write in parts; five where folders do.
const IN_MEMORY: usize = 20 * 16 * 1024 + 7;
const IN_FOLDERS: usize = (40 << 20) + 7;

/// Content no two parts of which are the same.
fn content(length: usize) -> String {
    let line = |number: usize| format!("{number:015}\n");
    let mut content: String = (0..=length / 16).map(line).collect();
    content.truncate(length);
    content
}

async fn upload(world: &World, length: usize) -> Plan {
    let source = put(&world.local, "large", &content(length)).await;
    let mut draft = Draft::default();
    draft.upload("large", &source, None, &[]);
    draft.finish()
}

/// Runs the plan until the fault stops it; answers how often each effect happened.
async fn run_into(world: &World, plan: &Plan, fault: Fault) -> (Arc<Faulty>, Option<Report>) {
    let remote = Faulty::new(&world.remote, fault);
    let store: Arc<dyn Store> = Arc::<Faulty>::clone(&remote);
    let job = world.job_with(plan, store);
    let report = tokio::select! {
        report = run_when_free(world, job) => Some(report),
        () = remote.stopped.notified() => None,
    };
    (remote, report)
}

/// A run that was dropped may be putting a part on record for a moment longer.
async fn run_when_free(world: &World, job: Job) -> Report {
    for _ in 0..100 {
        match world.run(job.clone()).await {
            Err(ExecError::State(StateError::Locked { .. })) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            report => return report.unwrap(),
        }
    }
    panic!("the run before holds on to its tasks");
}

fn parts_put(store: &Faulty) -> BTreeSet<String> {
    let happened = store.happened.lock().unwrap();
    assert!(happened.values().all(|&times| times == 1), "{happened:?}");
    happened.keys().filter(|(effect, _)| *effect == "put").map(|(_, path)| path.clone()).collect()
}

async fn check_arrived(world: &World, length: usize) {
    assert_eq!(read(&world.remote, "large").await.unwrap(), content(length));
    assert!(world.state.transfers().await.unwrap().is_empty());
    assert_eq!(world.state.unresolved().await.unwrap(), []);
    let housekeeping = world.remote.housekeeping().unwrap();
    assert_eq!(housekeeping.drafts().await.unwrap(), []);
    if world.root("remote").exists() {
        let left = everything(&world.root("remote"));
        assert!(!left.iter().any(|name| name.contains(".syncplan-tmp-")), "{left:?}");
    }
}

/// Stops before and after every step; what was put is not put again.
async fn check_every_stop(world: impl AsyncFn() -> World, length: usize, fault: impl Fn(usize) -> Fault) {
    let mut stops = 0;
    for at in 1.. {
        let world = world().await;
        let plan = upload(&world, length).await;
        let (before, report) = run_into(&world, &plan, fault(at)).await;
        if report.is_some() {
            break;
        }
        stops += 1;
        let (after, report) = run_into(&world, &plan, Fault::Never).await;
        assert_eq!(report.unwrap().ending, Ending::Done, "stopped at {at}");
        check_arrived(&world, length).await;
        let (before, after) = (parts_put(&before), parts_put(&after));
        let again: Vec<_> = before.intersection(&after).collect();
        assert!(again.is_empty(), "stopped at {at}: {again:?} were put twice");
    }
    assert!(stops > 5, "only {stops} stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_gone_on_with_after_a_stop_before_any_step() {
    check_every_stop(World::of_buckets, IN_MEMORY, Fault::StopBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_gone_on_with_after_a_stop_after_any_step() {
    check_every_stop(World::of_buckets, IN_MEMORY, Fault::StopAfter).await;
}

/// Folders record parts now and then only, and read back what is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_folder_is_gone_on_with() {
    for at in [1, 2, 4, 7] {
        let world = World::of_folders().await;
        let plan = upload(&world, IN_FOLDERS).await;
        let (_, report) = run_into(&world, &plan, Fault::StopBefore(at)).await;
        assert!(report.is_none());
        let (_, report) = run_into(&world, &plan, Fault::Never).await;
        assert_eq!(report.unwrap().ending, Ending::Done, "stopped at {at}");
        check_arrived(&world, IN_FOLDERS).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_found_out() {
    for at in 1..=23 {
        let world = World::of_buckets().await;
        let plan = upload(&world, IN_MEMORY).await;
        let remote: Arc<dyn Store> = Faulty::new(&world.remote, Fault::LoseAnswer(at));
        let report = world.run(world.job_with(&plan, remote)).await.unwrap();
        assert_eq!(report.ending, Ending::Done, "at {at}: {:?}", report.problems);
        assert_eq!(read(&world.remote, "large").await.unwrap(), content(IN_MEMORY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_two_versions_are_never_mixed() {
    for fault in [Fault::StopBefore(9), Fault::StopAfter(20)] {
        let world = World::of_buckets().await;
        let plan = upload(&world, IN_MEMORY).await;
        run_into(&world, &plan, fault).await;
        // The same length, and other content.
        put(&world.local, "large", &content(IN_MEMORY).replace('1', "x")).await;
        let (_, report) = run_into(&world, &plan, Fault::Never).await;
        let report = report.unwrap();
        assert_eq!((report.ending, report.counts.stale), (Ending::Stale, 1), "{:?}", report.problems);
        assert!(world.remote.stat(&crate::support::path("large")).await.unwrap().is_none());
        assert_eq!(world.remote.housekeeping().unwrap().drafts().await.unwrap(), []);
        assert!(world.state.transfers().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_under_the_transfer_is_stale() {
    let world = World::of_buckets().await;
    let plan = upload(&world, IN_MEMORY).await;
    let local = Arc::clone(&world.local);
    let edit = move |effect: &'static str, _: &syncplan_model::RelPath| {
        let local = Arc::clone(&local);
        let future: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            if effect == "put" {
                put(&local, "large", &content(IN_MEMORY).replace('2', "y")).await;
            }
        });
        future
    };
    let remote = Arc::new(Faulty::watched(&world.remote, Fault::Never, Some(Box::new(edit))));
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!((report.ending, report.counts.stale), (Ending::Stale, 1), "{:?}", report.problems);
    assert!(world.remote.stat(&crate::support::path("large")).await.unwrap().is_none());
    assert_eq!(world.remote.housekeeping().unwrap().drafts().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_somebody_threw_away_is_begun_anew() {
    let world = World::of_buckets().await;
    let plan = upload(&world, IN_MEMORY).await;
    let inner = Arc::clone(&world.remote);
    let puts = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let throw = move |effect: &'static str, _: &syncplan_model::RelPath| {
        let (inner, puts) = (Arc::clone(&inner), Arc::clone(&puts));
        let future: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            if effect == "put" && puts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 7 {
                for draft in inner.housekeeping().unwrap().drafts().await.unwrap() {
                    inner.partial_writes().unwrap().abandon(&draft.path, &draft.draft).await.unwrap();
                }
            }
        });
        future
    };
    let remote = Arc::new(Faulty::watched(&world.remote, Fault::Never, Some(Box::new(throw))));
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!(report.ending, Ending::Done, "{:?}", report.problems);
    check_arrived(&world, IN_MEMORY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_good_leaves_no_draft() {
    let world = World::of_buckets().await;
    let plan = upload(&world, IN_MEMORY).await;
    let (_, report) = run_into(&world, &plan, Fault::Refuse(5, StoreErrorKind::Full)).await;
    assert_eq!(report.unwrap().ending, Ending::Partial);
    assert_eq!(world.remote.housekeeping().unwrap().drafts().await.unwrap(), []);
    assert!(world.state.transfers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_to_stop_stops_between_parts() {
    let world = World::of_buckets().await;
    let plan = upload(&world, IN_MEMORY).await;
    let cancel = Cancel::new();
    let remote = Faulty::new(&world.remote, Fault::Never);
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    job.cancel = cancel.clone();
    let passed = Arc::new(Mutex::new(0));
    let sum = Arc::clone(&passed);
    job.events = Arc::new(move |event| {
        if let Event::Progress { bytes, .. } = event {
            *sum.lock().unwrap() += bytes;
            if *sum.lock().unwrap() > 5 * 16 * 1024 {
                cancel.cancel();
            }
        }
    });
    let report = world.run(job).await.unwrap();
    assert_eq!((report.ending, report.counts.not_begun), (Ending::Interrupted, 1));
    let sent = parts_put(&remote);
    assert!((5..20).contains(&sent.len()), "{}", sent.len());
    assert_eq!(world.state.transfers().await.unwrap()[0].transfer.parts.len(), sent.len());

    let (after, report) = run_into(&world, &plan, Fault::Never).await;
    assert_eq!(report.unwrap().ending, Ending::Done);
    assert_eq!(parts_put(&after).intersection(&sent).count(), 0);
    check_arrived(&world, IN_MEMORY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_is_kept_before() {
    let world = World::of_buckets().await;
    let old = put(&world.remote, "large", "what was there").await;
    let source = put(&world.local, "large", &content(IN_MEMORY)).await;
    let mut draft = Draft::default();
    let id = draft.upload("large", &source, Some(&old), &[]);
    draft.keep(id, "x/large");
    let plan = draft.finish();
    run_into(&world, &plan, Fault::StopAfter(10)).await;
    assert_eq!(read(&world.remote, "large").await.unwrap(), "what was there");
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    check_arrived(&world, IN_MEMORY).await;
    assert_eq!(read(&world.remote, ".syncplan/trash/x/large").await.unwrap(), "what was there");
    let trash = world.state.trash(&crate::support::task()).await.unwrap();
    let there = facts(&world.remote, ".syncplan/trash/x/large").await;
    assert_eq!((trash.len(), &trash[0].trashed.facts.token), (1, &there.token));
}

/// The plan knows no token, and size and time are the same: only the token of the first try tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_in_a_folder_is_of_one_version() {
    let world = World::of_folders().await;
    let (before, mut after) = (content(IN_FOLDERS), content(IN_FOLDERS).into_bytes());
    after.swap(3 << 20 | 14, (39 << 20) | 13);
    after.swap((3 << 20) | 13, (39 << 20) | 12);
    let after = String::from_utf8(after).unwrap();
    assert_ne!(before, after);
    let source = put(&world.local, "large", &before).await;
    let mut draft = Draft::default();
    draft.upload("large", &syncplan_model::Facts { token: None, ..source }, None, &[]);
    let plan = draft.finish();
    let (_, report) = run_into(&world, &plan, Fault::StopBefore(5)).await;
    assert!(report.is_none());
    // As after a few seconds, when the parts were put on record.
    record_parts(&world, &before).await;
    put(&world.local, "large", &after).await;
    let (_, report) = run_into(&world, &plan, Fault::Never).await;
    let report = report.unwrap();
    assert_eq!(report.ending, Ending::Done, "{:?}", report.problems);
    assert!(read(&world.remote, "large").await.unwrap() == after, "two versions were mixed");
}

/// Has the journal know the first parts of a transfer that was interrupted.
async fn record_parts(world: &World, content: &str) {
    let open = world.state.transfers().await.unwrap();
    let transfer = &open[0].transfer;
    let size = usize::try_from(transfer.part_size).unwrap();
    let file = world.state.describe().to_owned();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for number in 0..3_usize {
        let digest = syncplan_model::Digest::of(&content.as_bytes()[number * size..(number + 1) * size]);
        sqlx::query("INSERT OR REPLACE INTO part (run, action, number, digest) SELECT run, action, ?, ? FROM transfer")
            .bind(number as i64)
            .bind(digest.as_bytes().as_slice())
            .execute(&pool)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_not_what_was_planned_never_arrives() {
    let world = World::of_buckets().await;
    let source = put(&world.local, "large", &content(IN_MEMORY)).await;
    let mut draft = Draft::default();
    let digest = Some(syncplan_model::Digest::of(b"something else"));
    draft.upload("large", &syncplan_model::Facts { digest, ..source }, None, &[]);
    let report = world.apply(&draft.finish()).await;
    assert_eq!((report.ending, report.counts.stale), (Ending::Stale, 1), "{:?}", report.problems);
    assert!(world.remote.stat(&crate::support::path("large")).await.unwrap().is_none());
}

/// All of it was read when it changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_at_the_very_end_is_stale() {
    let world = World::of_buckets().await;
    let plan = upload(&world, IN_MEMORY).await;
    let local = Arc::clone(&world.local);
    let edit = move |effect: &'static str, path: &syncplan_model::RelPath| {
        let (local, is_last) = (Arc::clone(&local), effect == "put" && path.to_string() == "large/20");
        let future: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            if is_last {
                put(&local, "large", &content(IN_MEMORY).replace('2', "y")).await;
            }
        });
        future
    };
    let remote = Arc::new(Faulty::watched(&world.remote, Fault::Never, Some(Box::new(edit))));
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!((report.ending, report.counts.stale), (Ending::Stale, 1), "{:?}", report.problems);
    assert!(world.remote.stat(&crate::support::path("large")).await.unwrap().is_none());
}
