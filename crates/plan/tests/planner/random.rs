//! Random pairs of trees that have something to do with each other.

use std::collections::BTreeSet;

use proptest::prelude::*;
use syncplan_model::plan::{Op, Plan, Side};
use syncplan_model::spec::{Direction, Mode};
use syncplan_model::{Capability, Digest, EntryKind, RelPath};
use syncplan_testkit::{Node, Tree};

use crate::case::Case;
use crate::opaque::with_gap;
use crate::oracle;
use crate::world::{contents, lines};

/// Names whose order as bytes is not their order as components.
const NAMES: [&str; 6] = ["a", "b", "a!", "a.x", "b0", "c"];

type Path = Vec<u8>;

/// One change: what, of which entry, to where, and with what.
type Change = (u8, prop::sample::Index, Path, u8);

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(0..NAMES.len() as u8, 1..4)
}

fn rel(path: &Path) -> RelPath {
    let names: Vec<_> = path.iter().map(|&name| NAMES[usize::from(name)]).collect();
    RelPath::new(names.join("/")).unwrap()
}

fn node(kind: u8) -> Node {
    match kind {
        0..12 => Node::File { content: vec![b'0' + kind % 5], mtime: i64::from(kind % 3) },
        12 => Node::File { content: Vec::new(), mtime: 1 },
        13 => Node::Link(b"somewhere".to_vec()),
        14 => Node::Link(b"elsewhere".to_vec()),
        _ => Node::Dir,
    }
}

/// A tree of 10 to 60 entries, and one made from it by up to 14 changes.
fn pair() -> impl Strategy<Value = (Tree, Tree)> {
    let entries = prop::collection::vec((path(), 0..16_u8), 10..60);
    let changes = prop::collection::vec((0..8_u8, any::<prop::sample::Index>(), path(), 0..16_u8), 0..14);
    (entries, changes).prop_map(|(entries, changes)| {
        let mut one = Tree::default();
        entries.iter().for_each(|(path, kind)| put(&mut one, &rel(path), node(*kind)));
        let mut other = one.clone();
        changes.iter().for_each(|change| alter(&mut other, change));
        (one, other)
    })
}

/// Makes room and puts something there.
fn put(tree: &mut Tree, path: &RelPath, node: Node) {
    tree.0.retain(|other, old| !other.is_below(path) && (*old == Node::Dir || !path.is_below(other)));
    *tree = std::mem::take(tree).with(path, node);
}

/// Everything at and below a path, as it is named from there.
fn cut(tree: &mut Tree, path: &RelPath) -> Vec<(Vec<u8>, Node)> {
    let is_inside = |other: &RelPath| other == path || other.is_below(path);
    let inside: Vec<_> = tree.0.keys().filter(|other| is_inside(other)).cloned().collect();
    let suffix = |other: &RelPath| other.as_bytes()[path.as_bytes().len()..].to_vec();
    inside.iter().filter_map(|other| Some((suffix(other), tree.0.remove(other)?))).collect()
}

fn paste(tree: &mut Tree, path: &RelPath, nodes: Vec<(Vec<u8>, Node)>) {
    for (suffix, node) in nodes {
        put(tree, &RelPath::new([path.as_bytes(), &suffix].concat()).unwrap(), node);
    }
}

