//! What the guards have to say.

use syncplan_model::plan::{Enforce, Level, Mark, Plan, Risk, Side};
use syncplan_model::spec::{Confirm, Direction, GuardLevel, MaxDelete, Mode};
use syncplan_model::{ByteSize, SampleSpec};
use syncplan_plan::Enforcements;
use syncplan_testkit::{Known, Node, Tree, tree};

use crate::case::Case;
use crate::world::lines;

fn findings(plan: &Plan) -> Vec<(&str, Level)> {
    plan.findings().iter().map(|it| (it.code.as_str(), it.level)).collect()
}

/// So many files with one letter each, from `a` on.
fn files(count: u8) -> String {
    (0..count).map(|n| format!("f{n:02}{} ", char::from(b'a' + n % 26))).collect()
}

#[test]
fn an_empty_source() {
    let mut case = Case::mirror("", "a1");
    assert_eq!(findings(&case.compile()), [("empty-source", Level::Hard)]);
    assert!(!case.compile().is_applyable());
    assert!(
        case.compile().findings()[0]
            .message
            .starts_with("the local side is empty, and 1 of 1 entry on the remote")
    );
    case.fixture.guard.empty_source = GuardLevel::Soft;
    assert_eq!(findings(&case.compile()), [("empty-source", Level::Soft)]);
    case.fixture.guard.empty_source = GuardLevel::Off;
    assert_eq!(findings(&case.compile()), []);
    assert_eq!(findings(&Case::mirror("", "").compile()), []);
    assert_eq!(findings(&Case::mirror("d/", "a1").compile()), []);
    assert_eq!(findings(&Case::update("", "a1").compile()), [], "nothing is deleted");
}

#[test]
fn deletes_by_count_percent_and_bytes() {
    let with = |target: &str, source: &str, limit: MaxDelete| {
        let mut case = Case::mirror(source, target);
        case.fixture.guard.max_delete = limit;
        case.compile()
    };
    let count = |count| MaxDelete { count: Some(count), ..MaxDelete::default() };
    let percent = |percent| MaxDelete { percent: Some(percent), ..MaxDelete::default() };
    let bytes = |bytes| MaxDelete { bytes: Some(ByteSize(bytes)), ..MaxDelete::default() };
    let soft = [("max-delete", Level::Soft)];
    assert_eq!(findings(&with("a1 b2 c3", "a1", count(1))), soft);
    assert_eq!(findings(&with("a1 b2 c3", "a1", count(2))), []);
    assert_eq!(findings(&with("a1 b2 c3", "a1", bytes(1))), soft);
    assert_eq!(findings(&with("a1 b2 c3", "a1", bytes(2))), []);
    let (all, half, few) = (files(20), files(10), files(11));
    assert_eq!(findings(&with(&all, &half, percent(49))), soft);
    assert_eq!(findings(&with(&all, &half, percent(50))), []);
    assert_eq!(findings(&with(&all, &few, percent(10))), [], "fewer than ten deletes are no percentage");
    let message = with(&all, &half, percent(49)).findings()[0].message.clone();
    assert_eq!(
        message,
        "10 of 20 entries would be deleted: that is 50 %, and the limit is 49 %; if that is meant, apply with \
         `--override max-delete --reason TEXT`"
    );
}

#[test]
fn moves_are_no_deletes() {
    let mut case = Case::mirror("b1", "a1");
    case.fixture.guard.max_delete = MaxDelete { count: Some(0), ..MaxDelete::default() };
    assert_eq!(findings(&case.compile()), []);
}

#[test]
fn the_limits_of_the_task_itself() {
    let mut case = Case::mirror("a1", "a1 b2");
    case.fixture.spec.delete.max_count = Some(0);
    assert_eq!(findings(&case.compile()), [("max-delete", Level::Soft)]);
}

#[test]
fn nearly_everything_changed() {
    let edited: String = (0..20).map(|n| format!("f{n:02}! ").replace('!', "#")).collect();
    let mut case = Case::mirror(&edited, &files(20));
    assert_eq!(findings(&case.compile()), []);
    case.fixture.guard.max_change_percent = Some(80);
    assert_eq!(findings(&case.compile()), [("max-change", Level::Soft)]);
}

#[test]
fn protected_paths() {
    let mut case = Case::mirror("b1", "keep/a1");
    case.fixture.spec.protect = vec![crate::filters::under(&[syncplan_model::RelPath::new("keep").unwrap()])];
    let plan = case.compile();
    assert_eq!(findings(&plan), [("protected", Level::Hard)]);
    // The move out of it, and the folder's own removal.
    assert_eq!(plan.findings()[0].actions.len(), 2);
    assert_eq!(
        plan.findings()[0].message,
        "2 actions touch what `protect` names, `b` first: change the manifest if that is meant"
    );
    assert_eq!(plan.header().tasks[0].limits.protect, ["under('keep')"]);
}

