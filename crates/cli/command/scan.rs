use serde_json::json;
use syncplan_manifest::check_supported;
use syncplan_model::plan::Side;
use syncplan_model::{Snapshot, TaskName};
use syncplan_state::State;

use crate::args::{self, Global, ScanSide};
use crate::base::{content_of, places};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::looker::{filter_digest, look_closely};
use crate::project::Project;
use crate::render::{self, progress::Scanning};
use crate::snapshot_file;
use crate::survey::files_task;

pub(crate) async fn run(global: &Global, args: &args::Scan) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let tasks = project.tasks(&args.tasks)?;
    check_supported(&project.loaded, Some(&tasks)).map_err(Failure::diagnostic)?;
    if args.output.is_some() && tasks.len() != 1 {
        return Err(Failure::usage("a portable snapshot is of one task")
            .help("name the task: syncplan scan TASK --side local -o FILE"));
    }
    let state = project.open_state().await?;
    project.refuse_unresolved(&state, &tasks).await?;
    let sides = match args.side {
        None => Side::ALL.to_vec(),
        Some(ScanSide::Local) => vec![Side::Local],
        Some(ScanSide::Remote) => vec![Side::Remote],
        Some(ScanSide::Base) => return bases(&project, &state, &tasks, args).await,
    };
    let scanning = Scanning::new(global);
    let mut complete = true;
    for task in project.loaded.spec.tasks.iter().filter(|task| tasks.contains(&task.name)) {
        for &side in &sides {
            scanning.begin(&task.name);
            let snapshot = look_closely(&project, &state, task, side, &scanning).await?;
            scanning.end();
            complete &= snapshot.is_complete();
            match &args.output {
                Some(path) => {
                    let filter = filter_digest(&files_task(task, None)?);
                    snapshot_file::write(path, &snapshot, &task.name, side, filter)?;
                }
                None => render::stdout(&line(&task.name, side.as_str(), &snapshot, args.json)),
            }
            render::problems(&snapshot);
        }
    }
    Ok(if complete { Exit::Done } else { Exit::Partial })
}

/// What both sides agreed on; nothing is scanned.
async fn bases(
    project: &Project,
    state: &State,
    tasks: &[TaskName],
    args: &args::Scan,
) -> Result<Exit, Failure> {
    for task in project.loaded.spec.tasks.iter().filter(|task| tasks.contains(&task.name)) {
        let spec = files_task(task, None)?;
        let base = state.load_base(&task.name, &places(project, &spec)).await?;
        let base = base.ok_or_else(|| none(&task.name))?;
        let snapshot = content_of(&base.local, &base.remote);
        match &args.output {
            Some(path) => {
                let filter = filter_digest(&spec);
                snapshot_file::write_base(path, &snapshot, &task.name, &base.header(), filter)?;
            }
            None => render::stdout(&line(&task.name, "base", &snapshot, args.json)),
        }
    }
    Ok(Exit::Done)
}

fn none(task: &TaskName) -> Failure {
    Failure::new("syncplan::base::none", format!("there is no base for `{task}` yet"))
        .help(format!("it comes with the first plan: syncplan plan {task}"))
}

fn line(task: &TaskName, side: &str, snapshot: &Snapshot, as_json: bool) -> String {
    if as_json {
        let (entries, bytes) = (snapshot.entries().to_string(), snapshot.bytes().to_string());
        return json!({
            "task": task, "side": side, "digest": snapshot.digest(), "entries": entries, "bytes": bytes,
            "complete": snapshot.is_complete(), "problems": snapshot.problems(),
        })
        .to_string();
    }
    let entries = render::count(snapshot.entries(), "entry", "entries");
    let incomplete = if snapshot.is_complete() { "" } else { ", incomplete" };
    format!("{task} {side}: {entries}, {}{incomplete}", render::size(snapshot.bytes()))
}
