//! A run that ends anywhere is gone on with.

use std::collections::HashMap;
use std::sync::Arc;

use syncplan_exec::{Ending, ExecError};
use syncplan_model::plan::{Op, Side};
use syncplan_model::{Facts, Mtime, Plan};
use syncplan_store::Store;

use crate::everyday::{buckets_that_differ, check_done, folders_that_differ};
use crate::support::{Draft, Fault, Faulty, World, contents, everything, put};

/// Runs the plan until the fault stops it; answers whether it did.
async fn run_into(world: &World, plan: &Plan, fault: Fault) -> (Arc<Faulty>, bool) {
    let remote = Faulty::new(&world.remote, fault);
    let store: Arc<dyn Store> = Arc::<Faulty>::clone(&remote);
    let mut job = world.job_with(plan, store);
    job.options.jobs = 3;
    let stopped = tokio::select! {
        report = world.run(job) => { report.unwrap(); false }
        () = remote.stopped.notified() => true,
    };
    (remote, stopped)
}

async fn check_every_stop(world: impl AsyncFn() -> (World, Plan), fault: impl Fn(usize) -> Fault) {
    let mut stops = 0;
    for at in 1.. {
        let (world, plan) = world().await;
        let (before, stopped) = run_into(&world, &plan, fault(at)).await;
        if !stopped {
            break;
        }
        stops += 1;
        // Recovery is interrupted too, and then comes to its end.
        let (between, _) = run_into(&world, &plan, fault(1 + at % 4)).await;
        let (after, stopped) = run_into(&world, &plan, Fault::Never).await;
        assert!(!stopped);
        check_done(&world).await;
        assert_eq!(world.state.unresolved().await.unwrap(), []);
        let mut happened = std::mem::take(&mut *before.happened.lock().unwrap());
        for run in [between, after] {
            for (effect, times) in run.happened.lock().unwrap().drain() {
                *happened.entry(effect).or_default() += times;
            }
        }
        assert!(happened.values().all(|&times| times == 1), "stopped at {at}: {happened:?}");
        assert!(world.apply(&plan).await.already_applied, "stopped at {at}");
    }
    assert!(stops >= 9, "only {stops} stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_survive_a_stop_before_any_effect() {
    check_every_stop(folders_that_differ, Fault::StopBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_survive_a_stop_after_any_effect() {
    check_every_stop(folders_that_differ, Fault::StopAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_survive_a_stop_before_any_effect() {
    check_every_stop(buckets_that_differ, Fault::StopBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_survive_a_stop_after_any_effect() {
    check_every_stop(buckets_that_differ, Fault::StopAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plan_waits_until_an_interrupted_one_is_settled() {
    let (world, plan) = buckets_that_differ().await;
    run_into(&world, &plan, Fault::StopAfter(2)).await;
    let unresolved = world.state.unresolved().await.unwrap();
    assert_eq!((unresolved.len(), &unresolved[0].plan_id), (1, &plan.id().to_string()));

    let mut other = Draft::default();
    other.upload("c", &put(&world.local, "c", "3").await, None, &[]);
    let refused = world.run(world.job(&other.finish())).await.unwrap_err();
    assert!(refused.to_string().contains("not settled"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_effect_has_its_intent_on_record() {
    let (world, plan) = folders_that_differ().await;
    let file = world.state.describe().to_owned();
    let pool = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(file))
        .await
        .unwrap();
    let actions = plan.actions().to_vec();
    let seen = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let remote = Faulty::watched(
        &world.remote,
        Fault::Never,
        Some(Box::new(move |_, path| {
            let ids: Vec<_> =
                actions.iter().filter(|it| it.path == *path).map(|it| it.id.as_bytes().to_vec()).collect();
            let (pool, count) = (pool.clone(), Arc::clone(&count));
            Box::pin(async move {
                let mut intents = 0;
                for id in ids {
                    let query = sqlx::query("SELECT 1 FROM action WHERE id = ? AND outcome IS NULL").bind(id);
                    intents += query.fetch_all(&pool).await.unwrap().len();
                }
                assert!(intents > 0);
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            })
        })),
    );
    let report = world.run(world.job_with(&plan, Arc::new(remote))).await.unwrap();
    assert_eq!(report.ending, Ending::Done);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), plan.actions().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_on_record_only_once_its_effect_is_durable() {
    let (world, plan) = folders_that_differ().await;
    let remote = Faulty::new(&world.remote, Fault::NoSync);
    let store: Arc<dyn Store> = Arc::<Faulty>::clone(&remote);
    let error = world.run(world.job_with(&plan, store)).await.unwrap_err();
    assert!(matches!(error, ExecError::Sync(_)), "{error}");
    assert!(remote.effects() > 0);
    let run = world.state.history(1).await.unwrap()[0].run;
    assert_eq!(world.state.outcomes(run).await.unwrap(), HashMap::new());
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    check_done(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_write_left_is_cleared_away() {
    let (world, plan) = folders_that_differ().await;
    run_into(&world, &plan, Fault::StopBefore(1)).await;
    let document = syncplan_state::NewRun {
        plan_id: plan.id(),
        instance: "once",
        plan: b"",
        tasks: vec![],
        actions: 0,
        tool: "test",
        overrides: None,
    };
    let open = world.state.begin(&document).await.unwrap().open;
    let temporaries: Vec<_> = open.into_iter().filter_map(|intent| intent.temporary).collect();
    assert!(!temporaries.is_empty());
    for temporary in &temporaries {
        let file = world.root("remote").join(temporary.as_str().unwrap());
        if file.parent().unwrap().is_dir() {
            std::fs::write(file, "").unwrap();
        }
    }
    assert!(everything(&world.root("remote")).iter().any(|name| name.contains(".syncplan-tmp-")));
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    check_done(&world).await;
}

/// Content that does not come to its end, as when a process is killed while it writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_dropped_in_the_middle_of_a_transfer_is_gone_on_with() {
    let world = World::of_folders().await;
    let content = "x".repeat(5_000_000);
    let source = put(&world.local, "large", &content).await;
    let old = put(&world.remote, "large", "old").await;
    let mut draft = Draft::default();
    draft.upload("large", &source, Some(&old), &[]);
    let plan = draft.finish();
    let passing = Arc::new(tokio::sync::Notify::new());
    let mut job = world.job(&plan);
    let passed = Arc::clone(&passing);
    job.events = Arc::new(move |event| {
        if matches!(event, syncplan_exec::Event::Progress { .. }) {
            passed.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = passing.notified() => {}
        report = world.run(job) => panic!("it ended: {report:?}"),
    }
    assert_eq!(contents(&world.remote).await["large"], "old");
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    check_done(&world).await;
}

/// What a power loss leaves of a new file: its name and its time, and a part of its content, or another.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_that_lost_its_content_with_the_power_is_written_again() {
    for (left, kept) in [("", false), ("wor", false), ("\0\0\0\0\0\0", true)] {
        let world = World::of_folders().await;
        let mut draft = Draft::default();
        let facts = put(&world.local, "a", "worlds").await;
        draft.upload("a", &facts, None, &[]);
        let plan = draft.finish();
        run_into(&world, &plan, Fault::StopAfter(1)).await;
        let torn = world.root("remote").join("a");
        let time = std::fs::metadata(&torn).unwrap().modified().unwrap();
        std::fs::write(&torn, left).unwrap();
        std::fs::File::options().write(true).open(&torn).unwrap().set_modified(time).unwrap();

        let report = world.apply(&plan).await;
        assert_eq!(
            (report.ending, std::fs::read_to_string(&torn).unwrap().as_str()),
            (Ending::Done, "worlds")
        );
        assert_eq!(world.root("remote").join(".syncplan/trash").exists(), kept, "{left:?}");
    }
}

/// A file that somebody else put there meanwhile has another time.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_put_there_stays() {
    let world = World::of_folders().await;
    let mut draft = Draft::default();
    draft.upload("a", &put(&world.local, "a", "worlds").await, None, &[]);
    let plan = draft.finish();
    run_into(&world, &plan, Fault::StopAfter(1)).await;
    std::fs::write(world.root("remote").join("a"), "").unwrap();
    assert_eq!(world.apply(&plan).await.ending, Ending::Stale);
    assert_eq!(std::fs::read(world.root("remote").join("a")).unwrap(), b"");
}

/// Permission bits are set before the time: killed in between, the file is a bit of both.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_half_set_is_set() {
    use std::os::unix::fs::PermissionsExt as _;

    for edited in [false, true] {
        let world = World::of_folders().await;
        let facts = put(&world.remote, "a", "1").await;
        let wanted =
            Facts { mtime: Some(Mtime { seconds: 7, nanos: 0 }), mode: Some(0o640), ..facts.clone() };
        let mut draft = Draft::default();
        draft.add(Op::SetMetadata, Side::Remote, None, ("a", Some(&facts)), Some(&wanted), &[]);
        let plan = draft.finish();
        let (_, stopped) = run_into(&world, &plan, Fault::StopBefore(1)).await;
        assert!(stopped);
        let file = world.root("remote").join("a");
        if edited {
            std::fs::write(&file, "2").unwrap();
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();

        let ending = if edited { Ending::Stale } else { Ending::Done };
        assert_eq!(world.apply(&plan).await.ending, ending);
        let time = std::fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!(time == std::time::UNIX_EPOCH + std::time::Duration::from_secs(7), !edited);
    }
}
