//! Named situations, as a table: what the source has, what the target has, what is planned.

use syncplan_model::plan::Plan;
use syncplan_model::spec::{Compare, Direction, Mode};
use syncplan_model::{Capability, SampleSpec};
use syncplan_testkit::{Known, Node, Tree, tree};

use crate::case::Case;
use crate::world::lines;

/// Compiles, applies in several orders, and compares with `op path, op from -> path, …`.
fn check(case: Case, expected: &[&str]) {
    let (plan, _) = case.converge(5);
    assert_does(&plan, expected);
}

/// A plan stands in the order of paths, a table reads better in the order of doing.
fn assert_does(plan: &Plan, expected: &[&str]) {
    let (mut found, mut expected) = (lines(plan), expected.to_vec());
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

fn mirror(source: &str, target: &str, expected: &[&str]) {
    let case = Case::mirror(source, target);
    let (plan, after) = case.converge(5);
    assert_does(&plan, expected);
    assert_eq!(after, case.source, "{case}");
}

#[test]
fn two_files_are_swapped_without_a_byte() {
    mirror("a2 b1", "a1 b2", &["stage b -> *", "move a -> b", "install * -> a"]);
}

#[test]
fn three_files_are_rotated_without_a_byte() {
    let (plan, _) = Case::mirror("a3 b1 c2", "a1 b2 c3").converge(5);
    assert_eq!(plan.summary().transfer_bytes, 0);
    assert_does(&plan, &["stage c -> *", "move b -> c", "move a -> b", "install * -> a"]);
}

#[test]
fn a_rename_and_something_new_in_its_place() {
    mirror("a2 b1", "a1", &["upload a", "move a -> b"]);
}

#[test]
fn a_rename_over_something() {
    mirror("b1", "a1 b2", &["move a -> b"]);
}

#[test]
fn a_child_takes_its_parents_name_and_back() {
    mirror("d1", "d/x1", &["stage d/x -> *", "rmdir d", "install * -> d"]);
    mirror("d/x1", "d1", &["stage d -> *", "mkdir d", "install * -> d/x"]);
}

#[test]
fn a_hierarchy_is_turned_upside_down() {
    mirror("q/p/f1", "p/q/f1", &["rmdir p", "rmdir p/q", "mkdir q", "mkdir q/p", "move p/q/f -> q/p/f"]);
}

#[test]
fn another_case_is_another_name() {
    mirror("A1", "a1", &["move a -> A"]);
}

#[test]
fn a_file_leaves_a_folder_that_goes() {
    mirror("e/x1", "d/x1", &["rmdir d", "mkdir e", "move d/x -> e/x"]);
}

#[test]
fn a_copy_of_what_stays_is_made_there() {
    mirror("a1 b1", "a1", &["copy a -> b"]);
    check(Case::mirror("a1 b1", "a1").without(Capability::ServerCopy), &["upload b"]);
}

#[test]
fn what_was_copied_and_then_overwritten_is_not_transferred() {
    // The same end as a rename and something new in its place: the content moves, then the other comes.
    mirror("a3 b1 c1", "a1", &["upload a", "move a -> b", "copy b -> c"]);
}

#[test]
fn one_source_and_three_targets() {
    mirror("b1 c1 d1", "a1", &["move a -> b", "copy b -> c", "copy b -> d"]);
}

#[test]
fn identical_files_are_paired_by_suffix_and_then_by_path() {
    mirror(
        "n/x1 n/y1",
        "o/y1 p/x1",
        &["mkdir n", "move p/x -> n/x", "move o/y -> n/y", "rmdir o", "rmdir p"],
    );
}

#[test]
fn empty_files_are_never_paired() {
    let empty = |name: &str| Tree::default().with(name, Node::File { content: Vec::new(), mtime: 1 });
    let case = Case::new(Mode::Mirror, Direction::Push, &empty("a"), &empty("b"));
    check(case, &["upload a", "delete b"]);
}

#[test]
fn files_folders_and_links_take_each_others_place() {
    mirror("x/", "x1", &["delete x", "mkdir x"]);
    mirror("x1", "x/", &["upload x", "rmdir x"]);
    mirror("x->y", "x1", &["upload x"]);
    mirror("x1", "x->y", &["upload x"]);
    mirror("x->y", "x/a1 x/b/c2", &["upload x", "rmdir x", "delete x/a", "rmdir x/b", "delete x/b/c"]);
    mirror("x->z", "x->y", &["upload x"]);
}

#[test]
fn update_leaves_what_only_the_target_has() {
    let (plan, after) = Case::update("a1 d/b2", "c3 d/e4").converge(3);
    assert_does(&plan, &["upload a", "upload d/b"]);
    assert_eq!(after, tree("a1 c3 d/b2 d/e4"));
}

#[test]
fn update_takes_what_is_newer_and_holds_the_rest() {
    let (plan, after) = Case::update("a2@9 b2@1 c2@5", "a1@5 b1@5 c1@5").converge(3);
    assert_does(&plan, &["upload a"]);
    assert_eq!(plan.actions()[0].reason.as_str(), "newer");
    assert_eq!(after, tree("a2@9 b1@5 c1@5"));
    let held: Vec<_> = plan.conflicts().iter().map(|it| (it.path.to_string(), it.policy.as_str())).collect();
    assert_eq!(held, [("b".to_owned(), "hold"), ("c".to_owned(), "hold")]);
}

#[test]
fn update_copies_what_was_renamed_since_it_deletes_nothing() {
    let (plan, _) = Case::update("b1", "a1").converge(3);
    assert_does(&plan, &["copy a -> b"]);
}

#[test]
fn update_with_deletes_moves() {
    let mut case = Case::update("b1", "a1 c2");
    case.fixture.spec.delete.policy = syncplan_model::spec::DeletePolicy::Extra;
    check(case, &["move a -> b", "delete c"]);
}

#[test]
fn mirror_that_never_deletes_keeps_extras_and_folders_that_hold_them() {
    let mut case = Case::mirror("a1 d2", "d/x3 e4");
    case.fixture.spec.delete.policy = syncplan_model::spec::DeletePolicy::Never;
    let (plan, after) = case.converge(3);
    assert_does(&plan, &["upload a"]);
    assert_eq!(after, tree("a1 d/x3 e4"));
    assert_eq!(plan.conflicts()[0].path.to_string(), "d");
}

#[test]
fn a_touched_file_gets_its_time_and_nothing_else() {
    mirror("a1@7", "a1@5", &["set-metadata a"]);
    check(Case::mirror("a1@7", "a1@5").without(Capability::SetMetadata), &[]);
}

#[test]
fn a_moved_and_touched_file_gets_its_time_afterwards() {
    mirror("b1@7", "a1@5", &["move a -> b", "set-metadata b"]);
    mirror("a1@7 b1@5", "a1@5", &["set-metadata a", "copy a -> b"]);
    mirror(
        "a2@7 b1@7",
        "a1@5 b2@5",
        &["stage b -> *", "move a -> b", "install * -> a", "set-metadata a", "set-metadata b"],
    );
}

#[test]
fn same_size_and_time_but_other_content_is_found_by_content_alone() {
    let unknown = Case::mirror("a1", "a2").knowing(Known::Metadata, Known::Metadata);
    assert!(lines(&unknown.compile()).is_empty());
    let mut full = unknown;
    full.fixture.spec.compare = Compare::Full;
    assert_does(&full.compile(), &["upload a"]);
}

#[test]
fn files_that_differ_between_the_samples_are_told_apart_by_their_digests() {
    let spec = SampleSpec { above: 8, block: 64, size: 4 };
    let file = |path: &str, middle: u8| {
        let mut content = vec![b'.'; 100];
        content[30] = middle;
        Tree::default().with(path, Node::File { content, mtime: 1 })
    };
    let mut case = Case::new(Mode::Mirror, Direction::Push, &file("b", 1), &file("a", 2));
    case.fixture.spec.sample = spec;
    assert_does(&case.compile(), &["delete a", "upload b"]);
    // Samples nominate; the executor hashes the whole before it acts.
    let sampled = case.knowing(Known::Samples(spec), Known::Samples(spec)).compile();
    assert_does(&sampled, &["move a -> b"]);
    assert_eq!(sampled.actions()[0].evidence, Some(syncplan_model::plan::Evidence::Fingerprint));
}

#[test]
fn stated_moves_are_taken_where_nothing_contradicts() {
    let moved = |source: &str, target: &str| {
        let mut case = Case::mirror(source, target).knowing(Known::Metadata, Known::Metadata);
        let path = |text: &str| syncplan_model::RelPath::new(text).unwrap();
        case.fixture.spec.moved = vec![syncplan_model::spec::Moved { from: path("old"), to: path("new") }];
        case.compile()
    };
    assert_does(
        &moved("new/a1 new/b2", "old/a1 old/b2"),
        &["mkdir new", "move old/a -> new/a", "move old/b -> new/b", "rmdir old"],
    );
    assert_does(&moved("new1", "old1"), &["move old -> new"]);
    assert_does(&moved("newer1", "old1"), &["upload newer", "delete old"]);
}

#[test]
fn keys_of_a_bucket_may_be_file_and_folder_at_once() {
    let mut source = tree("d/x1");
    source = source.flat().with_word("d2");
    let case = Case::new(Mode::Mirror, Direction::Push, &source, &Tree::default());
    let bucket = |case: Case| Case { source: case.source.flat(), ..case }.flat();
    let (plan, _) = bucket(case).converge(3);
    assert_does(&plan, &["upload d", "upload d/x"]);
}

#[test]
fn a_bucket_brings_its_folders_along() {
    let fetch = |source: &str, target: &str, expected: &[&str]| {
        let (source, target) = (tree(source).flat(), tree(target));
        let mut case = Case::new(Mode::Mirror, Direction::Fetch, &source, &target);
        case.fixture.remote = case.fixture.remote.without(Capability::Directories);
        check(case, expected);
    };
    fetch("a/b/c1", "", &["mkdir a", "mkdir a/b", "download a/b/c"]);
    fetch("a/b/c1", "a2", &["delete a", "mkdir a", "mkdir a/b", "download a/b/c"]);
    fetch("a1", "a/b/c2", &["download a", "rmdir a", "rmdir a/b", "delete a/b/c"]);
    fetch("a1", "a1 d/", &[]);
    fetch("d/x1", "d/x1 d/y/z2", &["delete d/y/z"]);
}

#[test]
fn an_append_only_store_is_never_changed() {
    let mut case = Case::mirror("a5 b2 c3", "b1 d4");
    case.fixture.remote = case.fixture.remote.with(Capability::AppendOnly);
    let (plan, after) = case.converge(3);
    assert_does(&plan, &["upload a", "upload c"]);
    assert_eq!(after, tree("a5 b1 c3 d4"));
    assert_eq!(plan.conflicts().len(), 1);
}

#[test]
fn a_read_only_store_is_not_planned_on() {
    let mut case = Case::mirror("a1", "");
    case.fixture.remote = case.fixture.remote.with(Capability::ReadOnly);
    assert!(case.try_compile().is_err());
    case = Case::mirror("a1", "a1");
    case.fixture.remote = case.fixture.remote.with(Capability::ReadOnly);
    assert!(case.try_compile().is_ok());
}

#[test]
fn a_thousand_files_make_room_for_a_file_with_one_stage() {
    let names: Vec<_> =
        (0..1_000).map(|n| (format!("{n:04}"), format!("content {n}").into_bytes())).collect();
    let mut target = tree("e!").with("e", Node::File { content: b"e".to_vec(), mtime: 1 });
    let mut source = Tree::default().with("d", Node::File { content: b"e".to_vec(), mtime: 1 });
    for (name, content) in &names {
        let node = Node::File { content: content.clone(), mtime: 1 };
        target = target.with(format!("d/{name}"), node.clone());
        source = source.with(format!("e/{name}"), node);
    }
    let (plan, after) = Case::new(Mode::Mirror, Direction::Push, &source, &target).converge(1);
    assert_eq!(after, source);
    let stages = plan.actions().iter().filter(|it| it.op == syncplan_model::plan::Op::Stage).count();
    assert_eq!(stages, 1);
}

#[test]
fn names_of_one_byte_any_bytes_and_bytes_before_the_slash() {
    let one = |name: &[u8], content: &[u8]| {
        Tree::default().with(name, Node::File { content: content.to_vec(), mtime: 1 })
    };
    for name in [b"\x01".as_slice(), b" ", b"\xff", b"-", b"\\", b"\n"] {
        let (plan, _) =
            Case::new(Mode::Mirror, Direction::Push, &one(name, b"x"), &Tree::default()).converge(1);
        assert_eq!(plan.actions().len(), 1);
    }
    mirror(
        "a!1 a.x2 a/b3 ab4",
        "a1 a.x/b2 ab/c4",
        &[
            "move a -> a!",
            "mkdir a",
            "upload a/b",
            "stage a.x/b -> *",
            "rmdir a.x",
            "install * -> a.x",
            "stage ab/c -> *",
            "rmdir ab",
            "install * -> ab",
        ],
    );
}
