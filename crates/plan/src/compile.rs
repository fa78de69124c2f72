use rustc_hash::FxHashSet;
use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{Action, ActionId, Conflict, Finding, Left, Plan};
use syncplan_model::{Capability, RelPath};

use crate::choose::choose;
use crate::collision::collisions;
use crate::cycle::split_cycles;
use crate::diff::diff;
use crate::draft::{self, Drafter};
use crate::error::CompileError;
use crate::graph::Graph;
use crate::header::header;
use crate::identity::identify;
use crate::input::{PlanInput, TaskInput};
use crate::phase;
use crate::reconcile::reconcile;
use crate::sides::Sides;
use crate::way::Way;
use crate::work::{Resolved, Work};

/// Makes the plan: a function of its input and of nothing else, down to the byte.
pub fn compile<'a>(input: &PlanInput<'a>) -> Result<Plan, CompileError> {
    let mut header = header(input);
    let (mut actions, mut conflicts, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for (task, header) in input.tasks.iter().zip(&mut header.tasks) {
        let part = compile_task(input, task)?;
        if let Some(base) = header.base.as_mut().filter(|_| task.usable_base().is_some()) {
            base.left = Some(part.left);
        }
        actions.extend(part.actions);
        conflicts.extend(part.conflicts);
        findings.extend(part.findings);
    }
    let own = |task: &TaskInput<'a>| Protected { task: task.name, filters: &task.spec.protect };
    // What is no longer protected holds for one more plan.
    let before = |task: &TaskInput<'a>| Protected { task: task.name, filters: task.protected_before };
    let protected: Vec<_> = input.tasks.iter().flat_map(|task| [own(task), before(task)]).collect();
    findings.extend(judge(&header, &actions, &protected, input.now));
    Ok(Plan::new(header, findings, conflicts, actions)?)
}

/// What one task adds to the plan.
struct TaskPart {
    actions: Vec<Action>,
    conflicts: Vec<Conflict>,
    findings: Vec<Finding>,
    left: Left,
}

fn compile_task(input: &PlanInput<'_>, task: &TaskInput<'_>) -> Result<TaskPart, CompileError> {
    let diff = diff(task);
    let Resolved { work: Sides { mut local, mut remote }, records, conflicts, .. } =
        reconcile(task, diff.differences);
    let ways = Way::both(task);
    let going = Sides { local: going(&local), remote: going(&remote) };
    let local = Part::of(&ways.local, &mut local, &going.remote)?;
    let remote = Part::of(&ways.remote, &mut remote, &going.local)?;
    let findings = [diff.unsupported.finding(task.name), local.collision, remote.collision];
    let mut graph = Graph::join(local.graph, remote.graph);
    records.iter().for_each(|record| graph.add(draft::record(&ways.local, record)));
    choose(&mut graph, input.only, input.exclude, input.now);
    split_cycles(&mut graph)?;
    phase::assign(&mut graph, task.spec, input.now);
    let findings = findings.into_iter().flatten().collect();
    Ok(TaskPart { actions: graph.into_actions(), conflicts, findings, left: diff.left })
}

/// What is planned for one side.
struct Part {
    graph: Graph,
    collision: Option<Finding>,
}

impl Part {
    fn of(way: &Way<'_>, work: &mut Work, source_going: &FxHashSet<RelPath>) -> Result<Self, CompileError> {
        if work.is_empty() {
            return Ok(Self { graph: Graph::default(), collision: None });
        }
        if way.target_has(Capability::ReadOnly) {
            let store = way.target.header.store.clone();
            return Err(CompileError::ReadOnly { task: way.task.name.clone(), store });
        }
        let (origins, survey) = identify(way, work, source_going);
        let graph = Graph::of(&Drafter { way: *way, survey: &survey }, work, &origins);
        Ok(Self { graph, collision: collisions(way, work, &origins) })
    }
}

/// The paths of a side that hold something else afterwards, or nothing.
fn going(work: &Work) -> FxHashSet<RelPath> {
    work.going().cloned().collect()
}

impl Graph {
    /// The actions with their edges written into them.
    pub(crate) fn into_actions(self) -> Vec<Action> {
        let ids: Vec<ActionId> = self.actions.iter().map(|action| action.id).collect();
        let mut actions = self.actions;
        for edge in self.edges {
            actions[edge.then].after.push(ids[edge.first]);
        }
        actions
    }
}
