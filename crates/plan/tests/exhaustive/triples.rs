//! All triples of base, local and remote.

use std::sync::Mutex;
use std::time::Instant;

use rayon::prelude::*;
use syncplan_model::spec::{ConflictPolicy, DeletePolicy, Direction, Mode};

use crate::desk::{Desk, Given};
use crate::failures::{Failure, Failures};
use crate::figures::Figures;
use crate::oracle::Rules;
use crate::stops::try_stops;
use crate::symmetry::check_symmetry;
use crate::trial::{Trial, check_settled, explain};
use crate::undone::{Again, try_undo};
use crate::universe::{TREES, Universe, position};

/// Every so many-th triple is tried: all with optimisation, an even spread without.
const STRIDE: usize = if cfg!(debug_assertions) { 499 } else { 1 };

/// Of those, every so many-th in a second order, with swapped sides, and with all stops.
const SECOND_ORDER: usize = 16;
const SWAPPED: usize = 32;
const STOPPED: usize = 64;

/// Of those that keep everything, every so many-th is taken back.
const UNDONE: usize = 4;

/// Where a case ends: a triple again, something else that was planned again, or nothing new.
struct End {
    at: usize,
    /// The triple that it ends at, if it is one.
    ends: Option<usize>,
    plans_nothing: bool,
}

struct Sweep {
    universe: Universe,
    desk: Desk,
    /// With source and target exchanged.
    mirrored: Desk,
    failures: Failures,
}

fn rules(mode: Mode) -> Rules {
    let (direction, conflict) = (Direction::Push, ConflictPolicy::Hold);
    let delete = match mode {
        Mode::Update => DeletePolicy::Never,
        Mode::Mirror => DeletePolicy::Extra,
        Mode::TwoWay => DeletePolicy::Synced,
    };
    Rules { mode, direction, delete, conflict, trash: false }
}

fn other_policy(policy: &ConflictPolicy) -> ConflictPolicy {
    match policy {
        ConflictPolicy::Local => ConflictPolicy::Remote,
        ConflictPolicy::Remote => ConflictPolicy::Local,
        policy => policy.clone(),
    }
}

/// Tries them all, says how much that was, and fails if anything was wrong.
#[expect(clippy::print_stdout, reason = "figures are what a proof is worth")]
fn sweep(name: &str, rules: Rules, stride: usize) {
    let begun = Instant::now();
    let other = match rules.direction {
        Direction::Push => Direction::Fetch,
        Direction::Fetch => Direction::Push,
    };
    let conflict = other_policy(&rules.conflict);
    let mirrored = Desk::new(Rules { direction: other, conflict, ..rules.clone() });
    let sweep =
        Sweep { universe: Universe::new(), desk: Desk::new(rules), mirrored, failures: Failures::default() };
    let total = Mutex::new(Figures::default());
    let ends: Vec<Vec<End>> = (0..TREES)
        .into_par_iter()
        .map(|base| {
            let (figures, ends) = sweep.of_base(base, stride);
            *total.lock().unwrap() += figures;
            ends
        })
        .collect();
    sweep.check_all_settled(&ends);
    println!("{name}: {}, {:.1} s", total.into_inner().unwrap(), begun.elapsed().as_secs_f64());
    sweep.failures.judge();
}

impl Sweep {
    fn of_base(&self, base: usize, stride: usize) -> (Figures, Vec<End>) {
        let (mut figures, mut ends) = (Figures::default(), Vec::new());
        let first = (stride - (base * TREES * TREES) % stride) % stride;
        for pair in (first..TREES * TREES).step_by(stride) {
            let at = base * TREES * TREES + pair;
            match self.of_triple(at) {
                Ok((of_triple, end)) => {
                    figures += of_triple;
                    ends.push(end);
                }
                Err(failure) => self.fails(at, failure),
            }
        }
        (figures, ends)
    }

