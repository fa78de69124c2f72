//! The reverse of a run: a plan that puts back what it took away, and takes away what it brought.
//!
//! [`undo`] is as pure as [`compile`](crate::compile()): it knows the plan of the run, which of its
//! actions were done, what the trash has, and what stands on both sides now.
//!
//! - `trace`: what the run did to each place, one action after the other;
//! - `look`: whether what it left still stands there;
//! - `reverse`: what can be taken back, and what cannot, and why;
//! - `rebuild`: what has to happen for it, as work for the drafter and the graph of all plans;
//! - `former`: what the base knew.
//!
//! The base goes back as well, to what stood there *before* the run: so the other side shows as changed
//! again, and the next sync of both decides what it decided before. What the base did not know it does
//! not know afterwards either.

mod former;
mod look;
mod rebuild;
mod reverse;
mod trace;

use std::collections::HashSet;

use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{ActionId, Header, ManifestInfo, Plan, Selection, Side, TaskHeader};
use syncplan_model::{Facts, Mtime, RelPath, TaskName};

use crate::cycle::split_cycles;
use crate::error::CompileError;
use crate::graph::Graph;
use crate::header::header;
use crate::input::{PlanInput, TaskInput};
use crate::phase;
use crate::sides::Sides;
use crate::undo::former::Former;
use crate::undo::rebuild::{Rework, rebuild};
use crate::undo::reverse::{Reversal, reverse};
use crate::undo::trace::Trace;
use crate::way::Way;

/// A run, and all that is known since.
#[derive(Debug, Clone)]
pub struct UndoInput<'a> {
    /// The run that is taken back.
    pub run: u64,
    /// What it executed.
    pub plan: &'a Plan,
    /// The actions that were done.
    pub done: &'a HashSet<ActionId>,
    /// What the tasks are read from by now.
    pub manifest: ManifestInfo,
    /// The tasks of the run that are still in the manifest.
    pub tasks: Vec<UndoTask<'a>>,
    /// What the ages in filters are measured against.
    pub now: Mtime,
}

/// One task of a run.
#[derive(Debug, Clone)]
pub struct UndoTask<'a> {
    /// As it is by now, with what was found on its sides.
    pub task: TaskInput<'a>,
    /// What its trash has.
    pub kept: &'a [Kept],
    /// The places that runs after that one did something to.
    pub changed: &'a HashSet<(Side, RelPath)>,
}

/// Something in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// On which side.
    pub side: Side,
    /// Where in the trash.
    pub path: RelPath,
    /// What it is.
    pub facts: Facts,
}

/// What takes a run back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// As far as it can be taken back.
    pub plan: Plan,
    /// What cannot.
    pub left: Vec<NotUndone>,
}

/// Something that a run did and that stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotUndone {
    /// Of which task.
    pub task: TaskName,
    /// On which side.
    pub side: Side,
    /// Where.
    pub path: RelPath,
    /// Why, as a clause for people.
    pub reason: String,
}

/// Compiles the reverse of a run.
pub fn undo(input: &UndoInput<'_>) -> Result<Undo, CompileError> {
    let (mut actions, mut left, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for task in &input.tasks {
        let reversed = Sides::new(|side| reverse_side(input, task, side));
        for (side, reversal) in [(Side::Local, &reversed.local), (Side::Remote, &reversed.remote)] {
            left.extend(reversal.refused.iter().map(|(path, reason)| NotUndone {
                task: task.task.name.clone(),
                side,
                path: path.clone(),
                reason: reason.clone(),
            }));
        }
        let work = Sides::new(|side| Rework::of(&reversed[side], &Way::towards(&task.task, side)));
        let going = Sides::new(|side| work[side].going());
        let Sides { local, remote } = work;
        let local = rebuild(&Way::towards(&task.task, Side::Local), local, &reversed.local, &going.remote);
        let remote = rebuild(&Way::towards(&task.task, Side::Remote), remote, &reversed.remote, &going.local);
        findings.extend([local.collision, remote.collision].into_iter().flatten());
        let mut graph = Graph::join(local.graph, remote.graph);
        split_cycles(&mut graph)?;
        phase::assign(&mut graph, task.task.spec, input.now);
        actions.extend(graph.into_actions());
    }
    let header = undo_header(input);
    findings.extend(judge(&header, &actions, &protected(input), input.now));
    left.sort();
    Ok(Undo { plan: Plan::new(header, findings, Vec::new(), actions)?, left })
}

fn reverse_side<'a>(input: &UndoInput<'a>, task: &UndoTask<'a>, side: Side) -> Reversal {
    let way = Way::towards(&task.task, side);
    let trace = Trace::of(input.plan, input.done, task.task.name, side);
    let former = Former::of(input.plan, task.task.name, task.task.spec);
    reverse(&way, task, trace, &former)
}

fn protected<'a>(input: &'a UndoInput<'a>) -> Vec<Protected<'a>> {
    let tasks = input.tasks.iter().map(|task| &task.task);
    tasks
        .flat_map(|task| [&task.spec.protect[..], task.protected_before].map(|filters| (task.name, filters)))
        .map(|(task, filters)| Protected { task, filters })
        .collect()
}

/// The header of a plan for the tasks as they are now, but for what the run was about.
fn undo_header(input: &UndoInput<'_>) -> Header {
    let tasks: Vec<_> = input.tasks.iter().map(|task| task.task.clone()).collect();
    let names = tasks.iter().map(|task| task.name.clone()).collect();
    let selection = Selection { tasks: names, only: None, exclude: None, undo: Some(input.run) };
    let manifest = input.manifest.clone();
    let plain = PlanInput { manifest, selection, tasks, only: None, exclude: None, now: input.now };
    let mut header = header(&plain);
    for task in &mut header.tasks {
        let then = input.plan.header().task(&task.name);
        task.direction = then.and_then(|then| then.direction);
    }
    turn_around(&mut header.tasks);
    header
}

/// What was done last is taken back first.
fn turn_around(tasks: &mut [TaskHeader]) {
    let waits: Vec<(TaskName, Vec<TaskName>)> =
        tasks.iter_mut().map(|task| (task.name.clone(), std::mem::take(&mut task.after))).collect();
    for task in tasks {
        let then = waits.iter().filter(|(_, after)| after.contains(&task.name));
        task.after = then.map(|(name, _)| name.clone()).collect();
    }
}
