//! Plans that change both sides, and the base that advances with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncplan_exec::{Counts, Ending};
use syncplan_model::plan::{Agreement, Expectation, Op, Side};
use syncplan_model::{Digest, Entry, Facts, Plan, Snapshot, SnapshotBuilder, Token};
use syncplan_state::Base;
use syncplan_store::Store;

use crate::support::{Draft, Fault, Faulty, World, contents, everything, facts, path, put, read, task};

/// The tokens that a path has on both sides.
type Pairs = BTreeMap<String, (Option<Token>, Option<Token>)>;

fn source() -> Digest {
    Digest::of(b"here and there")
}

async fn snapshot(store: &Arc<dyn Store>) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for name in contents(store).await.into_keys() {
        builder.push(&Entry { path: path(&name), facts: facts(store, &name).await }).unwrap();
    }
    builder.finish()
}

/// Takes what both sides have now as their base.
pub(crate) async fn mint(world: &World) {
    let (local, remote) = (snapshot(&world.local).await, snapshot(&world.remote).await);
    world.state.mint_base(&task(), &source(), &local, &remote).await.unwrap();
}

async fn base(world: &World) -> Base {
    world.state.load_base(&task(), &source()).await.unwrap().unwrap()
}

pub(crate) async fn agreed(world: &World) -> Pairs {
    let base = base(world).await;
    let (mut local, mut remote) = (base.local.cursor(), base.remote.cursor());
    let mut pairs = Pairs::new();
    while let (Some(here), Some(there)) = (local.current(), remote.current()) {
        pairs.insert(here.path.to_string(), (here.facts.token.clone(), there.facts.token.clone()));
        local.advance();
        remote.advance();
    }
    pairs
}

async fn pair(world: &World, name: &str) -> (Option<Token>, Option<Token>) {
    let token = async |store: &Arc<dyn Store>| store.stat(&path(name)).await.unwrap()?.token;
    (token(&world.local).await, token(&world.remote).await)
}

