use serde_json::json;
use syncplan_manifest::check_supported;
use syncplan_model::plan::Side;
use syncplan_model::{Snapshot, TaskName};

use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::render::{self, progress::Scanning};
use crate::snapshot_file;
use crate::survey::{files_task, filter_digest, look_closely};

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
    let scanning = Scanning::new(global);
    let sides = args.side.map_or_else(|| Side::ALL.to_vec(), |side| vec![side]);
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
                None => render::stdout(&line(&task.name, side, &snapshot, args.json)),
            }
            render::problems(&snapshot);
        }
    }
    Ok(if complete { Exit::Done } else { Exit::Partial })
}

fn line(task: &TaskName, side: Side, snapshot: &Snapshot, as_json: bool) -> String {
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
