//! One case: compiled, carried out, and compared with what the oracle says.

use std::time::Instant;

use syncplan_model::plan::{Action, Plan, Side};
use syncplan_model::spec::Mode;
use syncplan_model::{RelPath, Snapshot};
use syncplan_testkit::simulator::{Dice, Order, Stock, Thing, World, line};

use crate::desk::{Desk, Given};
use crate::failures::Failure;
use crate::figures::Figures;
use crate::oracle::{Outcome, outcome};
use crate::shape::{Folder, Shape, are_alike, find, is_shaped, shape, text};
use crate::universe;

/// A base, and both sides.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) base: &'a universe::Side,
    pub(crate) local: &'a universe::Side,
    pub(crate) remote: &'a universe::Side,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) outcome: Outcome,
    pub(crate) figures: Figures,
}

impl Trial<'_> {
    pub(crate) fn world(&self) -> World {
        let base = self.base.stock.clone();
        let world =
            World::of_stocks([base.clone(), base], self.local.stock.clone(), self.remote.stock.clone());
        let (local, remote) = self.desk.stores();
        let world = world.in_stores(local, remote);
        if self.desk.rules.trash { world.losing_nothing() } else { world }
    }

    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        let base = [&self.base.snapshot; 2];
        let given = Given { base, local: &self.local.snapshot, remote: &self.remote.snapshot };
        self.desk.plan(given).map_err(|error| Failure::new("no plan", format!("{error}: {error:?}")))
    }

    /// Compiles, carries out in an order by seed, and checks every step and the end.
    pub(crate) fn run(&self, seed: u64) -> Result<Done, Failure> {
        let begun = Instant::now();
        let plan = self.plan()?;
        let planning = begun.elapsed();
        let outcome = outcome(&self.desk.rules, &self.base.shape, &self.local.shape, &self.remote.shape);
        let mut figures = Figures { planning, ..Figures::of(&plan) };
        let mut world = self.world();
        let ended = self.carry_out(&plan, &mut world, &outcome, seed);
        figures.steps += plan.actions().len() as u64;
        ended
            .and_then(|()| self.check_end(&plan, &world, &outcome))
            .map_err(|failure| explain(failure, &plan))?;
        Ok(Done { plan, world, outcome, figures })
    }

    pub(crate) fn carry_out(
        &self,
        plan: &Plan,
        world: &mut World,
        outcome: &Outcome,
        seed: u64,
    ) -> Result<(), Failure> {
        if plan.actions().is_empty() {
            return Ok(());
        }
        let order = Order::of(plan);
        let (mut course, mut dice) = (order.begin(plan), Dice::new(seed));
        while let Some(at) = course.next(&mut dice).map_err(|why| Failure::new("stuck", why))? {
            let action = &plan.actions()[at];
            world.act(action).map_err(step_failed)?;
            self.check_places(world, action, outcome)?;
        }
        if let Some(lost) = world.lost() {
            return Err(Failure::new("I1: something is lost", format!("{:?}", lost.node)));
        }
        if world.is_staging() { Err(Failure::new("something is still staged", "")) } else { Ok(()) }
    }

    /// I2: "a path holds its old content or its right new content".
    fn check_places(&self, world: &World, action: &Action, outcome: &Outcome) -> Result<(), Failure> {
        let (before, after) = match action.side {
            Side::Local => (&self.local.stock, &outcome.local),
            Side::Remote => (&self.remote.stock, &outcome.remote),
        };
        for path in [Some(&action.path), action.from.as_ref()].into_iter().flatten() {
            let Some(now) = world.stock(action.side).get(path).filter(|_| !path.is_reserved()) else {
                continue;
            };
            let old = before.get(path).is_some_and(|old| old.is_like(now));
            if !old && !is_at(after, path, now) {
                return Err(Failure::new(
                    "I2: neither old nor new content",
                    format!("{path}: {:?}", now.node),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn check_end(&self, plan: &Plan, world: &World, outcome: &Outcome) -> Result<(), Failure> {
        let mut held: Vec<_> = plan.held().map(|conflict| &conflict.path).collect();
        let mut expected: Vec<_> = outcome.held.iter().collect();
        held.sort();
        expected.sort();
        if held != expected {
            return Err(Failure::new("held conflicts", format!("expected {expected:?}, got {held:?}")));
        }
        ends_as("local", &world.local, &outcome.local)?;
        ends_as("remote", &world.remote, &outcome.remote)?;
        ends_as("base on the local side", &world.base_local, &outcome.base)?;
        ends_as("base on the remote side", &world.base_remote, &outcome.base)?;
        // I4, of the oracle as well.
        let agrees = are_alike(&outcome.local, &outcome.remote) && are_alike(&outcome.local, &outcome.base);
        if self.desk.rules.mode != Mode::Update && outcome.held.is_empty() && !agrees {
            return Err(Failure::new("I4: the sides and the base are not the same", ""));
        }
        Ok(())
    }

    /// How much there is to think about.
    pub(crate) fn size(&self) -> usize {
        [self.base, self.local, self.remote].iter().map(|side| side.stock.len()).sum()
    }
}

impl std::fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} | {} | {}", self.base.tree, self.local.tree, self.remote.tree)
    }
}

/// A plan for what stands there now.
pub(crate) fn replan(desk: &Desk, world: &World) -> Result<Plan, Failure> {
    let stocks = [&world.base_local, &world.base_remote, &world.local, &world.remote];
    let [base_local, base_remote, local, remote]: [Snapshot; 4] = stocks.map(Stock::snapshot);
    let given = Given { base: [&base_local, &base_remote], local: &local, remote: &remote };
    desk.plan(given).map_err(|error| Failure::new("no second plan", format!("{error}: {error:?}")))
}

/// I5: "planning again yields nothing".
pub(crate) fn check_settled(desk: &Desk, world: &World) -> Result<(), Failure> {
    let again = replan(desk, world)?;
    match again.actions() {
        [] => Ok(()),
        // Where one side does not list its folders, the base may let go of a file one run later.
        left => Err(Failure::new("I5: planning again yields something", shown(left))),
    }
}

pub(crate) fn step_failed(why: String) -> Failure {
    let kind = why.split([':', '\n']).next().unwrap_or_default().to_owned();
    Failure::new(format!("a step fails ({kind})"), why)
}

pub(crate) fn explain(failure: Failure, plan: &Plan) -> Failure {
    let detail = format!("{}\nplan:\n{}", failure.detail, shown(plan.actions()));
    Failure { detail, ..failure }
}

fn shown(actions: &[Action]) -> String {
    let base = |action: &Action| match &action.base {
        None => String::new(),
        Some(base) => format!(" base({}{})", said(base.path.as_ref()), said(base.from.as_ref())),
    };
    let trash = |action: &Action| if action.trash.is_some() { " trash" } else { "" };
    let one = |it: &Action| {
        format!("  {} ({}, {}){}{}", line(it), it.side, it.reason.as_str(), base(it), trash(it))
    };
    actions.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn said(expected: Option<&syncplan_model::plan::Expectation>) -> &'static str {
    match expected {
        None => "·",
        Some(expected) => expected.facts().map_or("absent", |_| "there"),
    }
}

fn is_at(folder: &Folder, path: &RelPath, thing: &Thing) -> bool {
    match find(folder, path) {
        Some(Shape::Leaf(leaf)) => leaf.is_like(thing),
        Some(Shape::Dir(_)) => thing.is_dir(),
        None => false,
    }
}

fn ends_as(what: &str, stock: &Stock, expected: &Folder) -> Result<(), Failure> {
    if is_shaped(stock, expected) {
        return Ok(());
    }
    let detail = format!("expected {}, got {}", text(expected), text(&shape(stock)));
    Err(Failure::new(format!("{what} is not as it should be"), detail))
}