#[test]
fn weak_preconditions() {
    let mut case = Case::mirror("a2", "a1 b3");
    case.enforcement = Enforcements { replace: Enforce::Weak, ..Enforcements::all(Enforce::Atomic) };
    let plan = case.compile();
    assert_eq!(findings(&plan), [("weak-precondition", Level::Advisory)]);
    assert_eq!(plan.findings()[0].actions.len(), 1);
    assert!(plan.is_applyable());
}

#[test]
fn sampled_matches_are_marked_only_where_nothing_confirms_them() {
    let spec = SampleSpec { above: 8, block: 64, size: 4 };
    let file = |path: &str| Tree::default().with(path, Node::File { content: vec![b'x'; 100], mtime: 1 });
    let mut case = Case::new(
        syncplan_model::spec::Mode::Mirror,
        syncplan_model::spec::Direction::Push,
        &file("b"),
        &file("a"),
    );
    case.fixture.spec.sample = spec;
    let mut case = case.knowing(Known::Samples(spec), Known::Samples(spec));
    assert_eq!(findings(&case.compile()), []);
    case.fixture.spec.confirm = Confirm::Sampled;
    let plan = case.compile();
    assert_eq!(findings(&plan), [("sampled-match", Level::Advisory)]);
    assert_eq!(plan.actions()[0].risk, [Risk::SampledMatch]);
}

#[test]
fn the_last_copy_of_something() {
    let risks = |source: &str, target: &str| {
        let plan = Case::mirror(source, target).compile();
        plan.actions().iter().map(|action| action.risk.clone()).collect::<Vec<_>>()
    };
    assert_eq!(risks("a1", "a1 b2"), [[Risk::Delete, Risk::LastCopy]]);
    assert_eq!(risks("a1", "a1 b1"), [[Risk::Delete]]);
    assert_eq!(risks("a1", "a2"), [[Risk::Overwrite, Risk::LastCopy]]);
    // The source keeps it elsewhere, and the move over `a` is no loss.
    assert_eq!(risks("a1 c2", "a2 c2 b1"), [[Risk::Overwrite]]);
    let unknown = Case::mirror("a1", "a1 b1").knowing(Known::Metadata, Known::Metadata).compile();
    assert_eq!(
        unknown.actions()[0].risk,
        [Risk::Delete, Risk::LastCopy],
        "what is not known is not promised"
    );
}

fn ten(prefix: &str) -> String {
    (0..10).map(|at| format!("{prefix}{at}{at}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_side_that_has_nothing_left_of_what_was_synced() {
    let base = tree(&ten("f/x"));
    let codes = |local: &str| {
        let case = Case::new(Mode::TwoWay, Direction::Push, &tree(local), &base);
        let plan = case.based_on([base.clone(), base.clone()]).compile();
        findings(&plan).into_iter().map(|(code, _)| code.to_owned()).collect::<Vec<_>>()
    };
    // An empty mount point is seldom quite empty.
    assert_eq!(codes("lost+found/"), ["empty-source"]);
    assert_eq!(codes(".DS_Storez"), ["empty-source"]);
    // One file that is left shows that it is the right place, and so does a rename.
    assert_eq!(codes("f/x00"), [""; 0]);
    assert_eq!(codes("g/x11 n5"), [""; 0]);
}

#[test]
fn a_side_that_is_another_one_says_nothing_of_deletes() {
    for (side, code) in [(Side::Local, "replaced-local"), (Side::Remote, "replaced-remote")] {
        for mark in [Mark::Missing, Mark::Older] {
            let both = tree("a1 b2");
            let mut case = Case::new(Mode::TwoWay, Direction::Push, &tree("a1"), &both);
            case = case.based_on([both.clone(), both]);
            case.marks = (side, Some(mark));
            let plan = case.compile();
            assert_eq!(findings(&plan), [(code, Level::Hard)]);
            assert_eq!(lines(&plan), ["download b"], "it is not deleted, but joined");
        }
    }
}

#[test]
fn what_is_known_by_size_and_time_alone_goes_to_the_trash() {
    let both = tree("a1");
    let trash = |base: Known| {
        let mut case = Case::new(Mode::TwoWay, Direction::Push, &tree("a2@7"), &both);
        case = case.based_on([both.clone(), both.clone()]);
        case.base_snapshots = Some([both.snapshot_knowing(base), both.snapshot_knowing(base)]);
        case.compile().actions()[0].trash.is_some()
    };
    assert!(trash(Known::Metadata));
    assert!(!trash(Known::Digests));
}
