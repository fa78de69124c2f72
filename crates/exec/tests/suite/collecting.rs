//! What is left in stores, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use syncplan_exec::{Collect, Ending, Fate, Found, Tended, collect};
use syncplan_model::plan::{Address, Side};
use syncplan_store::{Metadata, Precondition, Store, WriteOptions};

use crate::support::{Draft, Fault, Faulty, World, path, put, read, task};

fn all(world: &World, keep: Option<Duration>, older_than: Duration, dry_run: bool) -> Collect {
    let tended = |side, store: &Arc<dyn Store>| {
        let (kind, location) = ("memory".to_owned(), store.location().to_owned());
        let address = Address { kind, service: None, location };
        Tended { task: task(), side, address, store: Arc::clone(store), keep }
    };
    let sides = vec![tended(Side::Local, &world.local), tended(Side::Remote, &world.remote)];
    Collect { sides, older_than, dry_run }
}

async fn fates(world: &World, what: &Collect) -> BTreeMap<String, Fate> {
    let mut fates = BTreeMap::new();
    let tell = |it: Found| {
        fates.insert(format!("{} {} {}", it.side, it.what.as_str(), it.path), it.fate);
    };
    collect(what, &world.state, tell).await.unwrap();
    fates
}

async fn litter(world: &World) {
    for at in [".syncplan-tmp-1", "a/.syncplan-tmp-2", ".syncplan/probe-1", ".syncplan/stage/0f"] {
        put(&world.remote, at, "left").await;
    }
    for at in ["a/content", ".syncplan/base/00112233445566778899aabbccddeeff", ".syncplan/trash/x/a"] {
        put(&world.remote, at, "of use").await;
    }
    if let Some(parts) = world.remote.partial_writes().filter(|parts| !parts.reads_back()) {
        let options = WriteOptions {
            size: 1 << 20,
            precondition: Precondition::Any,
            metadata: Metadata::default(),
            temporary: None,
        };
        parts.begin(&path("large"), &options).await.unwrap();
    }
}

fn is_removed(fates: &BTreeMap<String, Fate>) -> Vec<&str> {
    fates.iter().filter(|(_, fate)| **fate == Fate::Removed).map(|(name, _)| name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_of_goes_when_it_is_old() {
    for world in [World::of_buckets().await, World::of_folders().await] {
        litter(&world).await;
        let young = fates(&world, &all(&world, None, Duration::from_secs(3600), false)).await;
        assert_eq!(is_removed(&young), Vec::<&str>::new());

        let told = fates(&world, &all(&world, None, Duration::ZERO, true)).await;
        let mut expected = vec![
            "remote probe .syncplan/probe-1",
            "remote temporary .syncplan-tmp-1",
            "remote temporary a/.syncplan-tmp-2",
        ];
        if world.remote.partial_writes().is_some_and(|parts| !parts.reads_back()) {
            expected.insert(0, "remote draft large");
        }
        assert_eq!(is_removed(&told), expected);
        assert_eq!(read(&world.remote, ".syncplan-tmp-1").await.unwrap(), "left");

        let done = fates(&world, &all(&world, None, Duration::ZERO, false)).await;
        assert_eq!(done, told);
        let left = fates(&world, &all(&world, None, Duration::ZERO, false)).await;
        assert_eq!(is_removed(&left), Vec::<&str>::new());
        // Content that is between two places may be the only copy, and trash is kept for ever.
        for at in ["a/content", ".syncplan/stage/0f", ".syncplan/trash/x/a"] {
            assert!(read(&world.remote, at).await.is_some(), "{at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_run_goes_on_with_stays() {
    let world = World::of_buckets().await;
    let content = "x".repeat(200 * 1024);
    let mut draft = Draft::default();
    draft.upload("large", &put(&world.local, "large", &content).await, None, &[]);
    let plan = draft.finish();
    let remote = Faulty::new(&world.remote, Fault::StopAfter(6));
    let job = world.job_with(&plan, Arc::<Faulty>::clone(&remote));
    tokio::select! {
        report = world.run(job) => panic!("{report:?}"),
        () = remote.stopped.notified() => {}
    }
    let fates = fates(&world, &all(&world, Some(Duration::ZERO), Duration::ZERO, false)).await;
    assert!(matches!(fates["remote draft large"], Fate::Kept(_)), "{fates:?}");
    assert_eq!(world.state.transfers().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trash_goes_when_it_was_kept_for_long_enough() {
    for world in [World::of_buckets().await, World::of_folders().await] {
        let old = put(&world.remote, "a", "old").await;
        let mut draft = Draft::default();
        let id = draft.delete("a", &old, &[]);
        draft.keep(id, "h/a");
        assert_eq!(world.apply(&draft.finish()).await.ending, Ending::Done);
        assert_eq!(world.state.trash(&task()).await.unwrap().len(), 1);
        put(&world.remote, ".syncplan/trash/unknown/b", "of before").await;

        let kept = fates(&world, &all(&world, Some(Duration::from_secs(60)), Duration::ZERO, false)).await;
        assert!(is_removed(&kept).is_empty(), "{kept:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let gone = fates(&world, &all(&world, Some(Duration::from_millis(10)), Duration::ZERO, false)).await;
        let expected = ["remote trash .syncplan/trash/h/a", "remote trash .syncplan/trash/unknown/b"];
        assert_eq!(is_removed(&gone), expected);
        assert_eq!(read(&world.remote, ".syncplan/trash/h/a").await, None);
        assert!(world.state.trash(&task()).await.unwrap().is_empty());
        if world.root("remote").exists() {
            assert_eq!(crate::support::everything(&world.root("remote")), Vec::<String>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_removes_what_its_task_kept_for_long_enough() {
    let world = World::of_folders().await;
    for (name, keep, left) in [("a", 3600, true), ("b", 0, false)] {
        let old = put(&world.remote, name, "old").await;
        let mut draft = Draft::default();
        let id = draft.delete(name, &old, &[]);
        draft.keep(id, &format!("h/{name}"));
        let mut job = world.job(&draft.finish());
        job.sides.get_mut(&task()).unwrap().trash = Some(Duration::from_secs(keep));
        assert_eq!(world.run(job).await.unwrap().ending, Ending::Done);
        assert_eq!(read(&world.remote, ".syncplan/trash/h/a").await.is_some(), left);
        assert_eq!(world.state.trash(&task()).await.unwrap().is_empty(), !left);
    }
}
