use serde_json::json;

use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Forgets the base of a task. What is there on both sides stays as it is.
pub(crate) async fn run(global: &Global, args: &args::Forget) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let tasks = project.tasks(std::slice::from_ref(&args.task))?;
    let state = project.open_state().await?;
    project.refuse_unresolved(&state, &tasks).await?;
    let forgotten = state.forget_base(&args.task).await?;
    render::stdout(&match (args.json, forgotten) {
        (true, _) => json!({ "task": args.task, "forgotten": forgotten }).to_string(),
        (false, true) => format!("{}: what was synced is forgotten\n{NEXT}", args.task),
        (false, false) => format!("{}: there is nothing to forget, nothing was synced yet", args.task),
    });
    Ok(Exit::Done)
}

const NEXT: &str = "the next plan joins both sides: what only one has is new there, what differs is a conflict, \
and nothing is taken for deleted (a `mirror` still deletes what its source lacks)";
