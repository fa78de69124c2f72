//! `trash keep=…`: what is deleted or overwritten names a place in the trash.

use syncplan_model::Period;
use syncplan_model::plan::{Op, Plan};
use syncplan_model::spec::{Direction, Mode, Trash};
use syncplan_testkit::tree;

use crate::case::Case;
use crate::world::line;

/// The actions that keep something, with what else is planned left out.
fn keeping(plan: &Plan) -> Vec<String> {
    plan.actions().iter().filter(|action| action.trash.is_some()).map(line).collect()
}

/// A mirror of a target that is as it was synced.
fn synced(source: &str, target: &str) -> Case {
    Case::mirror(source, target).based_on([tree(target), tree(target)])
}

fn kept(case: Case) -> Case {
    let mut case = case;
    case.fixture.spec.trash = Some(Trash { keep: Period::from_secs(60) });
    case
}

#[test]
fn every_delete_and_overwrite_is_kept_once() {
    for (source, target, expected) in [
        ("a2", "a1", &["upload a"][..]),
        ("", "a1 l->x", &["delete a", "delete l"]),
        // What moves is not kept a second time.
        ("b1", "a1", &[]),
        ("b1", "a1 b2", &["move a -> b"]),
        ("a2 b1", "a1 b2", &[]),
        ("a1 b1", "a1 b2", &["copy a -> b"]),
        // Folders hold nothing by themselves.
        ("", "d/x1", &["delete d/x"]),
        ("d1", "d/x2", &["delete d/x"]),
        ("d/x1", "d2", &["delete d"]),
        ("a1@2", "a1@1", &[]),
    ] {
        let plan = kept(synced(source, target)).compile();
        assert_eq!(keeping(&plan), expected, "{source} | {target}");
        assert_eq!(keeping(&synced(source, target).compile()), [""; 0], "{source} | {target}");
    }
}

#[test]
fn both_sides_of_a_two_way_task_keep() {
    let two_way = Case::new(Mode::TwoWay, Direction::Push, &tree("a2 b1"), &tree("a1 c1"));
    let base = tree("a1 b1 c1");
    let plan = kept(two_way.based_on([base.clone(), base])).compile();
    assert_eq!(keeping(&plan), ["upload a", "delete b", "delete c"]);
}

#[test]
fn the_place_follows_from_what_is_kept() {
    let places = |source| -> Vec<_> {
        let plan = kept(synced(source, "a1 b2")).compile();
        plan.actions().iter().filter(|it| it.op == Op::Delete).map(|it| it.trash.clone().unwrap()).collect()
    };
    // Another plan that removes the same keeps it at the same place.
    assert_eq!(places("")[..1], places("b2")[..]);
    assert_ne!(places("")[0], places("")[1]);
    assert!(places("")[0].to_string().ends_with("/a"));
}

#[test]
fn a_store_that_cannot_keep_loses_nothing() {
    let mut case = kept(synced("a2", "a1 b1"));
    for capability in [
        syncplan_model::Capability::AtomicRename,
        syncplan_model::Capability::RenameNoReplace,
        syncplan_model::Capability::ServerCopy,
    ] {
        case = case.without(capability);
    }
    let plan = case.compile();
    assert!(!plan.has_changes());
    assert_eq!(plan.held().count(), 1);
}
