//! What the target cannot hold.

use syncplan_model::Capability;
use syncplan_model::spec::{Direction, Mode};
use syncplan_testkit::{Node, Tree, tree};

use crate::case::Case;
use crate::world::lines;

fn message(case: &Case) -> (Vec<String>, String) {
    let (plan, _) = case.converge(2);
    let findings: Vec<_> = plan.findings().iter().filter(|it| it.code == "unsupported").collect();
    assert!(findings.len() <= 1);
    assert!(plan.is_applyable());
    (lines(&plan), findings.first().map_or(String::new(), |it| it.message.clone()))
}

#[test]
fn links_are_counted_and_the_first_few_named() {
    let case = Case::mirror("a1 l->a m->a n->a o->a", "l2").without(Capability::Symlinks);
    let (lines, message) = message(&case);
    assert_eq!(lines, ["upload a"], "what stands in place of a link is left alone");
    assert_eq!(
        message,
        "left out, since the target cannot hold them: `l` (a symbolic link), `m` (a symbolic link), \
         `n` (a symbolic link) and 1 more"
    );
}

#[test]
fn names_that_do_not_fit_are_left_out_with_all_below() {
    let file = || Node::File { content: b"1".to_vec(), mtime: 1 };
    let source =
        Tree::default().with(b"\xff/x", file()).with("long/name-of-a-file", file()).with("ok", file());
    let mut case =
        Case::new(Mode::Mirror, Direction::Push, &source, &tree("")).without(Capability::ByteNames);
    case.target_store().max_name = 10;
    let (lines, message) = message(&case);
    assert_eq!(lines, ["mkdir long", "upload ok"]);
    assert!(message.contains("`long/name-of-a-file` (a name that is too long)"), "{message}");
    assert!(message.contains(r"`\xff` (a name that is not UTF-8)"), "{message}");
}

#[test]
fn what_stands_below_a_file_of_a_bucket_is_left_out_in_a_folder() {
    let source = tree("d/x1").flat().with_word("d2");
    let mut case = Case::new(Mode::Mirror, Direction::Push, &Tree::default(), &tree("d/x3"));
    case.source = Tree(source.0.into_iter().collect());
    case.fixture.local = case.fixture.local.without(Capability::Directories);
    let case = case.clone().with_target(case.target);
    let plan = case.compile();
    assert_eq!(lines(&plan), [""; 0], "the folder keeps what it has");
    assert_eq!(plan.conflicts().len(), 1);
    assert_eq!(plan.conflicts()[0].path.to_string(), "d");
}

#[test]
fn a_folder_that_keeps_something_unsupported_stays() {
    let case = Case::mirror("d/l->x", "d/l1 d/y2").without(Capability::Symlinks);
    assert_eq!(message(&case).0, ["delete d/y"]);
}
