//! Places of one name that are not one place: a folder and a bucket, and the buckets of two servers.

use std::sync::Arc;
use std::time::Duration;

use syncplan_exec::{
    Collect, Ending, ExecError, Fate, Found, Job, Retry, Sides, Tended, collect, read_lease,
};
use syncplan_model::plan::{Address, Side};
use syncplan_model::{Plan, TaskName};
use syncplan_store::{MemoryStore, Store};

use crate::support::{At, Draft, Fault, Faulty, World, contents, put};

const HERE: At = ("s3", Some("b3:1"), "photos");

/// A bucket, and what has its name and is not it.
const OTHERS: [At; 2] = [("local", None, "photos"), ("s3", Some("b3:2"), "photos")];

fn name(name: &str) -> TaskName {
    TaskName::new(name).unwrap()
}

fn photos() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new("photos"))
}

/// Two tasks, each of which uploads a file of its own.
async fn two_uploads(world: &World, other: At) -> Plan {
    let mut draft = Draft::default();
    for at in ["x", "y"] {
        draft.upload(at, &put(&world.local, at, at).await, None, &[]);
    }
    let draft = draft.edit(|action| {
        action.task = name(action.path.as_str().unwrap());
        action.id = action.identity();
    });
    draft.finish_at(&[("x", &[], HERE), ("y", &[], other)])
}

fn job(world: &World, plan: &Plan, remotes: [Arc<dyn Store>; 2], lease: Option<Duration>) -> Job {
    let sides = |remote| Sides { lease, ..Sides::new(Arc::clone(&world.local), remote) };
    let [x, y] = remotes.map(sides);
    let mut job = Job::new(Arc::new(plan.clone()), [(name("x"), x), (name("y"), y)].into());
    job.options.retry = Retry { times: 1, base: Duration::from_millis(1), cap: Duration::from_millis(1) };
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_out_of_reach_is_waited_for_whatever_the_other_answers() {
    for other in OTHERS {
        for away in [0, 1] {
            let world = World::of_buckets().await;
            let plan = two_uploads(&world, other).await;
            let [one, two] = [photos(), photos()];
            let mut remotes = [Arc::clone(&one), Arc::clone(&two)];
            remotes[away] = Faulty::new(&remotes[away], Fault::Offline { from: 1, probes: 1 });
            let report = world.run(job(&world, &plan, remotes, None)).await.unwrap();
            assert_eq!(report.ending, Ending::Done, "{other:?} {away}: {:?}", report.problems);
            assert_eq!((contents(&one).await.len(), contents(&two).await.len()), (1, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_leased() {
    for other in OTHERS {
        for taken in [0, 1] {
            let world = World::of_buckets().await;
            let plan = two_uploads(&world, other).await;
            let remotes = [photos(), photos()];
            let lease = r#"{"format":"syncplan.lease","id":"other","host":"elsewhere","process":{"pid":7,"boot":"b","namespace":"pid:[1]","started":1},"run":3,"plan":"p","tasks":["files"],"since":1,"heartbeat":1,"period":1000}"#;
            put(&remotes[taken], ".syncplan/lease", lease).await;
            let run = world.run(job(&world, &plan, remotes.clone(), Some(Duration::from_secs(60)))).await;
            assert!(matches!(run, Err(ExecError::Leased { .. })), "{other:?} {taken}");
            // What was taken before is given back, and what is somebody else's stays.
            for (at, remote) in remotes.iter().enumerate() {
                assert_eq!(read_lease(remote.as_ref()).await.unwrap().is_some(), at == taken);
                assert!(contents(remote).await.is_empty());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_looked_through() {
    for (other, expected) in [(OTHERS[0], 2), (OTHERS[1], 2), (HERE, 1)] {
        let world = World::of_buckets().await;
        let tended = |task, (kind, service, location): At| {
            let service = service.map(str::to_owned);
            let address = Address { kind: kind.to_owned(), service, location: location.to_owned() };
            Tended { task: name(task), side: Side::Remote, address, store: photos(), keep: None }
        };
        let sides = vec![tended("x", HERE), tended("y", other)];
        for side in &sides {
            put(&side.store, ".syncplan/probe-1", "left").await;
        }
        let all = Collect { sides, older_than: Duration::ZERO, dry_run: false };
        let mut removed = 0;
        let count = |it: Found| removed += usize::from(it.fate == Fate::Removed);
        collect(&all, &world.state, count).await.unwrap();
        assert_eq!(removed, expected, "{other:?}");
    }
}
