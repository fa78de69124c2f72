//! What becomes of a base and two sides, one case a line: `base | local | remote`, where `=` is as in
//! the base, and what is done: `upload a`, `remote delete b`, `hold c`.

use std::sync::Arc;
use syncplan_model::plan::{Action, Plan, Selection, Side};
use syncplan_model::spec::{ConflictPolicy, DeletePolicy, Direction, Mode};

use syncplan_model::RelPath;
use syncplan_plan::{PlanInput, Resolution, Take, TaskInput, compile};
use syncplan_testkit::simulator::Thing;
use syncplan_testkit::{Tree, tree};

use crate::case::{Case, NOW};
use crate::world::{Dice, World, line};

/// A line of a table.
type Row = (&'static str, &'static [&'static str]);

/// A case from its line.
fn case(mode: Mode, row: &str) -> Case {
    let parts: Vec<&str> = row.split('|').map(str::trim).collect();
    let [base, local, remote] = parts[..] else { panic!("`{row}` is no `base | local | remote`") };
    let side = |literal| tree(if literal == "=" { base } else { literal });
    let base = tree(base);
    Case::new(mode, Direction::Push, &side(local), &side(remote)).based_on([base.clone(), base])
}

/// Compiles, carries out in some orders, and plans again.
fn carry_out(case: &Case) -> (Plan, World) {
    let plan = case.compile();
    let worlds = (0..5).map(|seed| {
        let mut world = case.world();
        let done = world.apply(&plan, &mut Dice::new(seed));
        done.unwrap_or_else(|problem| panic!("{problem}\n{case}\n{:?}", told(&plan)));
        world
    });
    let mut worlds = worlds.collect::<Vec<_>>().into_iter();
    let world = worlds.next().unwrap();
    for other in worlds {
        assert_eq!((&world.local, &world.remote), (&other.local, &other.remote), "{case}");
        assert_eq!(world.base_local, other.base_local, "{case}");
    }
    assert!(world.lost().is_none(), "{case}");
    let again = next(case, &world).compile();
    assert!(again.actions().is_empty(), "{case}: planning again yields {:?}", told(&again));
    (plan, world)
}

/// The case that a run leaves behind.
fn next(case: &Case, world: &World) -> Case {
    let (local, remote) = (world.local.tree(), world.remote.tree());
    let mut next = Case::new(case.fixture.spec.mode, Direction::Push, &local, &remote)
        .based_on([world.base_local.tree(), world.base_remote.tree()]);
    next.fixture.spec = case.fixture.spec.clone();
    next
}

fn check(case: &Case, expected: &[&str]) -> World {
    let (plan, world) = carry_out(case);
    let (mut found, mut expected) = (told(&plan), expected.to_vec());
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected, "{case}");
    let is_apart =
        plan.held().next().is_some() || world.local.iter().chain(world.remote.iter()).any(is_opaque);
    if case.fixture.spec.mode != Mode::Update && !is_apart {
        assert_eq!(world.local.tree().to_string(), world.remote.tree().to_string(), "{case}");
    }
    world
}

fn is_opaque((_, thing): (&RelPath, &Arc<Thing>)) -> bool {
    thing.facts.kind.is_opaque()
}

/// Everything that is done, and everything that is left as it is.
fn told(plan: &Plan) -> Vec<String> {
    let actions =
        plan.actions().iter().filter(|it| it.op != syncplan_model::plan::Op::Record).map(told_action);
    actions.chain(plan.held().map(|conflict| format!("hold {}", conflict.path))).collect()
}

fn told_action(action: &Action) -> String {
    let line = short(&line(action));
    match (action.op.transfers(), action.side) {
        (true, _) => line,
        (false, Side::Local) => format!("local {line}"),
        (false, Side::Remote) => format!("remote {line}"),
    }
}

/// Digests in names as `*`.
fn short(line: &str) -> String {
    let mut words = Vec::new();
    for word in line.split(' ') {
        words.push(match word.split_once("-19700101-") {
            Some((name, rest)) => format!("{name}-19700101-*{}", &rest[8..]),
            None => word.to_owned(),
        });
    }
    words.join(" ")
}

fn check_all(mode: Mode, set: impl Fn(&mut Case), rows: &[Row]) {
    for (row, expected) in rows {
        let mut case = case(mode, row);
        set(&mut case);
        check(&case, expected);
    }
}

fn policy(policy: ConflictPolicy) -> impl Fn(&mut Case) {
    move |case| case.fixture.spec.conflict = policy.clone()
}

fn delete(policy: DeletePolicy) -> impl Fn(&mut Case) {
    move |case| case.fixture.spec.delete.policy = policy
}

/// The table of semantics.md, row by row.
const TWO_WAY_TABLE: &[Row] = &[
    ("a1 | = | =", &[]),
    ("a1 | = | ", &["local delete a"]),
    ("a1 | = | a2", &["download a"]),
    ("a1 | = | a/x2", &["local delete a", "local mkdir a", "download a/x"]),
    ("a/x1 | = | a2", &["local delete a/x", "local rmdir a", "download a"]),
    ("a1 | | =", &["remote delete a"]),
    ("a1 | | ", &[]),
    ("a1 | | a2", &["download a"]),
    ("a1 | | a/x2", &["local mkdir a", "download a/x"]),
    ("d/x1 | | d2", &["download d"]),
    ("a1 | a2 | =", &["upload a"]),
    ("a1 | a2 | ", &["upload a"]),
    ("a1 | a2 | a2", &[]),
    ("a1 | a2 | a3", &["hold a"]),
    ("a1 | a2 | a/x3", &["hold a"]),
    ("a1 | a/x2 | =", &["remote delete a", "remote mkdir a", "upload a/x"]),
    ("a1 | a/x2 | ", &["remote mkdir a", "upload a/x"]),
    ("d/x1 | d2 | ", &["upload d"]),
    ("a1 | a/x2 | a3", &["hold a"]),
    ("a1 | a/x2 | a/x2", &[]),
    ("a1 | a/x2 | a/x3", &["hold a/x"]),
    ("a1 | a/x2 | a/y3", &["upload a/x", "download a/y"]),
    (" | | a1", &["download a"]),
    (" | a1 | ", &["upload a"]),
    (" | a1 | a1", &[]),
    (" | a1 | a2", &["hold a"]),
    (" | d1 | d/x1", &["hold d"]),
    (" | d/ | d1", &["hold d"]),
];

const TWO_WAY_DIRECTORIES: &[Row] = &[
    (" | d/ | ", &["remote mkdir d"]),
    ("d/ | = | ", &["local rmdir d"]),
    (" | d/x1 | d/y2", &["upload d/x", "download d/y"]),
    // A full delete against a partial delete.
    ("d/x1 d/y2 | | d/x1", &["remote delete d/x", "remote rmdir d"]),
    ("d/x1 d/y2 | | d/", &["remote rmdir d"]),
    // Deleted, and edited or created inside.
    ("d/x1 d/y2 | | d/x3 d/y2", &["local mkdir d", "download d/x", "remote delete d/y"]),
    ("d/x1 | | d/x1 d/n2", &["local mkdir d", "download d/n", "remote delete d/x"]),
    (
        "p/q/f1 | | p/q/f1 p/q/g2",
        &["local mkdir p", "local mkdir p/q", "download p/q/g", "remote delete p/q/f"],
    ),
    (
        "p/q/f1 p/r2 | | p/q/f3 p/r2",
        &["local mkdir p", "local mkdir p/q", "download p/q/f", "remote delete p/r"],
    ),
    // Replaced by a file, and edited, created or deleted inside.
    ("a/x1 | a2 | =", &["remote delete a/x", "remote rmdir a", "upload a"]),
    ("a/x1 | a2 | a/x3", &["hold a"]),
    ("a/x1 | a2 | a/x1 a/y3", &["hold a"]),
    ("a/x1 a/y2 | a3 | a/x1", &["remote delete a/x", "remote rmdir a", "upload a"]),
    // A conflict holds nothing back but itself.
    ("d/x1 d/y1 | d/x2 d/y4 | d/x3 d/y1", &["hold d/x", "upload d/y"]),
    ("a1 | a/ | =", &["remote delete a", "remote mkdir a"]),
    ("d/e/x1 | d/e2 | d/e/x1 f3", &["remote delete d/e/x", "remote rmdir d/e", "upload d/e", "download f"]),
];

/// Renames, copies, swaps: nothing is transferred that is there.
const TWO_WAY_MOVES: &[Row] = &[
    ("a1 b2 | a2 b1 | =", &["remote stage b -> *", "remote move a -> b", "remote install * -> a"]),
    ("a1 b2 | = | a2 b1", &["local stage b -> *", "local move a -> b", "local install * -> a"]),
    (
        "a1 b2 c3 | a3 b1 c2 | =",
        &["remote stage c -> *", "remote move b -> c", "remote move a -> b", "remote install * -> a"],
    ),
    ("a1 | b1 a2 | =", &["remote move a -> b", "upload a"]),
    ("a1 b2 | b1 | =", &["remote move a -> b"]),
    ("d/x1 | d1 | =", &["remote stage d/x -> *", "remote rmdir d", "remote install * -> d"]),
    ("d1 | d/x1 | =", &["remote stage d -> *", "remote mkdir d", "remote install * -> d/x"]),
    (
        "p/q/f1 | q/p/f1 | =",
        &[
            "remote mkdir q",
            "remote mkdir q/p",
            "remote move p/q/f -> q/p/f",
            "remote rmdir p/q",
            "remote rmdir p",
        ],
    ),
    ("a1 | A1 | =", &["remote move a -> A"]),
    ("d/x1 | e/x1 | =", &["remote mkdir e", "remote move d/x -> e/x", "remote rmdir d"]),
    ("a1 | b1 c1 d1 | =", &["remote move a -> b", "remote copy b -> c", "remote copy b -> d"]),
    ("a1 | a1 b1 | =", &["remote copy a -> b"]),
    ("a1 | d/a1 | =", &["remote mkdir d", "remote move a -> d/a"]),
    ("d/x1 | x1 | =", &["remote move d/x -> x", "remote rmdir d"]),
    ("a1 | b1 | b1", &[]),
    ("a1 b2 | a2 b1 | a2 b1", &[]),
    // The edit survives the rename.
    ("a1 | b1 | a2", &["download a", "upload b"]),
    ("a1 | b1 | ", &["upload b"]),
    // Both renamed the same: both names stay, and no byte passes.
    ("a1 | b1 | c1", &["remote copy c -> b", "local copy b -> c"]),
    // Renamed to what the other side has made something else of.
    ("a1 | b1 | a1 b2", &["remote delete a", "hold b"]),
    ("a1 b2 | a2 b1 | a3 b2", &["hold a", "upload b"]),
    (
        "d/x1 d/y2 | e/x1 e/y2 | d/x3 d/y2",
        &["local mkdir d", "download d/x", "remote mkdir e", "upload e/x", "remote move d/y -> e/y"],
    ),
    // Each side renames something else.
    ("a1 b2 | c1 b2 | a1 d2", &["remote move a -> c", "local move b -> d"]),
    // Each renames over what the other one leaves alone.
    ("a1 b2 | b1 | a1 b2 c3", &["remote move a -> b", "download c"]),
];

const TWO_WAY_LINKS: &[Row] = &[
    ("a1 | a->x | =", &["upload a"]),
    ("a1 | a->x | a2", &["hold a"]),
    ("a->x | a->y | =", &["upload a"]),
    ("a->x | | =", &["remote delete a"]),
    ("a->x | a->y | a->y", &[]),
    ("a->x | a->y | a->z", &["hold a"]),
];

/// What is hidden or cannot be read.
const TWO_WAY_OPAQUE: &[Row] = &[
    ("d/x1 | d~ | =", &[]),
    ("d/x1 | | d/x~", &["hold d"]),
    ("d/x1 | | d/x1 d/y~", &["remote delete d/x", "hold d"]),
    ("d/x1 | d2 | d/x1 d/y~", &["hold d"]),
    ("d/x1 e2 | e2 | d/x? e3", &["hold d", "download e"]),
    ("d/x1 | d/x~ | d/x2", &[]),
];

#[test]
fn two_way_by_the_table() {
    check_all(Mode::TwoWay, |_| {}, TWO_WAY_TABLE);
}

#[test]
fn two_way_directories() {
    check_all(Mode::TwoWay, |_| {}, TWO_WAY_DIRECTORIES);
}

#[test]
fn two_way_moves() {
    check_all(Mode::TwoWay, |_| {}, TWO_WAY_MOVES);
}

/// Only the time of modification differs.
#[test]
fn two_way_times_follow_who_changed_them() {
    check_all(
        Mode::TwoWay,
        |_| {},
        &[
            ("a1@3 | a1@5 | =", &["remote set-metadata a"]),
            ("a1@3 | = | a1@5", &["local set-metadata a"]),
            // Also to an earlier time: who changed it is asked for, not which is later.
            ("a1@3 | a1@2 | =", &["remote set-metadata a"]),
            ("a1@3 | = | a1@2", &["local set-metadata a"]),
            ("a1@3 | a1@5 | a1@5", &[]),
            ("a1@3 | b1@5 | a1@3", &["remote move a -> b", "remote set-metadata b"]),
        ],
    );
}

#[test]
fn two_way_links() {
    check_all(Mode::TwoWay, |_| {}, TWO_WAY_LINKS);
}

#[test]
fn two_way_around_what_is_hidden() {
    check_all(Mode::TwoWay, |_| {}, TWO_WAY_OPAQUE);
}

#[test]
fn two_way_is_the_same_from_both_sides() {
    for (row, _) in
        [TWO_WAY_TABLE, TWO_WAY_DIRECTORIES, TWO_WAY_MOVES, TWO_WAY_LINKS, TWO_WAY_OPAQUE].concat()
    {
        let parts: Vec<&str> = row.split('|').collect();
        let swapped = format!("{} | {} | {}", parts[0], parts[2], parts[1]);
        let mut one = told(&case(Mode::TwoWay, row).compile());
        let mut other: Vec<_> =
            told(&case(Mode::TwoWay, &swapped).compile()).iter().map(|it| exchanged(it)).collect();
        one.sort();
        other.sort();
        assert_eq!(one, other, "{row}");
    }
}

/// `upload` for `download`, `local` for `remote`, and the other way round.
fn exchanged(line: &str) -> String {
    let (first, rest) = line.split_once(' ').unwrap();
    let first = match first {
        "upload" => "download",
        "download" => "upload",
        "local" => "remote",
        "remote" => "local",
        word => word,
    };
    format!("{first} {rest}")
}

#[test]
fn a_lost_base_gives_a_union() {
    check_all(
        Mode::TwoWay,
        |_| {},
        &[
            (" | a1 b2 | a1 c3", &["upload b", "download c"]),
            (" | a1 d/x2 | a3 d/y4 e5", &["hold a", "upload d/x", "download d/y", "download e"]),
        ],
    );
    let unknown = Case::new(Mode::TwoWay, Direction::Push, &tree("a1 b2"), &tree("a1 c3"));
    let plan = unknown.compile();
    assert!(!plan.actions().iter().any(|action| action.op.removes()));
}

#[test]
fn an_empty_side_is_no_reason_to_delete_everything() {
    for row in ["a1 b2 | | =", "a1 b2 | = | ", "a1 b2 | ~ | ="] {
        let row = row.replace('~', "");
        let plan = case(Mode::TwoWay, &row).compile();
        assert_eq!(plan.findings().first().map(|it| it.code.as_str()), Some("empty-source"), "{row}");
        assert!(!plan.is_applyable(), "{row}");
    }
}

#[test]
fn both_are_kept() {
    check_all(
        Mode::TwoWay,
        policy(ConflictPolicy::KeepBoth),
        &[
            (
                "a1 | a2@5 | a3@3",
                &[
                    "remote move a -> a.conflict-remote-19700101-*",
                    "upload a",
                    "download a.conflict-remote-19700101-*",
                ],
            ),
            (
                " | a2@5 | a3@9",
                &[
                    "local move a -> a.conflict-local-19700101-*",
                    "download a",
                    "upload a.conflict-local-19700101-*",
                ],
            ),
            (
                "d/a.txt1 | d/a.txt2@5 | d/a.txt3@3",
                &[
                    "remote move d/a.txt -> d/a.conflict-remote-19700101-*.txt",
                    "upload d/a.txt",
                    "download d/a.conflict-remote-19700101-*.txt",
                ],
            ),
            // No conflict, nothing to keep.
            ("a1 | a2 | =", &["upload a"]),
            ("a1 | | a2", &["download a"]),
            ("a1 | a2 | a2", &[]),
        ],
    );
}

#[test]
fn a_conflict_run_twice_makes_no_conflict_of_a_conflict() {
    let mut first = case(Mode::TwoWay, "a1 | a2@5 | a3@3");
    first.fixture.spec.conflict = ConflictPolicy::KeepBoth;
    let (_, world) = carry_out(&first);
    // Both edit it again, and keep it again: two copies, of two contents.
    let (local, remote) = (world.local.tree().with_word("a4@7"), world.remote.tree().with_word("a5@8"));
    let mut second = Case::new(Mode::TwoWay, Direction::Push, &local, &remote)
        .based_on([world.base_local.tree(), world.base_remote.tree()]);
    second.fixture.spec.conflict = ConflictPolicy::KeepBoth;
    let (_, world) = carry_out(&second);
    let names: Vec<_> = world.local.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(!names.iter().any(|name| name.matches("conflict").count() > 1), "{names:?}");
    // The base was lost: what both have is no conflict.
    let lost = Case::new(Mode::TwoWay, Direction::Push, &world.local.tree(), &world.remote.tree())
        .based_on([Tree::default(), Tree::default()]);
    check(&lost, &[]);
}

#[test]
fn a_tie_is_decided_alike_from_both_sides() {
    let ends = |row| {
        let mut tie = case(Mode::TwoWay, row);
        tie.fixture.spec.conflict = ConflictPolicy::KeepBoth;
        let (_, world) = carry_out(&tie);
        assert_eq!(world.local.len(), 2, "{row}");
        world.local.tree().to_string().replace("-local-", "-x-").replace("-remote-", "-x-")
    };
    assert_eq!(ends("a1 | a2 | a3"), ends("a1 | a3 | a2"));
}

#[test]
fn policies_decide() {
    let decided = |wanted: ConflictPolicy, rows: &[Row]| {
        check_all(Mode::TwoWay, policy(wanted), rows);
    };
    decided(ConflictPolicy::Local, &[("a1 | a2 | a3", &["upload a"]), (" | a2@1 | a3@9", &["upload a"])]);
    decided(ConflictPolicy::Remote, &[("a1 | a2 | a3", &["download a"]), ("a1 | | a3", &["download a"])]);
    decided(
        ConflictPolicy::Newer,
        &[("a1 | a2@5 | a3@3", &["upload a"]), ("a1 | a2@5 | a3@9", &["download a"])],
    );
}

#[test]
fn the_loser_goes_to_the_trash() {
    for (wanted, row, loser) in [
        (ConflictPolicy::Local, "a1 | a2 | a3", "3"),
        (ConflictPolicy::Remote, "a1 | a2 | a3", "2"),
        (ConflictPolicy::Newer, "a1 | a2@5 | a3@9", "2"),
    ] {
        let mut decided = case(Mode::TwoWay, row);
        decided.fixture.spec.conflict = wanted;
        let (_, world) = carry_out(&decided);
        let kept: Vec<_> = world.trash().map(|(_, thing)| thing.facts.digest).collect();
        assert!(kept.contains(&Some(syncplan_model::Digest::of(loser.as_bytes()))), "{row}");
    }
}

#[test]
fn a_program_merges_files_and_nothing_else() {
    let merge = || ConflictPolicy::Merge(vec!["merge".to_owned()]);
    check_all(
        Mode::TwoWay,
        policy(merge()),
        &[
            ("a1 | a2@5 | a3@3", &["local run a", "upload a"]),
            (" | d/a2@5 | d/a3@9", &["local run d/a", "upload d/a"]),
            ("a1 | a2 | =", &["upload a"]),
            ("a1 | a->x | a2", &["hold a"]),
            (" | d1 | d/x1", &["hold d"]),
        ],
    );
    check_all(Mode::Update, policy(merge()), &[("a1 | a2 | a3", &["hold a"])]);
    // Both originals are in the trash, each on its side.
    let mut merged = case(Mode::TwoWay, "a1 | a2@5 | a3@3");
    merged.fixture.spec.conflict = merge();
    let (_, world) = carry_out(&merged);
    assert_eq!(world.trash().count(), 2);
}

#[test]
fn where_only_one_side_may_change_the_other_stays() {
    for (row, _) in [TWO_WAY_TABLE, TWO_WAY_DIRECTORIES, TWO_WAY_MOVES, TWO_WAY_LINKS].concat() {
        for side in [Side::Local, Side::Remote] {
            let case = case(Mode::TwoWay, row);
            let mut task = case.task();
            task.only_side = Some(side);
            let plan = compile_one(&case, task);
            let mut world = case.world();
            world
                .apply(&plan, &mut Dice::new(1))
                .unwrap_or_else(|why| panic!("{row}: {why}\n{:?}", told(&plan)));
            assert_eq!(world.tree(side.other()), case.world().tree(side.other()), "{row}");
            assert!(world.lost().is_none(), "{row}");
        }
    }
}

fn compile_one(case: &Case, task: TaskInput<'_>) -> Plan {
    let input = PlanInput {
        manifest: case.fixture.manifest(),
        selection: Selection::default(),
        tasks: vec![task],
        only: None,
        exclude: None,
        now: NOW,
    };
    compile(&input).unwrap()
}

/// What somebody decides about one conflict, and nothing else with it.
#[test]
fn a_decision_is_about_one_conflict() {
    let row = "a1 b1 c1 | a2@5 b2@5 c2 | a3@3 b3@3 c1";
    for (take, expected) in [
        (Take::Local, vec!["upload a"]),
        (Take::Remote, vec!["download a"]),
        (
            Take::Both,
            vec![
                "download a.conflict-remote-19700101-*",
                "remote move a -> a.conflict-remote-19700101-*",
                "upload a",
            ],
        ),
    ] {
        let case = case(Mode::TwoWay, row);
        let resolution = Resolution { path: RelPath::new("a").unwrap(), take };
        let mut task = case.task();
        task.resolution = Some(&resolution);
        let plan = compile_one(&case, task);
        let mut found: Vec<_> = told(&plan).into_iter().filter(|line| !line.starts_with("hold")).collect();
        found.sort();
        assert_eq!(found, expected, "{take:?}");
        let mut world = case.world();
        world.apply(&plan, &mut Dice::new(1)).unwrap();
        assert!(world.lost().is_none());
    }
}

const UPDATE: &[Row] = &[
    ("a1 | a2 | =", &["upload a"]),
    ("a1 | a2 | a3", &["hold a"]),
    ("a1 | = | a2", &["hold a"]),
    ("a1 | = | ", &["upload a"]),
    ("a1 | a2 | ", &["upload a"]),
    ("a1 | a2 | a2", &[]),
    ("a1 | | a2", &[]),
    ("a1 | | ", &[]),
    (" | | a1", &[]),
    (" | a1 | ", &["upload a"]),
    (" | a2@9 | a1@1", &["hold a"]),
    ("d1 | d/x2 | =", &["remote delete d", "remote mkdir d", "upload d/x"]),
    ("d1 | d/x2 | d3", &["hold d"]),
    ("d/x1 | d2 | d/x3", &["hold d"]),
    (" | d1 | d/x2", &["hold d"]),
    ("d/x1 d/y2 | d/x3 | d/x1 d/y4", &["upload d/x"]),
];

#[test]
fn update_by_the_table() {
    check_all(Mode::Update, |_| {}, UPDATE);
    check_all(
        Mode::Update,
        |_| {},
        &[
            ("a1 | | =", &[]),
            ("d/x1 | | =", &[]),
            ("d/x1 | | d/x1 d/n2", &[]),
            ("d/x1 | d2 | =", &["hold d"]),
        ],
    );
    check_all(Mode::Update, delete(DeletePolicy::Synced), UPDATE);
    check_all(
        Mode::Update,
        delete(DeletePolicy::Synced),
        &[
            ("a1 c3 | c3 | =", &["remote delete a"]),
            ("d/x1 c3 | c3 | =", &["remote delete d/x", "remote rmdir d"]),
            ("d/x1 | d2 | =", &["remote delete d/x", "remote rmdir d", "upload d"]),
            ("d/x1 c3 | c3 | d/x1 d/n2 c3", &["remote delete d/x"]),
            ("a1 | b1 | =", &["remote move a -> b"]),
            // Edited on the target: it is not what was synced.
            ("a1 c3 | c3 | a2 c3", &[]),
        ],
    );
}

#[test]
fn nothing_is_decided_by_a_base_that_no_run_was_based_on() {
    let young = |case: &mut Case| case.advanced = false;
    check_all(
        Mode::Update,
        young,
        &[
            (" | a2@9 | a1@1", &["upload a"]),
            (" | a2@1 | a1@9", &["hold a"]),
            ("b1 | a2@9 b1 | a1@1 b1", &["upload a"]),
            ("b1 | b2@9 | b3@5", &["upload b"]),
            ("b1@9 | b1@9 | b2@1", &["upload b"]),
        ],
    );
}

#[test]
fn mirror_by_the_table() {
    check_all(
        Mode::Mirror,
        |_| {},
        &[
            ("a1 | = | a2", &["upload a"]),
            ("a1 | a2 | a3", &["upload a"]),
            ("a1 c3 | c3 | a2 c3", &["remote delete a"]),
            ("a1 c3 | c3 | =", &["remote delete a"]),
            (" | a1 | b1", &["remote move b -> a"]),
            ("a1 | = | ", &["upload a"]),
            ("a1 | a1 | a1", &[]),
            (" | a1 | a1", &[]),
            (
                "d/x1 | d2 | d/x1 d/n4",
                &["remote delete d/x", "remote delete d/n", "remote rmdir d", "upload d"],
            ),
        ],
    );
}

#[test]
fn mirror_puts_into_the_trash_what_the_base_does_not_have() {
    let trash = |row| {
        let (_, world) = carry_out(&case(Mode::Mirror, row));
        world.trash().count()
    };
    assert_eq!(trash("a1 | = | a2"), 1);
    assert_eq!(trash("a1 c3 | c3 | a2 c3"), 1);
    assert_eq!(trash(" | a1 | a1 b2"), 1);
}

#[test]
fn one_way_policies_never_change_the_source() {
    let row = "a1 | a2@5 | a3@9";
    let one_way = |wanted| {
        let mut case = case(Mode::Update, row);
        case.fixture.spec.conflict = wanted;
        let (plan, world) = carry_out(&case);
        assert_eq!(world.local.tree(), case.source);
        told(&plan)
    };
    assert_eq!(one_way(ConflictPolicy::Local), ["upload a"]);
    assert!(one_way(ConflictPolicy::Remote).is_empty());
    assert!(one_way(ConflictPolicy::Newer).is_empty());
    let mut both = one_way(ConflictPolicy::KeepBoth);
    both.sort();
    assert_eq!(both, ["remote move a -> a.conflict-remote-19700101-*", "upload a"]);
}
