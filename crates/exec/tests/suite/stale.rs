//! Plans that meet something else than they expect.

use std::sync::Arc;

use syncplan_exec::{Cancel, Counts, Ending, Event, OnStale};
use syncplan_model::plan::{Evidence, Op, Risk};
use syncplan_model::{Digest, Facts, Fingerprint, SampleSpec};

use crate::support::{Draft, World, contents, facts, put};

/// Every way to state what is expected: with the token, and without.
fn with_and_without_token(facts: &Facts) -> [Facts; 2] {
    [facts.clone(), Facts { token: None, ..facts.clone() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_edited_on_the_target_stays() {
    for token in 0..2 {
        for world in [World::of_folders().await, World::of_buckets().await] {
            let old = put(&world.remote, "u", "before").await;
            let gone = put(&world.remote, "d", "delete me").await;
            let moved = put(&world.remote, "m", "move me").await;
            let source = put(&world.local, "u", "after").await;
            let new = put(&world.local, "n", "new").await;
            let mut draft = Draft::default();
            draft.upload("u", &source, Some(&with_and_without_token(&old)[token]), &[]);
            draft.delete("d", &with_and_without_token(&gone)[token], &[]);
            draft.relocate(Op::Move, "m", &with_and_without_token(&moved)[token], "m2", &[]);
            draft.upload("n", &new, None, &[]);
            for name in ["u", "d", "m", "n"] {
                put(&world.remote, name, "edited by somebody").await;
            }
            let before = contents(&world.remote).await;
            let report = world.apply(&draft.finish()).await;
            assert_eq!(report.counts, Counts { stale: 4, ..Counts::default() }, "{:?}", report.problems);
            assert_eq!(report.ending, Ending::Stale);
            assert_eq!(contents(&world.remote).await, before);
            let messages: Vec<_> = report.problems.iter().map(|it| it.message.as_str()).collect();
            assert!(
                messages.iter().all(|it| it.contains("expected") && it.contains("18 bytes")),
                "{messages:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_edited_is_not_brought_over() {
    for world in [World::of_folders().await, World::of_buckets().await] {
        let [a, b, c] = [
            put(&world.local, "a", "1").await,
            put(&world.local, "b", "2").await,
            put(&world.local, "c", "3").await,
        ];
        let mut draft = Draft::default();
        draft.upload("a", &a, None, &[]);
        // By size and time alone this one looks as planned; its digest tells.
        draft.upload("b", &Facts { token: None, digest: Some(Digest::of(b"x")), ..b }, None, &[]);
        draft.upload("c", &c, None, &[]);
        put(&world.local, "a", "edited").await;
        world.local.delete(&crate::support::path("c"), None).await.unwrap();
        let report = world.apply(&draft.finish()).await;
        assert_eq!(report.counts, Counts { stale: 3, ..Counts::default() }, "{:?}", report.problems);
        assert!(contents(&world.remote).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dependents_of_what_is_stale_are_skipped_and_others_go_on() {
    let world = World::of_buckets().await;
    let (old, source) = (put(&world.remote, "a", "1").await, put(&world.local, "b", "2").await);
    let mut draft = Draft::default();
    let stale = draft.delete("a", &old, &[]);
    let skipped = draft.upload("a", &put(&world.local, "a", "9").await, None, &[stale]);
    draft.upload("c", &put(&world.local, "c", "3").await, None, &[skipped]);
    draft.upload("b", &source, None, &[]);
    put(&world.remote, "a", "edited").await;
    let report = world.apply(&draft.finish()).await;
    assert_eq!(report.counts, Counts { applied: 1, stale: 1, skipped: 2, ..Counts::default() });
    assert_eq!(
        contents(&world.remote).await,
        [("a".into(), "edited".into()), ("b".into(), "2".into())].into()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_aborts_begins_nothing_more() {
    let world = World::of_buckets().await;
    let mut draft = Draft::default();
    let old = put(&world.remote, "a", "1").await;
    put(&world.remote, "a", "edited").await;
    let source = put(&world.local, "a", "2").await;
    draft.upload("a", &source, Some(&old), &[]);
    for number in 0..50 {
        let name = format!("b{number}");
        let source = put(&world.local, &name, "2").await;
        draft.upload(&name, &source, None, &[]);
    }
    let plan = draft.finish();
    let mut job = world.job(&plan);
    (job.options.jobs, job.options.on_stale) = (1, OnStale::Abort);
    let report = world.run(job).await.unwrap();
    assert_eq!(report.counts, Counts { stale: 1, not_begun: 50, ..Counts::default() });
    assert_eq!(report.ending, Ending::Stale);
    assert_eq!(world.state.unresolved().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_what_is_under_way() {
    let world = World::of_buckets().await;
    let mut draft = Draft::default();
    for number in 0..50 {
        let name = format!("b{number}");
        let source = put(&world.local, &name, "2").await;
        draft.upload(&name, &source, None, &[]);
    }
    let plan = draft.finish();
    let mut job = world.job(&plan);
    job.options.jobs = 1;
    let cancel = Cancel::new();
    job.cancel = cancel.clone();
    job.events = Arc::new(move |event| {
        if matches!(event, Event::ActionFinished { .. }) {
            cancel.cancel();
        }
    });
    let report = world.run(job).await.unwrap();
    assert_eq!(report.ending, Ending::Interrupted);
    assert!(
        report.counts.applied >= 1 && report.counts.applied + report.counts.not_begun == 50,
        "{report:?}"
    );
    assert_eq!(world.state.unresolved().await.unwrap(), []);

    let rest = world.apply(&plan).await;
    assert_eq!((rest.done_before, rest.counts.applied), (report.counts.applied, report.counts.not_begun));
    crate::everyday::check_done(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_that_agree_are_confirmed_by_reading_all() {
    for (theirs, accepted, moved) in [("same", false, true), ("else", false, false), ("else", true, true)] {
        let world = World::of_buckets().await;
        let source = put(&world.remote, "old", "same").await;
        put(&world.local, "new", theirs).await;
        let spec = SampleSpec::default();
        let source = Facts { fingerprint: Some(Fingerprint::new(&spec, [7; 32])), ..source };
        let mut draft = Draft::default();
        let id = draft.relocate(Op::Move, "old", &source, "new", &[]);
        let next = put(&world.local, "after", "x").await;
        draft.upload("after", &next, None, &[id]);
        let plan = draft
            .edit(|action| {
                if action.op == Op::Move {
                    action.evidence = Some(Evidence::Fingerprint);
                    action.risk.extend(accepted.then_some(Risk::SampledMatch));
                }
            })
            .finish();
        let report = world.apply(&plan).await;
        let names: Vec<String> = contents(&world.remote).await.into_keys().collect();
        if moved {
            assert_eq!((report.counts.applied, names), (2, vec!["after".to_owned(), "new".to_owned()]));
        } else {
            assert_eq!((report.counts.stale, report.counts.skipped, names), (1, 1, vec!["old".to_owned()]));
            assert!(report.problems[0].message.contains("differ when read whole"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_is_found_to_be() {
    let (world, plan) = crate::everyday::folders_that_differ().await;
    // Somebody else applied the plan; this state knows nothing of it.
    let elsewhere = syncplan_state::State::open(&world.folder.path().join("other/state.db")).await.unwrap();
    let document = |instance| syncplan_exec::Document {
        plan_id: plan.id(),
        instance,
        bytes: b"",
        tool: "test",
        overrides: None,
    };
    syncplan_exec::apply(world.job(&plan), &elsewhere, &document("x")).await.unwrap();
    let before = contents(&world.remote).await;
    let report = world.apply(&plan).await;
    assert_eq!(report.counts.applied, 0, "{report:?}");
    assert!(report.counts.already_satisfied >= 12, "{report:?}");
    // What is known only by size and time cannot be told from another's work.
    assert_eq!(contents(&world.remote).await, before);
    assert_eq!(facts(&world.remote, "meta").await.mtime.unwrap().seconds, 1_234_567_890);
}
