//! Killed at every named point that a situation reaches.
//!
//! Which those are says a run that is not disturbed; that a point was deadly says its marker.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::chance::{Chance, number, seed};
use super::parallel::{Tried, conclude, in_parallel};
use super::scene::Scene;
use super::situation::{Far, Situation, situations};
use super::trial::{APPLY, Reference};

/// All points of the program but `exec/moved-half`, which takes two disks.
const POINTS: &[&str] = &[
    "journal/before-intent",
    "journal/after-intent",
    "journal/before-outcome",
    "journal/after-outcome",
    "journal/after-part",
    "base/before-fold",
    "base/after-fold",
    "run/before-finish",
    "local/draft-created",
    "local/half-written",
    "local/renamed",
    "local/removed",
    "local/kept",
    "s3/put",
    "s3/upload-begun",
    "s3/part",
    "s3/before-complete",
    "s3/after-complete",
    "s3/copied",
    "s3/deleted",
    "exec/performed",
    "exec/read",
    "exec/trashed",
    "exec/recovering",
    "exec/cleared",
    "index/write",
];

/// What only a run reaches that goes on with another.
const RECOVERING: &[&str] = &["exec/recovering", "exec/cleared"];

/// A point that so few situations reach is tried in each of them.
const RARE: usize = 8;

#[test]
fn killed_at_any_named_point_it_goes_on_and_loses_nothing() {
    let (percent, seed) = (number("SYNCPLAN_POINTS", 20), seed());
    let reached =
        in_parallel(situations(), |situation| Some((Reference::of(situation)?, reached(&situation))));
    let reached: Vec<_> = reached.into_iter().flatten().collect();
    let is_rare = |point| reached.iter().filter(|(_, points)| points.contains_key(point)).count() <= RARE;
    let results = in_parallel(reached.iter().collect(), |(reference, points)| {
        let mut chance = Chance::of(seed, (reference.situation.to_string(), "points"));
        let points = points.iter().map(|(point, times)| (*point, *times));
        let chosen = points.filter(|(point, _)| chance.percent(percent) || is_rare(*point)).collect();
        try_points(reference, chosen, &mut chance)
    });
    let fired: BTreeSet<_> = results.iter().flat_map(|(_, fired)| fired).copied().collect();
    let tried: Vec<_> = results.into_iter().flat_map(|(tried, _)| tried).collect();
    let pairs: usize = reached.iter().map(|(_, points)| points.len()).sum();
    let figures = format!(
        "named points: seed {seed}, {} situations that reach {} points in {pairs} pairs",
        reached.len(),
        fired.len()
    );
    conclude(&tried, &figures);
    let has_bucket = reached.iter().any(|(reference, _)| matches!(reference.situation.far, Far::Bucket(_)));
    if has_bucket && std::env::var_os("SYNCPLAN_SITUATION").is_none() {
        let silent: Vec<_> = POINTS.iter().filter(|point| !fired.contains(*point)).collect();
        assert!(silent.is_empty(), "no run was killed at {silent:?}");
    }
}

/// The points that a run passes if nothing disturbs it, and how often.
fn reached(situation: &Situation) -> BTreeMap<&'static str, u64> {
    let scene = Scene::of(situation).expect("its server was there before");
    let log = scene.env.path("../points");
    let mut run = scene.env.command(APPLY);
    run.env("SYNCPLAN_FAILPOINT_LOG", &log);
    scene.env.output_of(run, APPLY);
    let mut reached = BTreeMap::new();
    for name in fs::read_to_string(&log).unwrap_or_default().lines() {
        let point = POINTS.iter().find(|point| **point == name);
        *reached.entry(*point.unwrap_or_else(|| panic!("{name} is not in the list"))).or_insert(0) += 1;
    }
    reached
}

/// Kills at one point after another, as long as there is something left to do, then begins anew with
/// the points that were not met. So every point is met, some by a first run and some by one that
/// recovers.
fn try_points(
    reference: &Reference,
    mut waiting: Vec<(&'static str, u64)>,
    chance: &mut Chance,
) -> (Vec<Tried>, BTreeSet<&'static str>) {
    let situation = &reference.situation;
    let (mut tried, mut fired) = (Vec::new(), BTreeSet::new());
    while !waiting.is_empty() {
        // Begun with another one each time.
        let begin = chance.below(waiting.len() as u64) as usize;
        waiting.rotate_left(begin);
        let name = format!("{situation} {}", tried.len());
        let mut case = Tried { name, disturbed: Vec::new(), problems: Vec::new() };
        let mut scene = Scene::of(situation).expect("its server was there before");
        let mut left = Vec::new();
        let first = waiting[0].0;
        for (point, times) in std::mem::take(&mut waiting) {
            let which = 1 + chance.below(times);
            if kill_at(&scene, point, which) {
                case.disturbed.push(format!("killed at {point}@{which}"));
                case.problems.extend(reference.judge_instant(&scene));
                fired.insert(point);
            } else if point == first && which == 1 {
                case.problems.push(format!("{point} was not met"));
            } else {
                // How often a point is passed differs a little from run to run; once, it always is.
                left.push((point, if point == first { 1 } else { times }));
            }
            let recovering = RECOVERING[chance.below(RECOVERING.len() as u64) as usize];
            if point == first && kill_at(&scene, recovering, 1) {
                case.disturbed.push(format!("killed at {recovering}"));
                case.problems.extend(reference.judge_instant(&scene));
                fired.insert(recovering);
            }
        }
        waiting = left;
        reference.finish(&mut scene, APPLY, &mut case);
        tried.push(case);
    }
    (tried, fired)
}

/// Applies the plan, and answers whether it was killed at that point, when that was reached so often.
pub(crate) fn kill_at(scene: &Scene, point: &str, which: u64) -> bool {
    let marker = scene.env.path("../marker");
    let _ = fs::remove_file(&marker);
    let mut run = scene.env.command(APPLY);
    run.env("SYNCPLAN_FAILPOINT", format!("{point}@{which}")).env("SYNCPLAN_FAILPOINT_MARKER", &marker);
    let output = scene.env.output_of(run, APPLY);
    let is_killed = fs::read_to_string(&marker).is_ok_and(|name| name == point);
    assert_eq!(output.code.is_none(), is_killed, "{point} has no marker, or was not deadly:\n{output}");
    is_killed
}
