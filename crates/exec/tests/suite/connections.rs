//! Stores that are asked for too much, or cannot be reached for a while.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use syncplan_exec::{Cancel, Ending, Event, Job};
use syncplan_model::{Plan, Rate};
use syncplan_store::StoreErrorKind;

use crate::support::{Draft, Fault, Faulty, World, contents, put};

async fn uploads(world: &World, count: usize) -> Plan {
    let mut draft = Draft::default();
    for number in 0..count {
        let name = format!("file{number:03}");
        draft.upload(&name, &put(&world.local, &name, &format!("content {number}")).await, None, &[]);
    }
    draft.finish()
}

/// What a run says of its stores.
fn watch(job: &mut Job) -> Arc<Mutex<Vec<String>>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&said);
    job.events = Arc::new(move |event| {
        let line = match event {
            Event::Offline { store, .. } => format!("{store} is offline"),
            Event::Online { store, .. } => format!("{store} is online"),
            Event::Throttled { store, jobs, .. } => format!("{store} takes {jobs}"),
            _ => return,
        };
        list.lock().unwrap().push(line);
    });
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_back_is_gone_on_with() {
    let world = World::of_buckets().await;
    let plan = uploads(&world, 50).await;
    let remote = Faulty::new(&world.remote, Fault::Offline { from: 10, probes: 2 });
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    // It costs no tries.
    job.options.retry.times = 0;
    let said = watch(&mut job);
    let report = world.run(job).await.unwrap();
    assert_eq!((report.ending, report.counts.applied), (Ending::Done, 50), "{:?}", report.problems);
    assert_eq!(*said.lock().unwrap(), ["remote is offline", "remote is online"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_need_the_store_goes_on() {
    let world = World::of_buckets().await;
    let mut draft = Draft::default();
    for number in 0..40 {
        let name = format!("file{number:03}");
        draft.upload(&name, &put(&world.local, &name, &format!("content {number}")).await, None, &[]);
    }
    for number in 0..40 {
        let name = format!("old{number:03}");
        let old = put(&world.local, &name, "old").await;
        // Later in the plan than all that waits.
        draft.add(
            syncplan_model::plan::Op::Copy,
            syncplan_model::plan::Side::Local,
            Some((&name, &old)),
            (&format!("zcopy{number:03}"), None),
            Some(&old),
            &[],
        );
    }
    let plan = draft.finish();
    let remote = Faulty::new(&world.remote, Fault::Offline { from: 1, probes: usize::MAX });
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    job.options.jobs = 4;
    let cancel = Cancel::new();
    job.cancel = cancel.clone();
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    job.events = Arc::new(move |event| {
        let finished = matches!(event, Event::ActionFinished { .. });
        if finished && count.fetch_add(1, Ordering::SeqCst) + 1 == 40 {
            cancel.cancel();
        }
    });
    let report = tokio::time::timeout(Duration::from_secs(20), world.run(job)).await.unwrap().unwrap();
    assert_eq!((report.ending, report.counts.applied, report.counts.failed), (Ending::Interrupted, 40, 0));
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    assert_eq!(contents(&world.remote).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_away_is_given_up_in_the_end() {
    let world = World::of_buckets().await;
    let plan = uploads(&world, 30).await;
    let remote = Faulty::new(&world.remote, Fault::Offline { from: 5, probes: usize::MAX });
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    job.options.max_offline = Some(Duration::from_millis(300));
    let began = Instant::now();
    let report = world.run(job).await.unwrap();
    assert_eq!((report.ending, report.counts.failed), (Ending::Partial, 26), "{:?}", report.counts);
    let message = &report.problems[0].message;
    assert!(message.contains("could not be reached for 300 ms"), "{message}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_elsewhere_is_tried_again_a_few_times() {
    let world = World::of_buckets().await;
    let plan = uploads(&world, 3).await;
    let remote = Faulty::new(&world.remote, Fault::Refuse(1, StoreErrorKind::Unreachable));
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!((report.ending, report.counts.failed), (Ending::Partial, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_asked_for_too_much_is_asked_for_less() {
    let world = World::of_buckets().await;
    let plan = uploads(&world, 200).await;
    let remote = Faulty::new(&world.remote, Fault::Throttle { from: 20, to: 40 });
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    job.options.jobs = 16;
    job.options.retry.times = 10;
    let said = watch(&mut job);
    let report = world.run(job).await.unwrap();
    assert_eq!((report.ending, report.counts.applied), (Ending::Done, 200), "{:?}", report.problems);
    let said = said.lock().unwrap();
    assert!(said.iter().any(|line| line.starts_with("remote takes ")), "{said:?}");
    assert!(said.iter().all(|line| line.starts_with("remote")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_as_long_as_its_bandwidth_says() {
    let world = World::of_buckets().await;
    let plan = uploads(&world, 100).await;
    let bytes: u64 = plan.actions().iter().map(|action| action.bytes).sum();
    let mut job = world.job(&plan);
    job.options.bandwidth = Rate::per_second(bytes);
    let began = Instant::now();
    assert_eq!(world.run(job).await.unwrap().ending, Ending::Done);
    let took = began.elapsed().as_secs_f64();
    assert!((0.85..5.0).contains(&took), "{took}");
}

/// The parts of a large file wait with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_on_where_it_was() {
    let world = World::of_buckets().await;
    let content = "x".repeat(20 * 16 * 1024);
    let mut draft = Draft::default();
    draft.upload("large", &put(&world.local, "large", &content).await, None, &[]);
    let plan = draft.finish();
    let remote = Faulty::new(&world.remote, Fault::Offline { from: 12, probes: 1 });
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    job.options.retry.times = 0;
    let report = world.run(job).await.unwrap();
    assert_eq!(report.ending, Ending::Done, "{:?}", report.problems);
    assert!(remote.happened.lock().unwrap().values().all(|&times| times == 1));
    assert_eq!(contents(&world.remote).await["large"], content);
}

/// What is there of a large file is not thrown away with the run that gave up.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_waits_for_the_next_run() {
    let world = World::of_buckets().await;
    let content = "x".repeat(20 * 16 * 1024);
    let mut draft = Draft::default();
    draft.upload("large", &put(&world.local, "large", &content).await, None, &[]);
    let plan = draft.finish();
    let remote = Faulty::new(&world.remote, Fault::Offline { from: 12, probes: usize::MAX });
    let mut job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    job.options.max_offline = Some(Duration::from_millis(50));
    let report = world.run(job).await.unwrap();
    assert_eq!((report.ending, report.counts.failed), (Ending::Partial, 1));
    assert_eq!(world.state.unresolved().await.unwrap().len(), 1);

    let back = Faulty::new(&world.remote, Fault::Never);
    let report = world.run(world.job_with(&plan, Arc::<Faulty>::clone(&back))).await.unwrap();
    assert_eq!(report.ending, Ending::Done, "{:?}", report.problems);
    assert_eq!(contents(&world.remote).await["large"], content);
    let (before, after) = (remote.happened.lock().unwrap(), back.happened.lock().unwrap());
    assert!(before.len() > 5 && after.keys().all(|effect| !before.contains_key(effect)), "{after:?}");
}
