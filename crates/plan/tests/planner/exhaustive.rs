//! Every pair of small trees: two names that may be folders with two children, two contents.

use syncplan_model::plan::{Op, Plan};
use syncplan_model::spec::{Direction, Mode};
use syncplan_testkit::{Tree, tree};

use crate::case::Case;
use crate::oracle;
use crate::world::{contents, lines};

/// 144 trees: each of two names is absent, one of two files, or a folder of two such names.
fn trees() -> Vec<Tree> {
    let leaves = |name: &str| [String::new(), format!("{name}1@1"), format!("{name}2@2")];
    let of_name = |name: &str| -> Vec<String> {
        let folder = |x: &String, y: &String| format!("{name}/ {x} {y}");
        let (xs, ys) = (leaves(&format!("{name}/x")), leaves(&format!("{name}/y")));
        let folders = xs.iter().flat_map(|x| ys.iter().map(move |y| folder(x, y)));
        leaves(name).into_iter().chain(folders).collect()
    };
    let (of_a, of_b) = (of_name("a"), of_name("b"));
    of_a.iter().flat_map(|a| of_b.iter().map(move |b| tree(&format!("{a} {b}")))).collect()
}

fn try_all(mode: Mode, direction: Direction, check: impl Fn(&Case, &Plan, &Tree)) {
    let trees = trees();
    assert_eq!(trees.len(), 144);
    for source in &trees {
        for target in &trees {
            let case = Case::new(mode, direction, source, target);
            let (plan, after) = case.converge(2);
            check(&case, &plan, &after);
        }
    }
}

#[test]
fn a_mirror_becomes_the_source_and_transfers_only_what_the_target_lacks() {
    try_all(Mode::Mirror, Direction::Push, |case, plan, after| {
        assert_eq!(*after, case.source, "{case}");
        assert!(plan.conflicts().is_empty(), "{case}");
        let has = contents(&case.target);
        for action in plan.actions().iter().filter(|action| action.op == Op::Upload) {
            let size = action.expect.from.as_ref().and_then(|it| it.facts()).map(|facts| facts.digest);
            let known = has.keys().any(|content| Some(Some(syncplan_model::Digest::of(content))) == size);
            assert!(!known, "{case}: the target has the content of {}: {:?}", action.path, lines(plan));
        }
    });
}

#[test]
fn an_update_takes_what_is_new_and_newer_and_nothing_else() {
    try_all(Mode::Update, Direction::Push, |case, plan, after| {
        let (expected, conflicts) = oracle::update(&case.source, &case.target);
        assert_eq!(*after, expected, "{case}: {:?}", lines(plan));
        let found: Vec<_> = plan.conflicts().iter().map(|conflict| conflict.path.clone()).collect();
        assert_eq!(found, conflicts, "{case}");
        assert!(!plan.actions().iter().any(|action| action.op.removes()), "{case}");
    });
}

#[test]
fn a_fetch_is_a_push_seen_from_the_other_side() {
    let trees = trees();
    for (at, source) in trees.iter().enumerate() {
        for target in trees.iter().skip(at % 7).step_by(7) {
            for mode in [Mode::Mirror, Mode::Update] {
                let push = Case::new(mode, Direction::Push, source, target).converge(1);
                let fetch = Case::new(mode, Direction::Fetch, source, target).converge(1);
                assert_eq!(without_direction(&fetch.0), without_direction(&push.0), "{source} | {target}");
                assert_eq!(push.1, fetch.1);
            }
        }
    }
}

/// Staged names follow from the side, and with them their order.
fn without_direction(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<_> = lines(plan).iter().map(|line| line.replace("download", "upload")).collect();
    lines.sort();
    lines
}
