//! What is ignored, cannot be read, or is neither file, folder nor link.

use syncplan_model::plan::Plan;
use syncplan_model::snapshot::{Problem, ProblemKind};
use syncplan_model::spec::{Direction, Mode};
use syncplan_model::{Entry, RelPath, Snapshot, SnapshotBuilder};
use syncplan_testkit::{Known, Node, Tree, facts, tree};

use crate::case::Case;
use crate::world::lines;

fn conflicts(plan: &Plan) -> Vec<String> {
    plan.conflicts().iter().map(|it| format!("{}: {}", it.path, it.reason)).collect()
}

fn check(source: &str, target: &str, expected: &[&str], conflicted: &[&str]) {
    let (plan, _) = Case::mirror(source, target).converge(3);
    assert_eq!(lines(&plan), expected, "{source} | {target}");
    assert_eq!(conflicts(&plan), conflicted, "{source} | {target}");
}

#[test]
fn it_covers_all_below_on_both_sides() {
    check("d~", "d/x1 d/y2", &[], &[]);
    check("d/x1 d/y2", "d~", &[], &[]);
    check("d/e~ d/x1", "d/e/f3 d/e/g4", &["upload d/x"], &[]);
    check("d? e1", "d/x1 f2", &["upload e", "delete f"], &[]);
    check("d!", "d1", &[], &[]);
}

#[test]
fn a_folder_that_holds_it_is_not_removed() {
    check(
        "",
        "d/e/x1 d/e/y~ d/z2",
        &["delete d/e/x", "delete d/z"],
        &["d: the directory would be removed, but `d/e/y` is ignored content"],
    );
    check(
        "",
        "d/x? e/y1",
        &["rmdir e", "delete e/y"],
        &["d: the directory would be removed, but `d/x` could not be read"],
    );
    check(
        "",
        "d/x!",
        &[],
        &["d: the directory would be removed, but `d/x` is neither file, directory nor symbolic link"],
    );
}

#[test]
fn a_folder_that_holds_it_is_not_replaced_and_nothing_in_it_changes() {
    check("d1", "d/x~ d/y2", &[], &["d: the directory would be replaced, but `d/x` is ignored content"]);
}

#[test]
fn bytes_before_the_slash_do_not_hide_it() {
    check(
        "a1 a!2",
        "a/x~ a!3 a.x/y~",
        &["upload a!"],
        &[
            "a: the directory would be replaced, but `a/x` is ignored content",
            "a.x: the directory would be removed, but `a.x/y` is ignored content",
        ],
    );
}

#[test]
fn it_is_no_source_of_copies() {
    check("d~ e1", "d/x1", &["upload e"], &[]);
}

/// A snapshot with a problem for which there is no entry.
fn with_problem(literal: &str, name: &[u8], kind: ProblemKind) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for (path, node) in &tree(literal).0 {
        builder.push(&Entry { path: path.clone(), facts: facts(node, Known::Digests) }).unwrap();
    }
    builder.report(Problem { name: name.to_vec(), until: None, kind, message: "broken".to_owned() });
    builder.finish()
}

#[test]
fn a_listing_that_broke_off_covers_what_it_would_have_listed() {
    let mut case = Case::mirror("", "d/x1 e/y2");
    case.fixture.local_snapshot = with_problem("", b"d", ProblemKind::Unreadable);
    let plan = case.compile();
    assert_eq!(lines(&plan), ["rmdir e", "delete e/y"]);
    assert_eq!(plan.findings()[0].code, "empty-source");
    assert_eq!(plan.findings()[1].code, "incomplete-scan");
    assert!(!plan.is_complete());
}

#[test]
fn a_side_that_could_not_be_read_at_all_stops_everything() {
    for (literal, remote) in [("", true), ("a1", false)] {
        let mut case = Case::mirror("a1 b2", "c3");
        let broken = with_problem(literal, b"", ProblemKind::Unreadable);
        if remote {
            case.fixture.remote_snapshot = broken
        } else {
            case.fixture.local_snapshot = broken
        }
        assert!(lines(&case.compile()).is_empty());
    }
}

#[test]
fn a_name_that_cannot_be_used_keeps_its_folder() {
    let mut case = Case::mirror("", "d/x1");
    case.fixture.remote_snapshot = with_problem("d/x1", b"d/..", ProblemKind::Name);
    let plan = case.compile();
    assert_eq!(lines(&plan), ["delete d/x"]);
    assert_eq!(
        conflicts(&plan),
        ["d: the directory would be removed, but it holds something that could not be read"]
    );
}