/// Both sides are the same, and the base knows them as they are.
pub(crate) async fn check_agreed(world: &World) {
    let files = contents(&world.local).await;
    assert_eq!(contents(&world.remote).await, files);
    let known = agreed(world).await;
    assert_eq!(known.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    for (name, tokens) in known {
        assert_eq!(pair(world, &name).await, tokens, "{name}");
    }
    for name in everything(world.folder.path()) {
        assert!(!name.contains(".syncplan-tmp-") && !name.contains(".syncplan/stage"), "{name} is left");
    }
}

/// Whatever the base says of a path is what it said at first, or what stands there on both sides.
async fn check_no_mixture(world: &World, before: &Pairs) {
    for (name, tokens) in agreed(world).await {
        let old = before.get(&name) == Some(&tokens);
        assert!(old || pair(world, &name).await == tokens, "{name}: {tokens:?}");
    }
}

const BEFORE: [&str; 8] = [
    "edited-here 1",
    "edited-there 1",
    "gone-here 1",
    "gone-there 1",
    "moved-here m",
    "same s",
    "lost-here 1",
    "over o",
];

const TRASH: [(Side, &str, &str); 6] = [
    (Side::Local, "local/merged", "ours\n"),
    (Side::Remote, "remote/merged", "theirs\n"),
    (Side::Remote, "1/replaced", "their own"),
    (Side::Local, "1/deleted/unknown", "not in the base"),
    (Side::Remote, "1/over", "o"),
    (Side::Remote, "1/copied", "their copy"),
];

/// Two sides with a base that both changed since, and the plan that brings them together.
pub(crate) async fn sides_that_differ(world: World) -> (World, Plan) {
    let (local, remote) = (&world.local, &world.remote);
    for file in BEFORE {
        let (name, content) = file.split_once(' ').unwrap();
        put(local, name, content).await;
        put(remote, name, content).await;
    }
    mint(&world).await;
    for file in [
        "edited-here 2",
        "clash ours",
        "merged ours\n",
        "replaced ours",
        "equal e",
        "unknown not in the base",
        "over m",
        "copied m",
    ] {
        let (name, content) = file.split_once(' ').unwrap();
        put(local, name, content).await;
    }
    for file in [
        "edited-there 2",
        "clash theirs",
        "merged theirs\n",
        "replaced their own",
        "equal e",
        "copied their copy",
    ] {
        let (name, content) = file.split_once(' ').unwrap();
        put(remote, name, content).await;
    }
    for (side, gone) in
        [(local, ["gone-here", "moved-here", "lost-here"].as_slice()), (remote, &["gone-there", "lost-here"])]
    {
        for name in gone {
            side.delete(&path(name), None).await.unwrap();
        }
    }
    let plan = plan(&world).await;
    (world, plan)
}

async fn plan(world: &World) -> Plan {
    let mut draft = Draft::default();
    let here = async |name| facts(&world.local, name).await;
    let there = async |name| facts(&world.remote, name).await;
    let nothing = || Some(Agreement::at_path(Expectation::ABSENT));
    draft.upload("edited-here", &here("edited-here").await, Some(&there("edited-here").await), &[]);
    draft.download("edited-there", &there("edited-there").await, Some(&here("edited-there").await), &[]);
    let gone = draft.delete("gone-here", &there("gone-here").await, &[]);
    draft.set(gone, |action| action.base = nothing());
    let gone =
        draft.add(Op::Delete, Side::Local, None, ("gone-there", Some(&here("gone-there").await)), None, &[]);
    draft.set(gone, |action| action.base = nothing());
    draft.record("lost-here", None, None);
    draft.record("equal", Some(&here("equal").await), Some(&there("equal").await));
    // A conflict of which both sides are kept.
    let ours = here("clash").await;
    let kept =
        draft.add(Op::Move, Side::Local, Some(("clash", &ours)), ("clash.conflict", None), Some(&ours), &[]);
    draft.download("clash", &there("clash").await, None, &[kept]);
    draft.upload("clash.conflict", &ours, None, &[kept]);
    draft.merge("merged", &here("merged").await, &there("merged").await);
    let replaced = draft.upload("replaced", &here("replaced").await, Some(&there("replaced").await), &[]);
    draft.keep(replaced, "1/replaced");
    let unknown = here("unknown").await;
    let deleted = draft.add(Op::Delete, Side::Local, None, ("unknown", Some(&unknown)), None, &[]);
    draft.keep(deleted, "1/deleted/unknown");
    draft.set(deleted, |action| action.base = nothing());
    // One copies over something, then another is moved over something.
    let moved = there("moved-here").await;
    let over = |target: Facts, at: Facts| {
        move |action: &mut syncplan_model::plan::Action| {
            action.expect.path = Expectation::present(target);
            action.base = Some(Agreement {
                from: (action.op == Op::Move).then_some(Expectation::ABSENT),
                path: Some(Expectation::present(at)),
            });
        }
    };
    let copied = draft.relocate(Op::Copy, "moved-here", &moved, "copied", &[]);
    draft.set(copied, over(there("copied").await, here("copied").await));
    draft.keep(copied, "1/copied");
    let moved = draft.relocate(Op::Move, "moved-here", &moved, "over", &[copied]);
    draft.set(moved, over(there("over").await, here("over").await));
    draft.keep(moved, "1/over");
    draft.finish()
}

async fn check_done(world: &World) {
    check_agreed(world).await;
    let files = contents(&world.local).await;
    for (name, content) in [
        ("edited-here", "2"),
        ("edited-there", "2"),
        ("clash", "theirs"),
        ("clash.conflict", "ours"),
        ("merged", "ours\ntheirs\n"),
        ("replaced", "ours"),
        ("over", "m"),
        ("copied", "m"),
        ("equal", "e"),
        ("same", "s"),
    ] {
        assert_eq!(files.get(name).map(String::as_str), Some(content), "{name}");
    }
    assert_eq!(files.len(), 10, "{files:?}");
    for (side, name, content) in TRASH {
        let store = if side == Side::Local { &world.local } else { &world.remote };
        let kept = read(store, &format!(".syncplan/trash/{name}")).await;
        assert_eq!(kept.as_deref(), Some(content), "{name} ({side})");
    }
}

pub(crate) async fn worlds() -> [(World, Plan); 2] {
    [sides_that_differ(World::of_folders().await).await, sides_that_differ(World::of_buckets().await).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_come_together_and_the_base_knows_it() {
    for (world, plan) in worlds().await {
        let report = world.apply(&plan).await;
        assert_eq!(report.problems, []);
        let applied = plan.actions().len() as u64;
        assert_eq!(report.counts, Counts { applied, ..Counts::default() });
        check_done(&world).await;
        assert!(base(&world).await.serial > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_passed_is_known_by_its_digest_on_both_sides() {
    let (world, plan) = sides_that_differ(World::of_folders().await).await;
    world.apply(&plan).await;
    let base = base(&world).await;
    for (name, content) in [("edited-here", "2"), ("edited-there", "2"), ("merged", "ours\ntheirs\n")] {
        for snapshot in [&base.local, &base.remote] {
            let mut cursor = snapshot.cursor();
            cursor.seek(name.as_bytes());
            assert_eq!(
                cursor.current().unwrap().facts.digest,
                Some(Digest::of(content.as_bytes())),
                "{name}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_is_not_learned() {
    let (world, plan) = sides_that_differ(World::of_folders().await).await;
    let before = agreed(&world).await;
    for name in ["edited-there", "gone-there", "clash", "unknown"] {
        put(&world.local, name, "edited meanwhile").await;
    }
    for name in ["edited-here", "gone-here", "merged", "replaced", "moved-here"] {
        put(&world.remote, name, "edited meanwhile").await;
    }
    let report = world.apply(&plan).await;
    assert_eq!(report.ending, Ending::Stale);
    // Only what nobody edited: the records.
    assert_eq!((report.counts.applied, report.counts.failed), (2, 0), "{:?}", report.problems);
    let mut expected = before;
    expected.remove("lost-here");
    expected.insert("equal".to_owned(), pair(&world, "equal").await);
    assert_eq!(agreed(&world).await, expected);
    for root in ["local", "remote"] {
        assert!(!world.root(root).join(".syncplan").exists(), "nothing is left of what was not kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_without_an_agreement_teach_the_base_nothing() {
    let world = World::of_folders().await;
    mint(&world).await;
    let mut draft = Draft::default();
    let moved = put(&world.remote, "m", "1").await;
    draft.relocate(Op::Move, "m", &moved, "n", &[]);
    // Brought over under another name: the two paths agree on nothing.
    let source = put(&world.local, "x", "2").await;
    draft.add(Op::Upload, Side::Remote, Some(("x", &source)), ("y", None), Some(&source), &[]);
    assert_eq!(world.apply(&draft.finish()).await.counts.applied, 2);
    assert_eq!((agreed(&world).await, base(&world).await.serial), (Pairs::new(), 0));
}

/// Runs the plan until the fault stops it; answers whether it did.
pub(crate) async fn run_into(world: &World, plan: &Plan, fault: Fault) -> (Arc<Faulty>, bool) {
    let remote = Faulty::new(&world.remote, fault);
    let local = remote.beside(&world.local);
    let mut job = world.job_between(plan, local, Arc::<Faulty>::clone(&remote));
    job.options.jobs = 2;
    let stopped = tokio::select! {
        report = world.run(job) => { report.unwrap(); false }
        () = remote.stopped.notified() => true,
    };
    (remote, stopped)
}

async fn check_every_stop(world: impl AsyncFn() -> World, fault: impl Fn(usize) -> Fault) {
    let mut stops = 0;
    for at in 1.. {
        let (world, plan) = sides_that_differ(world().await).await;
        let minted = agreed(&world).await;
        let (before, stopped) = run_into(&world, &plan, fault(at)).await;
        check_no_mixture(&world, &minted).await;
        if !stopped {
            break;
        }
        stops += 1;
        let (between, _) = run_into(&world, &plan, fault(1 + at % 4)).await;
        check_no_mixture(&world, &minted).await;
        let (after, stopped) = run_into(&world, &plan, Fault::Never).await;
        assert!(!stopped);
        check_done(&world).await;
        assert_eq!(world.state.unresolved().await.unwrap(), []);
        check_once(at, [before, between, after]);
        assert!(world.apply(&plan).await.already_applied, "stopped at {at}");
    }
    assert!(stops >= 15, "only {stops} stops");
}

/// Every effect happened once, but what is kept twice is kept once.
fn check_once(at: usize, runs: [Arc<Faulty>; 3]) {
    let mut happened = BTreeMap::<_, usize>::new();
    for run in runs {
        for ((effect, place), times) in run.happened.lock().unwrap().drain() {
            *happened.entry((effect, place)).or_default() += times;
        }
    }
    let mut once = happened.iter().filter(|((effect, _), _)| *effect != "preserve");
    assert!(once.all(|(_, &times)| times == 1), "stopped at {at}: {happened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_survive_a_stop_before_any_effect_on_either_side() {
    check_every_stop(World::of_folders, Fault::StopBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_survive_a_stop_after_any_effect_on_either_side() {
    check_every_stop(World::of_folders, Fault::StopAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_survive_a_stop_before_any_effect_on_either_side() {
    check_every_stop(World::of_buckets, Fault::StopBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_survive_a_stop_after_any_effect_on_either_side() {
    check_every_stop(World::of_buckets, Fault::StopAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_found_out_on_either_side() {
    for at in 1..=18 {
        for (world, plan) in worlds().await {
            let remote = Faulty::new(&world.remote, Fault::LoseAnswer(at));
            let local = remote.beside(&world.local);
            let report = world.run(world.job_between(&plan, local, remote)).await.unwrap();
            assert_eq!((report.ending, &report.problems), (Ending::Done, &vec![]), "at {at}");
            check_done(&world).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_fails_on_either_side_and_the_next_run_goes_on() {
    for at in 1..=18 {
        for (world, plan) in worlds().await {
            let fault = Fault::Refuse(at, syncplan_store::StoreErrorKind::Full);
            let remote = Faulty::new(&world.remote, fault);
            let local = remote.beside(&world.local);
            let report = world.run(world.job_between(&plan, local, remote)).await.unwrap();
            assert!(report.counts.failed > 0 && report.counts.stale == 0, "at {at}: {report:?}");
            let report = world.apply(&plan).await;
            assert_eq!((report.ending, &report.problems), (Ending::Done, &vec![]), "at {at}");
            check_done(&world).await;
        }
    }
}

/// The scan saw it: what changes afterwards shows in its token, and the base is right all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_asks_no_store() {
    let world = World::of_folders().await;
    mint(&world).await;
    let (here, there) = (put(&world.local, "a", "1").await, put(&world.remote, "a", "1").await);
    let mut draft = Draft::default();
    draft.record("a", Some(&here), Some(&there));
    let plan = draft.finish();
    put(&world.local, "a", "edited meanwhile").await;
    let foretold = syncplan_exec::dry_run(world.job(&plan), None).await.unwrap();
    assert_eq!((foretold.counts.applied, world.apply(&plan).await.counts.applied), (1, 1));
    assert_eq!(agreed(&world).await, [("a".to_owned(), (here.token, there.token))].into());
}
