//! A run that stops anywhere: taken up again, or planned anew.

use syncplan_model::{EntryKind, Facts, Plan};
use syncplan_testkit::simulator::{Course, Dice, Order, World};

use crate::failures::Failure;
use crate::trial::{Done, Trial, check_settled, explain, replan, step_failed};

/// Stops after every step; answers after how many the plan was taken up again, and planned anew.
pub(crate) fn try_stops(trial: &Trial<'_>, done: &Done, seed: u64) -> Result<(u64, u64), Failure> {
    let plan = &done.plan;
    let order = Order::of(plan);
    let (mut course, mut dice, mut world) = (order.begin(plan), Dice::new(seed), trial.world());
    let (mut recoveries, mut replans) = (0, 0);
    while let Some(at) = course.next(&mut dice).map_err(|why| Failure::new("stuck", why))? {
        world.act(&plan.actions()[at]).map_err(step_failed)?;
        recover(done, world.clone(), course.clone(), seed + 7)?;
        recoveries += 1;
        if !world.is_staging() {
            plan_anew(trial, done, world.clone(), seed).map_err(|failure| explain(failure, plan))?;
            replans += 1;
        }
    }
    Ok((recoveries, replans))
}

/// What is done is skipped, the rest follows in whatever order.
fn recover(done: &Done, mut world: World, mut course: Course<'_>, seed: u64) -> Result<(), Failure> {
    let mut dice = Dice::new(seed);
    while let Some(at) = course.next(&mut dice).map_err(|why| Failure::new("stuck", why))? {
        world.act(&done.plan.actions()[at]).map_err(step_failed)?;
    }
    ends_alike(done, &world, "taken up again")
}

/// Nothing is known of the plan but what it did.
fn plan_anew(trial: &Trial<'_>, done: &Done, mut world: World, seed: u64) -> Result<(), Failure> {
    let stopped = format!("stopped at {} | {}", world.local.tree(), world.remote.tree());
    let at_stop = |failure: Failure| {
        Failure::new(
            format!("after a stop: {}", failure.kind),
            format!("{stopped} with base {}\n{}", world_base(&done.world), failure.detail),
        )
    };
    let plan = replan(trial.desk, &world)?;
    world.apply(&plan, &mut Dice::new(seed)).map_err(|why| at_stop(step_failed(why)))?;
    if let Some(lost) = world.lost() {
        return Err(at_stop(Failure::new("I1: something is lost", format!("{:?}", lost.node))));
    }
    check_settled(trial.desk, &world).map_err(at_stop)?;
    if decides_over_folders(&done.plan) {
        Ok(())
    } else {
        ends_alike(done, &world, "planned anew").map_err(at_stop)
    }
}

/// A file that was decided against has gone, its folder has not come: whoever looks now sees a folder
/// that one side deleted and the other edited, and keeps what is new in it.
fn decides_over_folders(plan: &Plan) -> bool {
    let is_dir =
        |facts: &Option<Box<Facts>>| facts.as_ref().is_some_and(|facts| facts.kind == EntryKind::Dir);
    plan.conflicts().iter().any(|it| !it.is_held() && (is_dir(&it.local) || is_dir(&it.remote)))
}

fn world_base(world: &World) -> String {
    world.base_local.tree().to_string()
}

fn ends_alike(done: &Done, world: &World, how: &str) -> Result<(), Failure> {
    let ends = |world: &World| {
        [world.local.tree(), world.remote.tree(), world.base_local.tree(), world.base_remote.tree()]
    };
    let (found, expected) = (ends(world), ends(&done.world));
    if found == expected {
        return Ok(());
    }
    let text = |ends: &[syncplan_testkit::Tree; 4]| format!("{} | {} (base {})", ends[0], ends[1], ends[2]);
    Err(Failure::new(
        format!("{how} it ends otherwise"),
        format!("{} instead of {}", text(&found), text(&expected)),
    ))
}
