use serde_json::json;
use syncplan_model::Plan;
use syncplan_model::plan::Conflict;

use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prepare::{Wanted, prepare};
use crate::project::Project;
use crate::render::{self, progress::Scanning};

/// Plans, and lists the conflicts of the plan.
pub(crate) async fn run(global: &Global, args: &args::Conflicts) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let selection = args::Selection { tasks: args.tasks.clone(), only: None, exclude: None };
    let wanted = Wanted::new(&project, &selection, None)?;
    let state = project.open_state().await?;
    project.refuse_unresolved(&state, &wanted.tasks).await?;
    let plan = prepare(&project, &state, &wanted, &Scanning::new(global)).await?;
    match args.json {
        true => plan.conflicts().iter().for_each(|conflict| render::stdout(&line(conflict))),
        false => render::stdout(&render::conflict::list(&plan)),
    }
    Ok(exit(&plan))
}

fn line(conflict: &Conflict) -> String {
    let Conflict { task, path, local, remote, base, policy, reason } = conflict;
    json!({
        "task": task, "path": path, "held": conflict.is_held(), "policy": policy, "reason": reason,
        "local": local, "remote": remote, "base": base,
    })
    .to_string()
}

/// What could not be read was not compared.
fn exit(plan: &Plan) -> Exit {
    match plan.held().next().is_none() && plan.is_complete() {
        true => Exit::Done,
        false => Exit::Partial,
    }
}
