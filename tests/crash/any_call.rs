//! Killed at the N-th system call, for N over a whole run; and so may be the runs that recover.

use super::chance::{Chance, number, seed};
use super::parallel::{Tried, conclude, in_parallel};
use super::scene::Scene;
use super::situation::situations;
use super::tracer::{self, Strike};
use super::trial::{APPLY, Reference};

/// In so many of a hundred cases the run that recovers is killed as well.
const DURING_RECOVERY: u64 = 35;

/// In so many, it is not a plan that is applied, but both sides are synced in one step.
const IN_ONE_STEP: u64 = 20;

/// So often at most.
const AGAIN: u64 = 6;

#[test]
fn killed_at_any_system_call_it_goes_on_and_loses_nothing() {
    let (kills, seed) = (number("SYNCPLAN_KILLS", 200), seed());
    let references: Vec<_> = in_parallel(situations(), Reference::of).into_iter().flatten().collect();
    let each = kills.div_ceil(references.len().max(1) as u64);
    let cases =
        references.iter().flat_map(|reference| (0..each).map(move |case| (reference, case))).collect();
    let results = in_parallel(cases, |(reference, case)| try_case(reference, seed, case, each));
    let again: usize = results.iter().map(|tried| tried.disturbed.len().saturating_sub(1)).sum();
    let figures = format!(
        "kills at any call, {again} of them during recovery: seed {seed}, {} situations",
        references.len()
    );
    conclude(&results, &figures);
}

/// The `case`-th `of` so many cases of a situation: each is killed in a stretch of its own.
fn try_case(reference: &Reference, seed: u64, case: u64, of: u64) -> Tried {
    let situation = &reference.situation;
    let mut chance = Chance::of(seed, (situation.to_string(), case));
    let mut scene = Scene::of(situation).expect("its server was there before");
    let mut tried =
        Tried { name: format!("{situation} {case}"), disturbed: Vec::new(), problems: Vec::new() };
    let (args, calls) = match chance.percent(IN_ONE_STEP) {
        // It looks and plans before it acts.
        true => (situation.one_step(), reference.calls.len() as u64 * 3 / 2),
        false => (APPLY, reference.calls.len() as u64),
    };
    let stretch = calls / of.max(1);
    let mut strike = Strike { at: 1 + case * stretch + chance.below(stretch), after: chance.percent(50) };
    let more = if chance.percent(DURING_RECOVERY) { 1 + chance.below(AGAIN) } else { 0 };
    for _ in 0..=more {
        let run = tracer::run(&scene.env, args, strike);
        let Some(killed) = run.killed else {
            tried.problems.extend(reference.judge_exit(&run.output));
            break;
        };
        tried.disturbed.push(format!("killed at call {} {killed}", strike.at));
        tried.problems.extend(reference.judge_instant(&scene));
        strike = Strike { at: 1 + chance.below(calls), after: chance.percent(50) };
    }
    reference.finish(&mut scene, args, &mut tried);
    tried
}
