//! Plans that find everything as they expect.

use std::sync::Arc;

use syncplan_exec::{Counts, Ending};
use syncplan_model::plan::{ActionId, Op, Side};
use syncplan_model::{Facts, LinkTarget, Mtime, Plan};
use syncplan_store::Precondition;

use crate::support::{Draft, World, contents, everything, facts, path, put};

/// Two folders that differ in every way that a plan can put right, and the plan.
pub(crate) async fn folders_that_differ() -> (World, Plan) {
    let world = World::of_folders().await;
    let (local, remote) = (&world.local, &world.remote);
    let mut draft = buckets_part(&world).await;
    let (t, gone) = (put(remote, "t", "file").await, put(remote, "gone/f", "bye").await);
    put(local, "t/in", "inner").await;
    put(local, "new/deep/n", "new").await;
    let link = LinkTarget::new(b"y".as_slice());
    local.create_symlink(&path("link"), &link, Precondition::Absent).await.unwrap();
    remote
        .create_symlink(&path("link"), &LinkTarget::new(b"x".as_slice()), Precondition::Absent)
        .await
        .unwrap();

    let new = draft.mkdir("new", &[]);
    let deep = draft.mkdir("new/deep", &[new]);
    draft.upload("new/deep/n", &facts(local, "new/deep/n").await, None, &[deep]);
    let no_file = draft.delete("t", &t, &[]);
    let folder = draft.mkdir("t", &[no_file]);
    draft.upload("t/in", &facts(local, "t/in").await, None, &[folder]);
    let emptied = draft.delete("gone/f", &gone, &[]);
    let dir = Facts::new(syncplan_model::EntryKind::Dir);
    draft.add(Op::Rmdir, Side::Remote, None, ("gone", Some(&dir)), None, &[emptied]);
    let links = (facts(local, "link").await, facts(remote, "link").await);
    draft.upload("link", &links.0, Some(&links.1), &[]);
    (world, draft.finish())
}

/// The part of it that needs neither directories nor links.
pub(crate) async fn buckets_that_differ() -> (World, Plan) {
    let world = World::of_buckets().await;
    let draft = buckets_part(&world).await;
    (world, draft.finish())
}

async fn buckets_part(world: &World) -> Draft {
    let (local, remote) = (&world.local, &world.remote);
    let mut draft = Draft::default();
    for (side, files) in [
        (local, ["a 2", "b 1", "moved m", "u after", "twin k", "keep k", "meta same", "empty "]),
        (remote, ["a 1", "b 2", "m m", "u before", "old x", "keep k", "meta same", "zero "]),
    ] {
        for file in files {
            let (name, content) = file.split_once(' ').unwrap();
            put(side, name, content).await;
        }
    }
    let here = async |name| facts(local, name).await;
    let there = async |name| facts(remote, name).await;
    swap(&mut draft, &there("a").await, &there("b").await);
    draft.relocate(Op::Move, "m", &there("m").await, "moved", &[]);
    draft.upload("u", &here("u").await, Some(&there("u").await), &[]);
    draft.relocate(Op::Copy, "keep", &there("keep").await, "twin", &[]);
    draft.upload("empty", &here("empty").await, None, &[]);
    draft.delete("old", &there("old").await, &[]);
    draft.delete("zero", &there("zero").await, &[]);
    let meta = there("meta").await;
    let later = Facts { mtime: Some(Mtime { seconds: 1_234_567_890, nanos: 0 }), mode: None, ..meta.clone() };
    draft.add(Op::SetMetadata, Side::Remote, None, ("meta", Some(&meta)), Some(&later), &[]);
    draft
}

/// Swaps `a` and `b` on the remote side.
pub(crate) fn swap(draft: &mut Draft, a: &Facts, b: &Facts) -> [ActionId; 3] {
    let staged = draft.relocate(Op::Stage, "a", a, ".syncplan/stage/1", &[]);
    let moved = draft.relocate(Op::Move, "b", b, "a", &[staged]);
    let installed = draft.relocate(Op::Install, ".syncplan/stage/1", a, "b", &[staged, moved]);
    [staged, moved, installed]
}

/// After a plan both sides are the same, and nothing of ours is left.
pub(crate) async fn check_done(world: &World) {
    assert_eq!(contents(&world.remote).await, contents(&world.local).await);
    for name in everything(world.folder.path()) {
        assert!(!name.contains(".syncplan-tmp-") && !name.contains(".syncplan/stage"), "{name} is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_action_does_its_work() {
    for (world, plan) in [folders_that_differ().await, buckets_that_differ().await] {
        let report = world.apply(&plan).await;
        assert_eq!(report.problems, []);
        let applied = plan.actions().len() as u64;
        assert_eq!(report.counts, Counts { applied, ..Counts::default() });
        assert_eq!(report.ending, Ending::Done);
        check_done(&world).await;
        assert_eq!(facts(&world.remote, "meta").await.mtime.unwrap().seconds, 1_234_567_890);
        assert_eq!(facts(&world.remote, "u").await.mtime, facts(&world.local, "u").await.mtime);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_applied_is_left_alone() {
    let (world, plan) = folders_that_differ().await;
    world.apply(&plan).await;
    let again = world.apply(&plan).await;
    assert!(again.already_applied);
    assert_eq!(
        (again.ending, again.counts, again.done_before),
        (Ending::Done, Counts::default(), plan.actions().len() as u64)
    );
    assert_eq!(world.state.history(9).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_plan_made_again_is_applied_again() {
    let world = World::of_buckets().await;
    let source = put(&world.local, "a", "1").await;
    let mut draft = Draft::default();
    draft.upload("a", &source, None, &[]);
    let plan = draft.finish();
    world.apply(&plan).await;
    world.remote.delete(&path("a"), None).await.unwrap();

    let made_again = syncplan_exec::Document {
        plan_id: plan.id(),
        instance: "twice",
        bytes: b"",
        tool: "test",
        overrides: None,
    };
    let report = syncplan_exec::apply(world.job(&plan), &world.state, &made_again).await.unwrap();
    assert_eq!((report.counts.applied, report.already_applied), (1, false));
    check_done(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_is_known_by_its_digest() {
    let world = World::of_folders().await;
    let source = put(&world.local, "a", "1").await;
    let mut draft = Draft::default();
    draft.upload("a", &source, None, &[]);
    world.apply(&draft.finish()).await;
    let digest = Some(syncplan_model::Digest::of(b"1"));
    for (side, store) in [(Side::Local, &world.local), (Side::Remote, &world.remote)] {
        let learned = world.state.learned(&crate::support::task(), side).await.unwrap();
        let stands_there = facts(store, "a").await;
        let (at, facts) = &learned[0];
        assert_eq!((at, facts.as_ref().unwrap().digest), (&path("a"), digest));
        assert_eq!(facts.as_ref().unwrap().token, stands_there.token);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_content_passes_whole() {
    let world = World::of_folders().await;
    let content: String = (0..3_000_000).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    let source = put(&world.local, "large", &content).await;
    let mut draft = Draft::default();
    draft.upload("large", &source, None, &[]);
    let bytes = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let plan = draft.finish();
    let mut job = world.job(&plan);
    let seen = Arc::clone(&bytes);
    job.events = Arc::new(move |event| {
        if let syncplan_exec::Event::Progress { bytes, .. } = event {
            seen.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let report = world.run(job).await.unwrap();
    assert_eq!((report.ending, report.bytes), (Ending::Done, 3_000_000));
    assert_eq!(bytes.load(std::sync::atomic::Ordering::Relaxed), 3_000_000);
    check_done(&world).await;
}
