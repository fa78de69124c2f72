//! A run that is taken back: all is as it was before, and another run does the same again.

use std::collections::HashSet;

use syncplan_model::plan::{ActionId, Plan};
use syncplan_model::{Snapshot, is_below};
use syncplan_plan::{Kept, Undo};
use syncplan_testkit::Tree;
use syncplan_testkit::simulator::{Dice, Order, Stock, World};

use crate::desk::{Desk, Given};
use crate::failures::Failure;
use crate::trial::{Trial, explain, replan, step_failed};

/// What another run has to bring about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// What the run brought about that was taken back, unless there is a conflict now.
    TheSame,
    /// Nothing in particular: where one side has no folders the base says nothing of those of the other.
    Anything,
}

/// Takes back a whole run and a part of one, in a task that keeps everything.
pub(crate) fn try_undo(trial: &Trial<'_>, again: Again, seed: u64) -> Result<(), Failure> {
    let plan = trial.plan()?;
    if plan.findings().iter().any(|finding| finding.code.ends_with("-collision")) {
        return Ok(());
    }
    let mut dice = Dice::new(seed);
    let part = dice.below(plan.actions().len() + 1);
    for steps in [plan.actions().len(), part] {
        let mut world = trial.world();
        let done = carry_out(&plan, &mut world, steps, &mut dice)?;
        if !world.is_staging() {
            let again = if done.len() == plan.actions().len() { again } else { Again::Anything };
            take_back(trial, &plan, &done, world, again, &mut dice).map_err(|it| explain(it, &plan))?;
        }
    }
    Ok(())
}

fn take_back(
    trial: &Trial<'_>,
    plan: &Plan,
    done: &HashSet<ActionId>,
    world: World,
    again: Again,
    dice: &mut Dice,
) -> Result<(), Failure> {
    let (before, after) = (trees(&trial.world()), trees(&world));
    let (undo, mut world) = reverse(trial.desk, plan, done, world, dice)?;
    let context = |failure: Failure| in_undo(failure, &undo);
    ends_as("what is undone", &world, &before).map_err(context)?;
    try_again(trial.desk, &undo.plan, world.clone(), &after, dice).map_err(context)?;
    let next = replan(trial.desk, &world)?;
    let run = carry_out(&next, &mut world, next.actions().len(), dice);
    run.map_err(|failure| explain(failure, &next)).map_err(context)?;
    if again == Again::TheSame && next.conflicts().len() <= plan.conflicts().len() {
        ends_as("another run", &world, &after).map_err(|it| explain(it, &next)).map_err(context)?;
    }
    Ok(())
}

/// What was taken back is done again by taking that back as well.
fn try_again(
    desk: &Desk,
    undone: &Plan,
    world: World,
    after: &[Tree; 2],
    dice: &mut Dice,
) -> Result<(), Failure> {
    let done = undone.actions().iter().map(|action| action.id).collect();
    let (again, world) = reverse(desk, undone, &done, world, dice)?;
    ends_as("what is undone twice", &world, after).map_err(|failure| in_undo(failure, &again))
}

fn reverse(
    desk: &Desk,
    plan: &Plan,
    done: &HashSet<ActionId>,
    mut world: World,
    dice: &mut Dice,
) -> Result<(Undo, World), Failure> {
    let stocks = [&world.base_local, &world.base_remote, &world.local, &world.remote];
    let [base_local, base_remote, local, remote]: [Snapshot; 4] = stocks.map(Stock::snapshot);
    let kept = world.trash().map(|((side, path), thing)| Kept {
        side: *side,
        path: path.clone(),
        facts: thing.facts.clone(),
    });
    let kept: Vec<Kept> = kept.collect();
    let given = Given { base: [&base_local, &base_remote], local: &local, remote: &remote };
    let undo = desk.undo(given, plan, done, &kept);
    let undo = undo.map_err(|error| Failure::new("no undo", format!("{error}: {error:?}")))?;
    if let Some(left) = undo.left.first() {
        return Err(in_undo(Failure::new("something is not undone", format!("{left:?}")), &undo));
    }
    let actions = undo.plan.actions().len();
    carry_out(&undo.plan, &mut world, actions, dice).map_err(|failure| in_undo(failure, &undo))?;
    Ok((undo, world))
}

/// So many steps, after each of which nothing is lost.
fn carry_out(
    plan: &Plan,
    world: &mut World,
    steps: usize,
    dice: &mut Dice,
) -> Result<HashSet<ActionId>, Failure> {
    let order = Order::of(plan);
    let (mut course, mut done) = (order.begin(plan), HashSet::default());
    for _ in 0..steps {
        let Some(at) = course.next(dice).map_err(|why| Failure::new("stuck", why))? else { break };
        let action = &plan.actions()[at];
        world.act(action).map_err(step_failed)?;
        done.insert(action.id);
        if let Some(lost) = world.lost() {
            return Err(Failure::new("I1: something is lost", format!("{:?}", lost.node)));
        }
    }
    Ok(done)
}

fn in_undo(failure: Failure, undo: &Undo) -> Failure {
    let failure = explain(failure, &undo.plan);
    Failure { kind: format!("undo: {}", failure.kind), ..failure }
}

/// Both sides without what syncplan keeps for itself.
fn trees(world: &World) -> [Tree; 2] {
    [&world.local, &world.remote].map(|stock| {
        let mut tree = stock.tree();
        tree.0.retain(|path, _| !is_below(path.as_bytes(), b".syncplan"));
        tree
    })
}

fn ends_as(what: &str, world: &World, expected: &[Tree; 2]) -> Result<(), Failure> {
    let found = trees(world);
    if found == *expected {
        return Ok(());
    }
    let text = |trees: &[Tree; 2]| format!("{} | {}", trees[0], trees[1]);
    let detail = format!("{} instead of {}", text(&found), text(expected));
    Err(Failure::new(format!("{what} ends otherwise"), detail))
}