/// What is left of a tree when everything behind one name up to another could not be listed.
pub(crate) fn with_gap(tree: &Tree, after: &str, until: Option<&str>) -> Snapshot {
    let name = after.as_bytes().to_vec();
    let until = until.map(|until| until.as_bytes().to_vec());
    let problem = Problem { name, until, kind: ProblemKind::Gap, message: "broken".to_owned() };
    let mut builder = SnapshotBuilder::new();
    for (path, node) in &tree.0 {
        if !problem.gap().unwrap().covers(path.as_bytes()) {
            builder.push(&Entry { path: path.clone(), facts: facts(node, Known::Digests) }).unwrap();
        }
    }
    builder.report(problem);
    builder.finish()
}

#[test]
fn nothing_in_a_gap_is_taken_for_missing() {
    let (source, target) = ("a1 b/x1 b/y2 c3 d4 e5", "a9 b/x1 b/z7 c8 d/x4 f6");
    // Without a gap all of it would change.
    assert_eq!(lines(&Case::mirror(source, target).compile()).len(), 9);
    for (after, until, expected) in [
        ("a", Some("d"), &["upload a", "upload e", "delete f"][..]),
        (
            "b/x",
            Some("b/z"),
            &[
                "stage d/x -> *",
                "copy b/x -> a",
                "upload c",
                "install * -> d",
                "rmdir d",
                "upload e",
                "delete f",
            ],
        ),
        ("a", None, &["upload a"]),
    ] {
        for remote in [true, false] {
            let mut case = Case::mirror(source, target);
            if remote {
                case.fixture.remote_snapshot = with_gap(&tree(target), after, until);
            } else {
                case.fixture.local_snapshot = with_gap(&tree(source), after, until);
            }
            let plan = case.compile();
            assert!(!plan.is_complete());
            let inside =
                |path: &[u8]| after.as_bytes() < path && until.is_none_or(|it| path <= it.as_bytes());
            let touched = |action: &syncplan_model::plan::Action| inside(action.path.as_bytes());
            assert!(!plan.actions().iter().any(touched), "{after} {until:?}: {:?}", lines(&plan));
            if remote {
                assert_eq!(lines(&plan), expected, "{after} {until:?}");
            }
        }
    }
}

#[test]
fn a_listing_that_is_one_gap_stops_everything() {
    let mut case = Case::mirror("a1 b2", "c3");
    case.fixture.remote_snapshot = with_gap(&tree("c3"), "", None);
    assert!(lines(&case.compile()).is_empty());
}

#[test]
fn a_folder_that_reaches_into_a_gap_is_not_removed() {
    let mut case = Case::mirror("", "");
    case.fixture.local_snapshot = with_gap(&tree("z1"), "d", Some("d/x"));
    case.fixture.remote_snapshot = tree("d/x1 d/y2 z1").snapshot();
    let plan = case.compile();
    assert_eq!(lines(&plan), ["delete d/y"]);
}

#[test]
fn what_the_base_has_in_a_gap_is_not_taken_for_deleted() {
    let base = tree("a1 b2 c3 d4");
    let (local, remote) = (tree("a1 b2 c5 d4"), tree("a6 b2 c3 d4"));
    let mut case = Case::new(Mode::TwoWay, Direction::Push, &local, &remote).based_on([base.clone(), base]);
    assert_eq!(lines(&case.compile()), ["download a", "upload c"]);
    case.fixture.remote_snapshot = with_gap(&remote, "a", None);
    let plan = case.compile();
    assert_eq!(lines(&plan), ["download a"]);
    assert_eq!(conflicts(&plan), [""; 0]);
}

#[test]
fn a_side_whose_base_is_in_a_gap_is_not_taken_for_empty() {
    let mut base = tree("z1");
    for name in 'a'..='n' {
        base = base.with(RelPath::new(name.to_string()).unwrap(), Node::Link(b"x".to_vec()));
    }
    let new = tree("new2");
    let mut case = Case::new(Mode::TwoWay, Direction::Push, &base, &new).based_on([base.clone(), base]);
    case.fixture.remote_snapshot = with_gap(&new, "", Some("n"));
    let plan = case.compile();
    let codes: Vec<_> = plan.findings().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(
        (lines(&plan), codes),
        (vec!["download new".to_owned(), "delete z".to_owned()], vec!["incomplete-scan"])
    );
}
