//! Random trees, all modes and policies, all kinds of stores.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use syncplan_model::Capability;
use syncplan_model::plan::{Action, Op, Plan, Reason};
use syncplan_model::spec::{ConflictPolicy, DeletePolicy, Direction, Mode};
use syncplan_testkit::Tree;
use syncplan_testkit::simulator::{Dice, Order, Thing, World};

use crate::desk::Desk;
use crate::failures::Failure;
use crate::growth::{Grown, folded, grown, hidden};
use crate::oracle::Rules;
use crate::trial::{Trial, check_settled, explain, replan, step_failed};
use crate::undone::{Again, try_undo};
use crate::universe::Side;

/// A quarter of a hundred thousand each with optimisation.
const CASES: u32 = if cfg!(debug_assertions) { 100 } else { 25_000 };

fn config() -> ProptestConfig {
    let regressions = FileFailurePersistence::Direct("tests/exhaustive/regressions.txt");
    ProptestConfig {
        cases: CASES,
        failure_persistence: Some(Box::new(regressions)),
        ..ProptestConfig::default()
    }
}

/// A kind of store that is not like a local folder.
#[derive(Clone, Copy, Debug)]
enum Odd {
    NoServerCopy,
    /// Directories do not exist by themselves on the remote side.
    RemoteFlat,
    BothFlat,
    FoldsCase,
}

