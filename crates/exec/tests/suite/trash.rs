//! What is replaced or removed, and kept.

use std::io::Write as _;
use std::sync::Arc;

use syncplan_exec::{Access, Counts, Ending, Restricted};
use syncplan_model::plan::{Op, Side};
use syncplan_model::{Digest, Facts, LinkTarget, Plan};
use syncplan_store::{Precondition, Store};

use crate::support::{Draft, Fault, Faulty, World, contents, facts, path, put, read};

async fn worlds() -> [World; 2] {
    [World::of_folders().await, World::of_buckets().await]
}

/// An upload over `a` and a delete of `b`, both of which keep what is there.
async fn replaced_and_removed(world: &World) -> Plan {
    let (old, gone) = (put(&world.remote, "a", "old").await, put(&world.remote, "b", "gone").await);
    let new = put(&world.local, "a", "new").await;
    let mut draft = Draft::default();
    let upload = draft.upload("a", &new, Some(&old), &[]);
    draft.keep(upload, "1/a");
    let delete = draft.delete("b", &gone, &[]);
    draft.keep(delete, "1/b");
    draft.finish()
}

async fn trash(world: &World, name: &str) -> Option<String> {
    read(&world.remote, &format!(".syncplan/trash/1/{name}")).await
}

async fn check_done(world: &World) {
    assert_eq!(contents(&world.remote).await, [("a".into(), "new".into())].into());
    assert_eq!(
        (trash(world, "a").await.as_deref(), trash(world, "b").await.as_deref()),
        (Some("old"), Some("gone"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_or_removed_is_kept() {
    for world in worlds().await {
        let plan = replaced_and_removed(&world).await;
        assert_eq!(world.apply(&plan).await.problems, []);
        check_done(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_in_the_trash_is_in_nobodys_way() {
    for world in worlds().await {
        let plan = replaced_and_removed(&world).await;
        put(&world.remote, ".syncplan/trash/1/a", "old").await;
        put(&world.remote, ".syncplan/trash/1/b", "gone").await;
        assert_eq!(world.apply(&plan).await.problems, []);
        check_done(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_in_the_trash_stays_and_so_does_everything() {
    for world in worlds().await {
        let plan = replaced_and_removed(&world).await;
        put(&world.remote, ".syncplan/trash/1/a", "OLD").await;
        put(&world.remote, ".syncplan/trash/1/b", "GONE").await;
        let before = contents(&world.remote).await;
        let report = world.apply(&plan).await;
        assert_eq!(report.counts, Counts { stale: 2, ..Counts::default() }, "{:?}", report.problems);
        assert_eq!(contents(&world.remote).await, before);
        assert_eq!(
            (trash(&world, "a").await.unwrap(), trash(&world, "b").await.unwrap()),
            ("OLD".into(), "GONE".into())
        );
    }
}

async fn stop(world: &World, plan: &Plan, fault: Fault) {
    let remote = Faulty::new(&world.remote, fault);
    let mut job = world.job_with(plan, Arc::<Faulty>::clone(&remote));
    job.options.jobs = 1;
    tokio::select! {
        report = world.run(job) => panic!("it ended: {report:?}"),
        () = remote.stopped.notified() => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_after_it_was_kept_stays() {
    for world in worlds().await {
        let plan = replaced_and_removed(&world).await;
        // After it was kept, and before it was replaced.
        stop(&world, &plan, Fault::StopAfter(1)).await;
        assert_eq!(trash(&world, "a").await.unwrap(), "old");
        put(&world.remote, "a", "edited").await;
        let report = world.apply(&plan).await;
        assert_eq!((report.counts.applied, report.counts.stale), (1, 1), "{:?}", report.problems);
        assert_eq!(read(&world.remote, "a").await.unwrap(), "edited");
        assert_eq!(trash(&world, "a").await.unwrap(), "old");
    }
}

/// The file and what is kept of it are one, with two names: an edit in place shows in both.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_in_place_after_it_was_kept_stays() {
    let world = World::of_folders().await;
    let plan = replaced_and_removed(&world).await;
    stop(&world, &plan, Fault::StopAfter(1)).await;
    let mut file = std::fs::OpenOptions::new().append(true).open(world.root("remote").join("a")).unwrap();
    file.write_all(b" and edited").unwrap();
    let report = world.apply(&plan).await;
    assert_eq!((report.counts.applied, report.counts.stale), (1, 1), "{:?}", report.problems);
    assert_eq!(read(&world.remote, "a").await.unwrap(), "old and edited");
    assert_eq!(trash(&world, "a").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_leaves_nothing_in_the_trash() {
    let world = World::of_folders().await;
    let old = put(&world.remote, "a", "old").await;
    let new = put(&world.local, "a", "new").await;
    let mut draft = Draft::default();
    // By size and time alone this one looks as planned; its digest tells, when it has passed.
    let planned = Facts { token: None, digest: Some(Digest::of(b"x")), ..new };
    let upload = draft.upload("a", &planned, Some(&old), &[]);
    draft.keep(upload, "1/deep/a");
    let report = world.apply(&draft.finish()).await;
    assert_eq!(report.counts.stale, 1, "{:?}", report.problems);
    assert_eq!(read(&world.remote, "a").await.unwrap(), "old");
    assert!(!world.root("remote").join(".syncplan").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_kept() {
    let world = World::of_folders().await;
    let link = async |store: &Arc<dyn Store>, name: &str, text: &'static [u8]| {
        store.create_symlink(&path(name), &LinkTarget::new(text), Precondition::Absent).await.unwrap();
        facts(store, name).await
    };
    let (old, gone) = (link(&world.remote, "a", b"old").await, link(&world.remote, "b", b"gone").await);
    let new = link(&world.local, "a", b"new").await;
    let mut draft = Draft::default();
    let upload = draft.upload("a", &new, Some(&old), &[]);
    draft.keep(upload, "1/a");
    let delete = draft.delete("b", &gone, &[]);
    draft.keep(delete, "1/b");
    assert_eq!(world.apply(&draft.finish()).await.ending, Ending::Done);
    for (name, text) in [("a", "new"), (".syncplan/trash/1/a", "old"), (".syncplan/trash/1/b", "gone")] {
        let target = std::fs::read_link(world.root("remote").join(name)).unwrap();
        assert_eq!(target.to_str(), Some(text), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_keeps_what_it_replaces() {
    for world in worlds().await {
        let (a, b) = (put(&world.remote, "a", "1").await, put(&world.remote, "b", "22").await);
        let mut draft = Draft::default();
        let staged = draft.relocate(Op::Stage, "a", &a, ".syncplan/stage/1", &[]);
        let installed = draft.relocate(Op::Install, ".syncplan/stage/1", &a, "b", &[staged]);
        draft.set(installed, |action| {
            action.expect.path = syncplan_model::plan::Expectation::present(b);
        });
        draft.keep(installed, "1/b");
        assert_eq!(world.apply(&draft.finish()).await.problems, []);
        assert_eq!(contents(&world.remote).await, [("b".into(), "1".into())].into());
        assert_eq!(trash(&world, "b").await.unwrap(), "22");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_may_be_replaced_nothing_is_kept() {
    let world = World::of_folders().await;
    let plan = replaced_and_removed(&world).await;
    let before = contents(&world.remote).await;
    let remote = Arc::new(Restricted::new(Arc::clone(&world.remote), Access::Append));
    let report = world.run(world.job_with(&plan, remote)).await.unwrap();
    assert_eq!(report.counts, Counts { failed: 2, ..Counts::default() }, "{:?}", report.problems);
    assert_eq!(contents(&world.remote).await, before);
    assert!(!world.root("remote").join(".syncplan").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_is_kept_as_well() {
    for world in worlds().await {
        let old = put(&world.local, "a", "old").await;
        let new = put(&world.remote, "a", "new").await;
        let mut draft = Draft::default();
        let download =
            draft.add(Op::Download, Side::Local, Some(("a", &new)), ("a", Some(&old)), Some(&new), &[]);
        draft.keep(download, "1/a");
        assert_eq!(world.apply(&draft.finish()).await.ending, Ending::Done);
        assert_eq!(read(&world.local, "a").await.unwrap(), "new");
        assert_eq!(read(&world.local, ".syncplan/trash/1/a").await.unwrap(), "old");
    }
}
