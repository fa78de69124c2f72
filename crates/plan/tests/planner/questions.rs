//! What is asked before compiling.

use syncplan_model::spec::{Compare, Direction, Mode};
use syncplan_model::{Capability, Entry, Facts, RelPath, SnapshotBuilder};
use syncplan_plan::{Inquiry, Question};
use syncplan_testkit::{Known, facts, tree};

use crate::case::Case;
use crate::world::lines;

fn shown(questions: &[Question]) -> Vec<String> {
    questions.iter().map(|it| format!("{} {:?}", it.path, it.inquiry)).collect()
}

fn check(case: &Case, local: &[&str], remote: &[&str]) {
    let questions = case.questions();
    assert_eq!(shown(&questions.local), local, "{case}");
    assert_eq!(shown(&questions.remote), remote, "{case}");
}

fn unknown(source: &str, target: &str) -> Case {
    Case::mirror(source, target).knowing(Known::Metadata, Known::Metadata)
}

#[test]
fn quick_asks_only_about_what_was_touched() {
    check(&unknown("a1@5 b1@6 cé@5", "a1@5 b1@5 c1@7"), &["b Sampled"], &["b Sampled"]);
}

#[test]
fn what_is_dear_to_read_is_not_read() {
    check(&unknown("b1@6", "b1@5").without(Capability::CheapReads), &[], &[]);
    let hashed = Case::mirror("b1@6", "b1@5").knowing(Known::Metadata, Known::Digests);
    check(&hashed.without(Capability::CheapReads), &["b Sampled"], &[]);
}

#[test]
fn sampled_and_full_ask_about_everything_of_one_size() {
    let mut case = unknown("a1 b1 c/d1", "a1 b2 c/d1");
    case.fixture.spec.compare = Compare::Sampled;
    check(&case, &["a Sampled", "b Sampled", "c/d Sampled"], &["a Sampled", "b Sampled", "c/d Sampled"]);
    case.fixture.spec.compare = Compare::Full;
    check(&case, &["a Full", "b Full", "c/d Full"], &["a Full", "b Full", "c/d Full"]);
    let mut known = Case::mirror("a1", "a1");
    known.fixture.spec.compare = Compare::Full;
    check(&known, &[], &[]);
}

#[test]
fn a_missing_time_is_looked_up() {
    let mut case = unknown("a1", "a1");
    let path = RelPath::new("a").unwrap();
    let mut builder = SnapshotBuilder::new();
    builder.push(&Entry { path, facts: Facts::file(1) }).unwrap();
    case.fixture.remote_snapshot = builder.finish();
    check(&case, &[], &["a Stat"]);
}

#[test]
fn a_possible_move_is_looked_at_on_both_sides() {
    check(&unknown("new1", "old1"), &["new Sampled"], &["old Sampled"]);
    check(&unknown("newé", "old1"), &[], &[]);
}

#[test]
fn a_possible_copy_is_looked_at_where_copies_are_possible() {
    check(&unknown("a1 b1", "a1"), &["b Sampled"], &["a Sampled"]);
    check(&unknown("a1 b1", "a1").without(Capability::ServerCopy), &[], &[]);
}

#[test]
fn not_more_than_a_few_that_stay_are_looked_at() {
    let many: String = (0..100).map(|n| format!("f{n:03}x ")).collect();
    let case = unknown(&format!("{many} newy"), &many);
    let questions = case.questions();
    assert_eq!(questions.remote.len(), 8);
    assert_eq!(shown(&questions.local), ["new Sampled"]);
}

#[test]
fn what_is_covered_is_not_asked_about() {
    check(&unknown("d~ a1", "d/x1@2"), &[], &[]);
}

#[test]
fn both_directions_ask_the_right_side() {
    let case = Case::new(Mode::Mirror, Direction::Fetch, &tree("b1@6"), &tree("b1@5"));
    let case = case.knowing(Known::Digests, Known::Metadata);
    check(&case, &["b Sampled"], &[]);
}

/// Answers all questions, as a scan would, until nothing new is asked.
fn answer(mut case: Case) -> (Case, usize) {
    for round in 0.. {
        let questions = case.questions();
        if questions.is_empty() {
            return (case, round);
        }
        assert!(round < 3, "{case}: {questions:?}");
        let sides =
            [(case.target_side().other(), case.source.clone()), (case.target_side(), case.target.clone())];
        for (side, truth) in sides {
            let asked =
                if side == syncplan_model::plan::Side::Local { &questions.local } else { &questions.remote };
            let mut builder = SnapshotBuilder::new();
            let mut cursor = case.snapshot(side).cursor();
            while let Some(entry) = cursor.current() {
                let asked = asked.iter().find(|it| it.path == entry.path);
                let known = asked
                    .filter(|it| it.inquiry > Inquiry::Stat)
                    .map(|_| facts(&truth.0[&entry.path], Known::Digests));
                builder
                    .push(&Entry {
                        path: entry.path.clone(),
                        facts: known.unwrap_or_else(|| entry.facts.clone()),
                    })
                    .unwrap();
                cursor.advance();
            }
            let answered = builder.finish();
            *case.snapshot(side) = answered;
        }
    }
    unreachable!()
}

#[test]
fn answers_are_enough_to_find_moves_copies_and_touches() {
    for (source, target) in [
        ("b1", "a1"),
        ("a1@7", "a1@5"),
        ("a2@7 b1@7", "a1@5 b2@5"),
        ("b1 c1 d1", "a1"),
        ("a1 b1", "a1"),
        ("d1", "d/x1"),
        ("q/p/f1", "p/q/f1"),
    ] {
        let knowing = lines(&Case::mirror(source, target).compile());
        let (answered, rounds) = answer(unknown(source, target));
        assert_eq!(lines(&answered.compile()), knowing, "{source} | {target}");
        assert!(rounds <= 2, "{rounds} rounds: {source} | {target}");
    }
}

#[test]
fn a_first_sync_asks_nothing() {
    check(&unknown("a1 b1 c/d1", ""), &[], &[]);
}
