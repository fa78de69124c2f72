//! Remote sides that several machines write to.

use std::sync::Arc;
use std::time::Duration;

use syncplan_exec::{Cancel, Ending, ExecError, Job, Sides, break_lease, read_lease};
use syncplan_model::Plan;
use syncplan_store::Store;

use crate::support::{Draft, Fault, Faulty, World, contents, put, read, task};

const LEASE: &str = ".syncplan/lease";

async fn upload(world: &World) -> Plan {
    let mut draft = Draft::default();
    draft.upload("a", &put(&world.local, "a", "1").await, None, &[]);
    draft.finish()
}

fn job(world: &World, plan: &Plan, remote: Arc<dyn Store>, period: Duration) -> Job {
    let sides = Sides { lease: Some(period), ..Sides::new(Arc::clone(&world.local), remote) };
    let mut job = world.job(plan);
    job.sides = [(task(), sides)].into();
    job
}

fn leased(world: &World, plan: &Plan, period: Duration) -> Job {
    job(world, plan, Arc::clone(&world.remote), period)
}

const LONG: Duration = Duration::from_secs(120);

/// A lease as a run on another machine would leave it.
async fn held_elsewhere(world: &World, heartbeat: &str, boot: &str) {
    let lease = format!(
        r#"{{"format":"syncplan.lease","id":"other","host":"elsewhere","process":{{"pid":7,"boot":"{boot}","namespace":"pid:[1]","started":1}},"run":3,"plan":"p","tasks":["files"],"since":1,"heartbeat":{heartbeat},"period":1000}}"#
    );
    put(&world.remote, LEASE, &lease).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_taken_and_given_back() {
    for world in [World::of_buckets().await, World::of_folders().await] {
        let plan = upload(&world).await;
        let inner = Arc::clone(&world.remote);
        let seen = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let noted = Arc::clone(&seen);
        let look = move |_: &'static str, path: &syncplan_model::RelPath| {
            let (inner, noted, ours) = (Arc::clone(&inner), Arc::clone(&noted), path.is_reserved());
            let future: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
                if !ours {
                    let lease = read_lease(inner.as_ref()).await.unwrap().unwrap();
                    assert_eq!(lease.tasks, [task()]);
                    noted.store(true, std::sync::atomic::Ordering::SeqCst);
                }
            });
            future
        };
        let remote = Arc::new(Faulty::watched(&world.remote, Fault::Never, Some(Box::new(look))));
        let report = world.run(job(&world, &plan, remote, LONG)).await.unwrap();
        assert_eq!(report.ending, Ending::Done);
        assert!(seen.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(read_lease(world.remote.as_ref()).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_while_somebody_else_holds_it() {
    let world = World::of_buckets().await;
    let plan = upload(&world).await;
    // Its time is over, and still nobody here knows whether it goes on.
    held_elsewhere(&world, "1000", "another").await;
    match world.run(leased(&world, &plan, LONG)).await.unwrap_err() {
        ExecError::Leased { task: of, store, holder } => {
            assert_eq!(of, task());
            assert_eq!((store.as_str(), holder.unwrap().host.as_str()), ("remote", "elsewhere"));
        }
        other => panic!("{other}"),
    }
    assert!(!contents(&world.remote).await.contains_key("a"));
    assert_eq!(world.state.unresolved().await.unwrap(), []);

    let broken = break_lease(world.remote.as_ref()).await.unwrap().unwrap();
    assert_eq!(broken.run, 3);
    assert_eq!(world.run(leased(&world, &plan, LONG)).await.unwrap().ending, Ending::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_lease_is_not_ours_to_remove() {
    let world = World::of_buckets().await;
    let plan = upload(&world).await;
    put(&world.remote, LEASE, "hello").await;
    let refused = world.run(leased(&world, &plan, LONG)).await.unwrap_err();
    assert!(matches!(refused, ExecError::Leased { holder: None, .. }), "{refused}");
    assert_eq!(read(&world.remote, LEASE).await.unwrap(), "hello");
    assert_eq!(break_lease(world.remote.as_ref()).await.unwrap(), None);
    assert_eq!(read(&world.remote, LEASE).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_held_is_taken_over() {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap().display().to_string();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    // A process of this machine that began another time than it: it is gone.
    let lease = |namespace: &str| {
        format!(
            r#"{{"format":"syncplan.lease","id":"other","host":"here","process":{{"pid":1,"boot":"{}","namespace":"{namespace}","started":999999999999}},"run":3,"plan":"p","tasks":["files"],"since":1,"heartbeat":{now},"period":60000}}"#,
            boot.trim()
        )
    };
    let world = World::of_buckets().await;
    let plan = upload(&world).await;
    // Of a process in another container nothing can be known.
    put(&world.remote, LEASE, &lease("pid:[1]")).await;
    let refused = world.run(leased(&world, &plan, LONG)).await.unwrap_err();
    assert!(matches!(refused, ExecError::Leased { .. }), "{refused}");
    put(&world.remote, LEASE, &lease(&namespace)).await;
    assert_eq!(world.run(leased(&world, &plan, LONG)).await.unwrap().ending, Ending::Done);
    assert_eq!(read(&world.remote, LEASE).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_found_out() {
    for at in 1..=4 {
        let world = World::of_buckets().await;
        let plan = upload(&world).await;
        let remote = Faulty::new(&world.remote, Fault::LoseAnswer(at));
        let report = world.run(job(&world, &plan, remote, LONG)).await.unwrap();
        assert_eq!(report.ending, Ending::Done, "at {at}");
        assert_eq!(read(&world.remote, LEASE).await, None);
    }
}

/// The run waits for a store that is out of reach while its lease is broken.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_lease_is_lost_stops_at_once() {
    let world = World::of_buckets().await;
    let plan = upload(&world).await;
    let remote = Faulty::new(&world.remote, Fault::Offline { from: 2, probes: usize::MAX });
    let mut job = job(&world, &plan, remote, Duration::from_millis(300));
    job.options.max_offline = None;
    job.cancel = Cancel::new();
    let inner = Arc::clone(&world.remote);
    let breaker = async {
        while break_lease(inner.as_ref()).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        held_elsewhere(&world, "1000", "another").await;
    };
    let run = tokio::time::timeout(Duration::from_secs(10), world.run(job));
    let (result, ()) = tokio::join!(run, breaker);
    match result.unwrap().unwrap_err() {
        ExecError::LeaseLost { store, holder } => {
            assert_eq!((store.as_str(), holder.unwrap().host.as_str()), ("remote", "elsewhere"));
        }
        other => panic!("{other}"),
    }
    assert!(!contents(&world.remote).await.contains_key("a"));
    // What others hold is not given back.
    assert!(read_lease(world.remote.as_ref()).await.unwrap().is_some());
}
