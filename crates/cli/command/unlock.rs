use std::sync::Arc;

use serde_json::json;
use syncplan_exec::{RemoteLease, break_lease, read_lease};
use syncplan_model::spec::FilesTask;
use syncplan_model::{Escaped, TaskName};
use syncplan_state::{Lease, State};
use syncplan_store::Store;

use crate::args::{self, Global};
use crate::ask::confirmed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;
use crate::stores::{self, Purpose};

/// Takes a task from whoever holds it, in the state and on the remote side.
pub(crate) async fn run(global: &Global, args: &args::Unlock) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    project.tasks(std::slice::from_ref(&args.task))?;
    let state = project.open_state().await?;
    let own = state.leases().await?.into_iter().find(|lease| lease.task == args.task);
    let store = leased(&project, &args.task)?;
    let remote = match &store {
        Some(store) => read_lease(&**store).await?,
        None => None,
    };
    if !args.json {
        render::stdout(&held(&args.task, own.as_ref(), remote.as_ref()));
    }
    let is_held = own.is_some() || remote.is_some();
    if is_held && !args.yes && !confirmed("take it from there?", "")? {
        render::stderr("nothing was changed");
        return Ok(Exit::Error);
    }
    release(&state, &args.task, store.filter(|_| remote.is_some())).await?;
    match (args.json, is_held) {
        (true, _) => render::stdout(&machine(&args.task, own.as_ref(), remote.as_ref())),
        (false, true) => render::stdout(&format!("{}: unlocked", args.task)),
        (false, false) => {}
    }
    Ok(Exit::Done)
}

async fn release(state: &State, task: &TaskName, store: Option<Arc<dyn Store>>) -> Result<(), Failure> {
    state.unlock(task).await?;
    if let Some(store) = store {
        break_lease(&*store).await?;
    }
    Ok(())
}

/// The remote side of a task that holds it against other machines.
fn leased(project: &Project, task: &TaskName) -> Result<Option<Arc<dyn Store>>, Failure> {
    let files: Option<&FilesTask> = project.loaded.spec.task(task).and_then(|task| task.as_files());
    let leased = files.filter(|files| files.lease.is_some());
    leased.map(|files| stores::open(project, &files.remote, Purpose::Write)).transpose()
}

fn held(task: &TaskName, own: Option<&Lease>, remote: Option<&RemoteLease>) -> String {
    let escaped = |holder: String| Escaped(holder.as_bytes()).to_string();
    let own = own.map(|lease| format!("{task}: held by {}\n", escaped(lease.holder.to_string())));
    let remote = remote.map(|it| format!("{task}: its remote side is held by {}\n", escaped(it.to_string())));
    match (own, remote) {
        (None, None) => format!("{task}: nobody holds it"),
        (own, remote) => format!("{}{}", own.unwrap_or_default(), remote.unwrap_or_default()),
    }
}

fn machine(task: &TaskName, own: Option<&Lease>, remote: Option<&RemoteLease>) -> String {
    let own = own.map(|Lease { holder, .. }| {
        json!({
            "host": holder.host, "pid": holder.pid, "run": holder.run.number(), "plan_id": holder.plan_id,
            "since": render::time::exact(holder.since), "heartbeat": render::time::exact(holder.heartbeat),
        })
    });
    let remote = remote.map(ToString::to_string);
    json!({ "task": task, "unlocked": own.is_some() || remote.is_some(), "holder": own, "remote": remote })
        .to_string()
}