fn policy() -> impl Strategy<Value = ConflictPolicy> {
    prop_oneof![
        Just(ConflictPolicy::Hold),
        Just(ConflictPolicy::KeepBoth),
        Just(ConflictPolicy::Local),
        Just(ConflictPolicy::Remote),
        Just(ConflictPolicy::Newer),
        Just(ConflictPolicy::Larger),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    let mode = prop_oneof![3 => Just(Mode::TwoWay), 2 => Just(Mode::Update), 1 => Just(Mode::Mirror)];
    let delete =
        prop_oneof![Just(DeletePolicy::Never), Just(DeletePolicy::Synced), Just(DeletePolicy::Extra)];
    (mode, any::<bool>(), delete, policy(), any::<bool>()).prop_map(
        |(mode, push, delete, conflict, trash)| {
            let direction = if push { Direction::Push } else { Direction::Fetch };
            // What the modes are there for; the other combinations have tests of their own.
            let delete = match mode {
                Mode::TwoWay => DeletePolicy::Synced,
                Mode::Mirror => DeletePolicy::Extra,
                Mode::Update => delete,
            };
            Rules { mode, direction, delete, conflict, trash }
        },
    )
}

fn sides(grown: &Grown) -> [Side; 3] {
    [&grown.base, &grown.local, &grown.remote].map(|tree| Side::of(tree.clone()))
}

/// Fails with all that is known.
fn judge(result: Result<(), Failure>, grown: &Grown, rules: &Rules) -> Result<(), TestCaseError> {
    result.map_err(|failure| {
        let Grown { base, local, remote } = grown;
        TestCaseError::fail(format!(
            "{}\n{base} | {local} | {remote}\n{rules:?}\n{}",
            failure.kind, failure.detail
        ))
    })
}

/// Everything, against the oracle.
fn try_strictly(desk: &Desk, sides: &[Side; 3], seed: u64) -> Result<(), Failure> {
    let [base, local, remote] = sides;
    let trial = Trial { desk, base, local, remote };
    let done = trial.run(seed)?;
    check_settled(desk, &done.world).map_err(|failure| explain(failure, &done.plan))?;
    if desk.rules.mode == Mode::TwoWay {
        check_times(sides, &done.world).map_err(|failure| explain(failure, &done.plan))?;
    }
    try_stop(&trial, &done.plan, seed).map_err(|failure| explain(failure, &done.plan))
}

/// Where only one side gave a file another time, the other follows.
fn check_times(sides: &[Side; 3], world: &World) -> Result<(), Failure> {
    let [base, local, remote] = sides;
    for (path, was) in base.stock.iter().filter(|(_, was)| was.facts.mtime.is_some()) {
        let (Some(ours), Some(theirs)) = (local.stock.get(path), remote.stock.get(path)) else { continue };
        let mtime = |thing: &Thing| thing.facts.mtime;
        let new = match (mtime(ours) == mtime(was), mtime(theirs) == mtime(was)) {
            _ if !ours.is_like(was) || !theirs.is_like(was) => continue,
            (false, true) => mtime(ours),
            (true, false) => mtime(theirs),
            _ => continue,
        };
        let ends = [&world.local, &world.remote].map(|stock| stock.get(path).and_then(|thing| mtime(thing)));
        if ends != [new, new] {
            return Err(Failure::new(
                "a time does not follow",
                format!("{path}: {ends:?} instead of {new:?}"),
            ));
        }
    }
    Ok(())
}

/// What holds whatever the stores can do: nothing is lost, every order ends alike, and it ends.
fn try_loosely(desk: &Desk, sides: &[Side; 3], seed: u64) -> Result<Option<(Plan, World)>, Failure> {
    let [base, local, remote] = sides;
    let trial = Trial { desk, base, local, remote };
    let plan = trial.plan()?;
    if !plan.is_applyable() {
        return Ok(None);
    }
    let carry_out = |seed| {
        let mut world = trial.world();
        world.apply(&plan, &mut Dice::new(seed)).map_err(|why| explain(step_failed(why), &plan))?;
        Ok(world)
    };
    let (world, other) = (carry_out(seed)?, carry_out(seed + 1)?);
    let ends = |world: &World| [&world.local, &world.remote, &world.base_local].map(|it| it.tree());
    if ends(&world) != ends(&other) {
        return Err(explain(Failure::new("the order decides what comes of it", ""), &plan));
    }
    if let Some(lost) = world.lost() {
        return Err(explain(Failure::new("I1: something is lost", format!("{:?}", lost.node)), &plan));
    }
    check_settled(desk, &world).map_err(|failure| explain(failure, &plan))?;
    try_stop(&trial, &plan, seed).map_err(|failure| explain(failure, &plan))?;
    Ok(Some((plan, world)))
}

/// Stops somewhere, and plans anew.
fn try_stop(trial: &Trial<'_>, plan: &Plan, seed: u64) -> Result<(), Failure> {
    let (order, mut dice, mut world) = (Order::of(plan), Dice::new(seed + 3), trial.world());
    let mut course = order.begin(plan);
    for _ in 0..dice.below(plan.actions().len() + 1) {
        if let Some(at) = course.next(&mut dice).map_err(|why| Failure::new("stuck", why))? {
            world.act(&plan.actions()[at]).map_err(step_failed)?;
        }
    }
    if world.is_staging() {
        return Ok(());
    }
    let stopped = format!("stopped at {} | {}", world.local.tree(), world.remote.tree());
    let at_stop = |failure: Failure| {
        Failure::new(format!("after a stop: {}", failure.kind), format!("{stopped}\n{}", failure.detail))
    };
    let again = replan(trial.desk, &world).map_err(at_stop)?;
    world.apply(&again, &mut dice).map_err(|why| at_stop(explain(step_failed(why), &again)))?;
    if let Some(lost) = world.lost() {
        return Err(at_stop(Failure::new("I1: something is lost", format!("{:?}", lost.node))));
    }
    check_settled(trial.desk, &world).map_err(at_stop)
}

/// No content passes from side to side that is there already, where the store can copy.
fn check_thrift(plan: &Plan, sides: &[Side; 3]) -> Result<(), Failure> {
    // What makes room for a winner is brought over as it is, and no source of copies.
    if plan.actions().iter().any(|action| action.reason == Reason::CONFLICT_KEPT) {
        return Ok(());
    }
    let is_usual = |action: &&Action| action.op.transfers() && action.bytes > 0;
    for action in plan.actions().iter().filter(is_usual) {
        let side = if action.op == Op::Upload { &sides[2] } else { &sides[1] };
        let digest = action.expect.from.as_ref().and_then(|it| it.facts()).and_then(|facts| facts.digest);
        if side.stock.iter().any(|(_, thing)| digest.is_some() && thing.facts.digest == digest) {
            return Err(Failure::new("content is transferred that is there", action.path.to_string()));
        }
    }
    Ok(())
}

impl Odd {
    fn desk(self, rules: Rules) -> Desk {
        let mut desk = Desk::new(rules);
        let fixture = &mut desk.fixture;
        match self {
            Self::NoServerCopy => {
                fixture.local = fixture.local.clone().without(Capability::ServerCopy);
                fixture.remote = fixture.remote.clone().without(Capability::ServerCopy);
            }
            Self::RemoteFlat => fixture.remote = fixture.remote.clone().without(Capability::Directories),
            Self::BothFlat => {
                fixture.local = fixture.local.clone().without(Capability::Directories);
                fixture.remote = fixture.remote.clone().without(Capability::Directories);
            }
            Self::FoldsCase => fixture.remote = fixture.remote.clone().with(Capability::FoldsCase),
        }
        desk
    }

    fn fit(self, grown: Grown) -> Grown {
        let Grown { base, local, remote } = grown;
        match self {
            Self::NoServerCopy => Grown { base, local, remote },
            Self::RemoteFlat => Grown { base: base.flat(), local, remote: remote.flat() },
            Self::BothFlat => Grown { base: base.flat(), local: local.flat(), remote: remote.flat() },
            Self::FoldsCase => Grown { base: folded(&base), local, remote: folded(&remote) },
        }
    }
}

fn odd() -> impl Strategy<Value = Odd> {
    prop_oneof![Just(Odd::NoServerCopy), Just(Odd::RemoteFlat), Just(Odd::BothFlat), Just(Odd::FoldsCase)]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_way_is_what_the_oracle_says(grown in grown(), policy in policy(), seed in 0..1_000_u64) {
        let rules = Rules {
            mode: Mode::TwoWay,
            direction: Direction::Push,
            delete: DeletePolicy::Synced,
            conflict: policy,
            trash: false,
        };
        let (desk, sides) = (Desk::new(rules.clone()), sides(&grown));
        judge(try_strictly(&desk, &sides, seed), &grown, &rules)?;
    }

    #[test]
    fn every_mode_is_what_the_oracle_says(grown in grown(), rules in rules(), seed in 0..1_000_u64) {
        let (desk, sides) = (Desk::new(rules.clone()), sides(&grown));
        judge(try_strictly(&desk, &sides, seed), &grown, &rules)?;
        let [base, local, remote] = &sides;
        let plan = Trial { desk: &desk, base, local, remote }.plan();
        judge(plan.and_then(|plan| check_thrift(&plan, &sides)), &grown, &rules)?;
    }

    #[test]
    fn what_is_undone_is_as_before_and_done_again_alike(grown in grown(), rules in rules(), seed in 0..1_000_u64) {
        let rules = Rules { trash: true, ..rules };
        let (desk, sides) = (Desk::new(rules.clone()), sides(&grown));
        let [base, local, remote] = &sides;
        let undone = try_undo(&Trial { desk: &desk, base, local, remote }, Again::TheSame, seed);
        judge(undone, &grown, &rules)?;
    }

    #[test]
    fn stores_that_can_less_undo_as_well(grown in grown(), rules in rules(), odd in odd(), seed in 0..1_000_u64) {
        let (grown, rules) = (odd.fit(grown), Rules { trash: true, ..rules });
        let (desk, sides) = (odd.desk(rules.clone()), sides(&grown));
        let [base, local, remote] = &sides;
        let undone = try_undo(&Trial { desk: &desk, base, local, remote }, Again::Anything, seed);
        judge(undone.map_err(|it| Failure::new(format!("{odd:?}: {}", it.kind), it.detail)), &grown, &rules)?;
    }

    #[test]
    fn stores_that_can_less_lose_nothing(grown in grown(), rules in rules(), odd in odd(), seed in 0..1_000_u64) {
        let grown = odd.fit(grown);
        let (desk, sides) = (odd.desk(rules.clone()), sides(&grown));
        let done = try_loosely(&desk, &sides, seed).map(drop);
        judge(done.map_err(|it| Failure::new(format!("{odd:?}: {}", it.kind), it.detail)), &grown, &rules)?;
    }

    #[test]
    fn what_is_hidden_is_never_touched(grown in grown(), hidden in hidden(), rules in rules(), seed in 0..1_000_u64) {
        let grown = grown.hiding(&hidden);
        let (desk, sides) = (Desk::new(rules.clone()), sides(&grown));
        let done = try_loosely(&desk, &sides, seed).and_then(|done| match done {
            Some((plan, world)) => check_hidden(&grown, &plan, &world),
            None => Ok(()),
        });
        judge(done, &grown, &rules)?;
    }
}

fn check_hidden(grown: &Grown, plan: &Plan, world: &World) -> Result<(), Failure> {
    for action in plan.actions() {
        for path in [Some(&action.path), action.from.as_ref()].into_iter().flatten() {
            if grown.covers(path) {
                return Err(explain(Failure::new("something hidden is touched", path.to_string()), plan));
            }
        }
    }
    let covered = |tree: &Tree| {
        let mut tree = tree.clone();
        tree.0.retain(|path, _| grown.covers(path));
        tree
    };
    let stays = covered(&grown.local) == covered(&world.local.tree())
        && covered(&grown.remote) == covered(&world.remote.tree());
    if stays { Ok(()) } else { Err(explain(Failure::new("something hidden changes", ""), plan)) }
}