fn alter(tree: &mut Tree, (what, which, to, kind): &Change) {
    if tree.0.is_empty() {
        return;
    }
    let path = which.get(&tree.0.keys().cloned().collect::<Vec<_>>()).clone();
    let to = rel(to);
    match what {
        // Renamed or moved, a folder with all that is in it.
        0..3 => {
            let nodes = cut(tree, &path);
            paste(tree, &to, nodes);
        }
        // Two things change places.
        3 => {
            let (here, there) = (cut(tree, &path), cut(tree, &to));
            paste(tree, &to, here);
            paste(tree, &path, there);
        }
        4 => {
            let nodes = cut(&mut tree.clone(), &path);
            paste(tree, &to, nodes);
        }
        5 => drop(cut(tree, &path)),
        6 => put(tree, &path, node(*kind)),
        _ => put(tree, &to, node(*kind)),
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// No content passes from side to side that the target has already.
fn transfers_nothing_twice(case: &Case, plan: &Plan) {
    let has: Vec<Digest> = contents(&case.target).keys().map(|content| Digest::of(content)).collect();
    for action in plan.actions().iter().filter(|action| action.op.transfers() && action.bytes > 0) {
        let digest = action.expect.from.as_ref().and_then(|it| it.facts()).and_then(|facts| facts.digest);
        assert!(digest.is_none_or(|it| !has.contains(&it)), "{case}\n{}: {:?}", action.path, lines(plan));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_mirror_becomes_its_source((source, target) in pair(), fetch: bool) {
        let direction = if fetch { Direction::Fetch } else { Direction::Push };
        let case = Case::new(Mode::Mirror, direction, &source, &target);
        let (plan, after) = case.converge(3);
        prop_assert_eq!(&after, &source);
        transfers_nothing_twice(&case, &plan);
        prop_assert!(plan.conflicts().is_empty());
    }

    #[test]
    fn an_update_adds((source, target) in pair(), fetch: bool) {
        let direction = if fetch { Direction::Fetch } else { Direction::Push };
        let case = Case::new(Mode::Update, direction, &source, &target);
        let (plan, after) = case.converge(3);
        let (expected, conflicts) = oracle::update(&source, &target);
        prop_assert_eq!(&after, &expected);
        let found: BTreeSet<_> = plan.conflicts().iter().map(|conflict| conflict.path.clone()).collect();
        prop_assert_eq!(found, BTreeSet::from_iter(conflicts));
        transfers_nothing_twice(&case, &plan);
    }

    #[test]
    fn a_mirror_between_buckets_has_every_file_of_its_source((source, target) in pair()) {
        let case = Case::new(Mode::Mirror, Direction::Push, &source, &target).flat();
        let (plan, after) = case.converge(3);
        prop_assert_eq!(&after, &case.source);
        prop_assert!(plan.actions().iter().all(|action| !matches!(action.op, Op::Mkdir | Op::Rmdir)));
    }

    #[test]
    fn a_mirror_of_a_bucket_in_a_folder((source, target) in pair()) {
        let mut case = Case::new(Mode::Mirror, Direction::Push, &source.flat(), &target);
        case.fixture.local = case.fixture.local.without(Capability::Directories);
        let (_, after) = case.converge(3);
        prop_assert_eq!(&after.flat(), &case.source);
    }

    #[test]
    fn what_is_opaque_is_never_touched(
        (source, target) in pair(),
        hidden in prop::collection::vec((any::<bool>(), path(), 0..3_usize), 1..4),
        mirror: bool,
    ) {
        let (mut source, mut target) = (source, target);
        for (on_source, path, kind) in &hidden {
            let kind = [EntryKind::Ignored, EntryKind::Unreadable, EntryKind::Special][*kind];
            put(if *on_source { &mut source } else { &mut target }, &rel(path), Node::Opaque(kind));
        }
        let mode = if mirror { Mode::Mirror } else { Mode::Update };
        let case = Case::new(mode, Direction::Push, &source, &target);
        let (plan, after) = case.converge(2);
        let covered = |path: &RelPath| oracle::is_covered(path, [&source, &target]);
        for action in plan.actions() {
            for path in [Some(&action.path), action.from.as_ref()].into_iter().flatten() {
                prop_assert!(!covered(path), "{case}: {path} in {:?}", lines(&plan));
            }
        }
        let conflicted = |path: &RelPath| plan.conflicts().iter().any(|it| it.path == *path || path.is_below(&it.path));
        for (path, node) in &source.0 {
            if mirror && !covered(path) && !conflicted(path) {
                prop_assert_eq!(after.0.get(path), Some(node), "{}: {}", case, path);
            }
        }
    }

    #[test]
    fn what_may_stand_in_a_gap_is_never_touched(
        (source, target) in pair(),
        after in prop::option::of(path()),
        until in prop::option::of(path()),
        of_source: bool,
        mirror: bool,
    ) {
        let after = after.map(|after| rel(&after).to_string()).unwrap_or_default();
        let until = until.map(|until| rel(&until).to_string()).filter(|until| *until > after);
        let mode = if mirror { Mode::Mirror } else { Mode::Update };
        // Only buckets have gaps.
        let (source, target) = if of_source { (source.flat(), target) } else { (source, target.flat()) };
        let mut case = Case::new(mode, Direction::Push, &source, &target);
        let flat = if of_source { &mut case.fixture.local } else { &mut case.fixture.remote };
        *flat = flat.clone().without(Capability::Directories);
        let gapped = with_gap(if of_source { &source } else { &target }, &after, until.as_deref());
        let problem = gapped.problems()[0].clone();
        let in_gap = |path: &RelPath| !path.is_reserved() && problem.gap().unwrap().covers(path.as_bytes());
        if of_source { case.fixture.local_snapshot = gapped } else { case.fixture.remote_snapshot = gapped }
        let plan = case.compile();
        // A folder that something outside of the gap needs to stand in is made all the same.
        for action in plan.actions().iter().filter(|action| action.op != Op::Mkdir) {
            for path in [Some(&action.path), action.from.as_ref()].into_iter().flatten() {
                prop_assert!(!in_gap(path), "{case} gap {after}..{until:?}: {path} in {:?}", lines(&plan));
            }
        }
        let now = case.apply(&plan, 1);
        for (path, node) in target.0.iter().filter(|(path, _)| in_gap(path)) {
            prop_assert_eq!(now.0.get(path), Some(node), "{} gap {}..{:?}: {}", case, after, until, path);
        }
    }

    #[test]
    fn any_part_that_is_asked_for_can_be_applied(
        (source, target) in pair(),
        names in prop::collection::vec(0..NAMES.len(), 1..3),
        exclude: bool,
    ) {
        let mut case = Case::new(Mode::Mirror, Direction::Push, &source, &target);
        let under: Vec<RelPath> = names.iter().map(|&name| RelPath::new(NAMES[name]).unwrap()).collect();
        let filter = crate::filters::under(&under);
        let inside = |path: &RelPath| under.iter().any(|folder| path == folder || path.is_below(folder));
        if exclude { case.exclude = Some(filter) } else { case.only = Some(filter) }
        let plan = case.compile();
        let after = case.apply(&plan, 1);
        for path in after.0.keys().chain(case.target.0.keys()) {
            if inside(path) == exclude {
                prop_assert_eq!(after.0.get(path), case.target.0.get(path), "{}: {}", case, path);
            }
        }
        // What is left is done by the whole.
        let rest = Case { only: None, exclude: None, ..case.with_target(after) };
        prop_assert_eq!(&rest.converge(1).1, &source);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..config() })]

    #[test]
    fn the_same_input_gives_the_same_bytes((source, target) in pair()) {
        let case = Case::new(Mode::Mirror, Direction::Push, &source, &target);
        prop_assert_eq!(crate::documents::json(&case.compile()), crate::documents::json(&case.compile()));
        prop_assert_eq!(case.target_side(), Side::Remote);
    }
}