    fn of_triple(&self, at: usize) -> Result<(Figures, End), Failure> {
        let trial = self.trial(at);
        let seed = at as u64;
        let done = trial.run(seed)?;
        let mut figures = done.figures;
        let nth = at / STRIDE;
        if nth.is_multiple_of(SECOND_ORDER) {
            let mut world = trial.world();
            let again = trial.carry_out(&done.plan, &mut world, &done.outcome, seed + 1);
            again
                .and_then(|()| trial.check_end(&done.plan, &world, &done.outcome))
                .map_err(|it| explain(it, &done.plan))?;
            figures.steps += done.plan.actions().len() as u64;
        }
        if nth.is_multiple_of(SWAPPED) {
            check_symmetry(&done.plan, &self.swapped(&trial)?)?;
        }
        if nth.is_multiple_of(STOPPED) {
            let (recoveries, replans) = try_stops(&trial, &done, seed)?;
            figures += Figures { recoveries, replans, ..Figures::default() };
        }
        if self.desk.rules.trash && nth.is_multiple_of(UNDONE) {
            try_undo(&trial, Again::TheSame, seed)?;
        }
        let world = &done.world;
        let triple = (world.base_local == world.base_remote)
            .then(|| Some((position(&world.base_local)?, position(&world.local)?, position(&world.remote)?)));
        let ends = triple.flatten().map(|(base, local, remote)| (base * TREES + local) * TREES + remote);
        if ends.is_none() {
            check_settled(&self.desk, world).map_err(|it| explain(it, &done.plan))?;
        }
        Ok((figures, End { at, ends, plans_nothing: done.plan.actions().is_empty() }))
    }

    fn swapped(&self, trial: &Trial<'_>) -> Result<syncplan_model::Plan, Failure> {
        let base = [&trial.base.snapshot; 2];
        let given = Given { base, local: &trial.remote.snapshot, remote: &trial.local.snapshot };
        self.mirrored
            .plan(given)
            .map_err(|error| Failure::new("no plan for swapped sides", error.to_string()))
    }

    /// I5. Where a case ends is a case itself, so that nothing has to be planned twice.
    fn check_all_settled(&self, ends: &[Vec<End>]) {
        let mut settled = vec![false; TREES * TREES * TREES];
        for end in ends.iter().flatten() {
            settled[end.at] = end.plans_nothing;
        }
        ends.par_iter().flatten().for_each(|end| {
            let Some(ends) = end.ends.filter(|&ends| !settled[ends]) else { return };
            let again = self.trial(ends);
            // In a sample it may not have been tried yet.
            let failure = match again.plan() {
                Ok(plan) if plan.actions().is_empty() => return,
                Ok(plan) => {
                    explain(Failure::new("I5: planning again yields something", again.to_string()), &plan)
                }
                Err(failure) => failure,
            };
            self.fails(end.at, failure);
        });
    }

    fn trial(&self, at: usize) -> Trial<'_> {
        let sides = &self.universe.worlds;
        let (base, local, remote) = (at / TREES / TREES, at / TREES % TREES, at % TREES);
        Trial { desk: &self.desk, base: &sides[base], local: &sides[local], remote: &sides[remote] }
    }

    fn fails(&self, at: usize, failure: Failure) {
        let trial = self.trial(at);
        self.failures.add(failure, trial.size(), &trial.to_string());
    }
}

#[test]
fn two_way_that_holds_conflicts() {
    sweep("two-way, hold", rules(Mode::TwoWay), STRIDE);
}

#[test]
fn two_way_that_keeps_both() {
    sweep("two-way, keep-both", Rules { conflict: ConflictPolicy::KeepBoth, ..rules(Mode::TwoWay) }, STRIDE);
}

#[test]
fn update_that_deletes_nothing() {
    sweep("update", rules(Mode::Update), STRIDE);
}

#[test]
fn mirror() {
    sweep("mirror", rules(Mode::Mirror), STRIDE);
}

/// The rest of what a manifest can say: a sample of each.
#[test]
fn other_policies() {
    let stride = if cfg!(debug_assertions) { 331 } else { 31 };
    for conflict in
        [ConflictPolicy::Local, ConflictPolicy::Remote, ConflictPolicy::Newer, ConflictPolicy::Larger]
    {
        for mode in [Mode::TwoWay, Mode::Update] {
            let rules = Rules { conflict: conflict.clone(), ..rules(mode) };
            sweep(&format!("{mode}, {}", conflict.as_str()), rules, stride);
        }
    }
    sweep("update, keep-both", Rules { conflict: ConflictPolicy::KeepBoth, ..rules(Mode::Update) }, stride);
    for delete in [DeletePolicy::Synced, DeletePolicy::Extra] {
        sweep(&format!("update, delete {delete}"), Rules { delete, ..rules(Mode::Update) }, stride);
    }
    sweep("update, fetch", Rules { direction: Direction::Fetch, ..rules(Mode::Update) }, stride);
    sweep("mirror, fetch", Rules { direction: Direction::Fetch, ..rules(Mode::Mirror) }, stride);
    for mode in [Mode::TwoWay, Mode::Update, Mode::Mirror] {
        for conflict in [ConflictPolicy::Hold, ConflictPolicy::KeepBoth] {
            let rules = Rules { trash: true, conflict: conflict.clone(), ..rules(mode) };
            sweep(&format!("{mode}, {}, trash", conflict.as_str()), rules, stride);
        }
    }
}
