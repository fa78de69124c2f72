//! What is in the trash goes back to where it was.

use std::sync::Arc;

use syncplan_exec::Ending;
use syncplan_model::Plan;
use syncplan_model::plan::{Op, Side};
use syncplan_store::Store;

use crate::support::{Draft, Fault, Faulty, World, contents, everything, facts, put, read, task};

const KEPT: [&str; 2] = [".syncplan/trash/1/a", ".syncplan/trash/1/b"];

/// `a` was replaced and `b` was removed, by a run that kept both; the plan takes that back. What replaced
/// `a` is kept in turn.
async fn taken_back(world: &World) -> Plan {
    let (old, gone) = (put(&world.remote, "a", "old").await, put(&world.remote, "b", "gone").await);
    let new = put(&world.local, "a", "new").await;
    let mut draft = Draft::default();
    let upload = draft.upload("a", &new, Some(&old), &[]);
    draft.keep(upload, "1/a");
    let delete = draft.delete("b", &gone, &[]);
    draft.keep(delete, "1/b");
    assert_eq!(world.apply(&draft.finish()).await.problems, []);

    let register = world.state.trash(&task()).await.unwrap();
    let kept = |name: &str| {
        let entry = register.iter().find(|entry| entry.trashed.path.to_string() == name).unwrap();
        entry.trashed.facts.clone()
    };
    let mut draft = Draft::default();
    let (a, b, now) = (kept(KEPT[0]), kept(KEPT[1]), facts(&world.remote, "a").await);
    let back = draft.add(Op::Move, Side::Remote, Some((KEPT[0], &a)), ("a", Some(&now)), Some(&a), &[]);
    draft.keep(back, "2/a");
    draft.add(Op::Move, Side::Remote, Some((KEPT[1], &b)), ("b", None), Some(&b), &[]);
    draft.finish()
}

async fn check_taken_back(world: &World) {
    let expected = [("a".to_owned(), "old".to_owned()), ("b".to_owned(), "gone".to_owned())];
    assert_eq!(contents(&world.remote).await, expected.into());
    assert_eq!(read(&world.remote, ".syncplan/trash/2/a").await.unwrap(), "new");
    for name in KEPT {
        assert_eq!(read(&world.remote, name).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_goes_back_and_is_forgotten() {
    for world in [World::of_folders().await, World::of_buckets().await] {
        let plan = taken_back(&world).await;
        assert_eq!(world.apply(&plan).await.problems, []);
        check_taken_back(&world).await;
        let register = world.state.trash(&task()).await.unwrap();
        let names: Vec<_> = register.iter().map(|entry| entry.trashed.path.to_string()).collect();
        assert_eq!(names, [".syncplan/trash/2/a"]);
        if world.root("remote").exists() {
            let left = everything(&world.root("remote"));
            assert!(!left.iter().any(|name| name.ends_with("trash/1")), "{left:?}");
        }
    }
}

async fn check_every_stop(world: impl AsyncFn() -> World, fault: impl Fn(usize) -> Fault) {
    let mut stops = 0;
    for at in 1.. {
        let world = world().await;
        let plan = taken_back(&world).await;
        let remote = Faulty::new(&world.remote, fault(at));
        let store: Arc<dyn Store> = Arc::<Faulty>::clone(&remote);
        let mut job = world.job_with(&plan, store);
        job.options.jobs = 1;
        tokio::select! {
            report = world.run(job) => {
                report.unwrap();
                break;
            }
            () = remote.stopped.notified() => stops += 1,
        }
        let report = world.apply(&plan).await;
        assert_eq!((report.ending, &report.problems), (Ending::Done, &vec![]), "stopped at {at}");
        check_taken_back(&world).await;
        let kept = world.state.trash(&task()).await.unwrap();
        assert!(kept.iter().any(|it| it.trashed.path.to_string().ends_with("2/a")), "stopped at {at}");
    }
    assert!(stops >= 3, "only {stops} stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_survive_a_stop_at_any_step() {
    check_every_stop(World::of_folders, Fault::StopBefore).await;
    check_every_stop(World::of_folders, Fault::StopAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_survive_a_stop_at_any_step() {
    check_every_stop(World::of_buckets, Fault::StopBefore).await;
    check_every_stop(World::of_buckets, Fault::StopAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_there_by_now_stays() {
    for world in [World::of_folders().await, World::of_buckets().await] {
        let plan = taken_back(&world).await;
        put(&world.remote, "a", "newer than that").await;
        let report = world.apply(&plan).await;
        assert_eq!((report.counts.stale, report.counts.applied), (1, 1), "{:?}", report.problems);
        assert_eq!(contents(&world.remote).await["a"], "newer than that");
        assert_eq!(read(&world.remote, KEPT[0]).await.unwrap(), "old");
    }
}
