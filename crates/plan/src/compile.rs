use syncplan_model::Capability;
use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{Action, ActionId, Conflict, Finding, Plan};
use syncplan_model::spec::Mode;

use crate::choose::choose;
use crate::cycle::split_cycles;
use crate::diff::diff;
use crate::draft::Drafter;
use crate::error::CompileError;
use crate::graph::Graph;
use crate::header::header;
use crate::identity::identify;
use crate::input::{PlanInput, TaskInput};
use crate::one_way::OneWay;
use crate::phase;
use crate::reconcile::reconcile;

/// Makes the plan: a function of its input and of nothing else, down to the byte.
pub fn compile(input: &PlanInput<'_>) -> Result<Plan, CompileError> {
    let header = header(input);
    let (mut actions, mut conflicts, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for task in &input.tasks {
        let part = compile_task(input, task)?;
        actions.extend(part.actions);
        conflicts.extend(part.conflicts);
        findings.extend(part.finding);
    }
    let protected: Vec<_> =
        input.tasks.iter().map(|task| Protected { task: task.name, filters: &task.spec.protect }).collect();
    findings.extend(judge(&header, &actions, &protected, input.now));
    Ok(Plan::new(header, findings, conflicts, actions)?)
}

/// What one task adds to the plan.
struct Part {
    actions: Vec<Action>,
    conflicts: Vec<Conflict>,
    finding: Option<Finding>,
}

fn compile_task(input: &PlanInput<'_>, task: &TaskInput<'_>) -> Result<Part, CompileError> {
    if task.spec.mode == Mode::TwoWay {
        return Err(CompileError::Mode { task: task.name.clone(), mode: task.spec.mode });
    }
    let one_way = OneWay::of(task);
    let diff = diff(&one_way);
    let mut work = reconcile(&one_way, diff.differences);
    let (origins, survey) = identify(&one_way, &mut work);
    let mut graph = Graph::of(&Drafter { one_way, survey: &survey }, &work, &origins);
    choose(&mut graph, input.only, input.exclude, input.now);
    split_cycles(&mut graph)?;
    phase::assign(&mut graph, task.spec, input.now);
    if one_way.target_has(Capability::ReadOnly) && !graph.actions.is_empty() {
        let store = one_way.target.header.store.clone();
        return Err(CompileError::ReadOnly { task: task.name.clone(), store });
    }
    let finding = diff.unsupported.finding(task.name);
    Ok(Part { actions: graph.into_actions(), conflicts: work.conflicts, finding })
}

impl Graph {
    /// The actions with their edges written into them.
    fn into_actions(self) -> Vec<Action> {
        let ids: Vec<ActionId> = self.actions.iter().map(|action| action.id).collect();
        let mut actions = self.actions;
        for edge in self.edges {
            actions[edge.then].after.push(ids[edge.first]);
        }
        actions
    }
}
