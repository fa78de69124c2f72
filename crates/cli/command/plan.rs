use std::collections::HashMap;
use std::path::Path;

use syncplan_model::TaskName;
use syncplan_model::plan::Side;
use syncplan_scan::IgnoreRules;

use crate::args::{self, Global};
use crate::base::TaskBase;
use crate::document::Document;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::looker::{filter_digest, side_header};
use crate::prepare::{Wanted, compile_surveys, prepare};
use crate::project::Project;
use crate::render::{self, progress::Scanning};
use crate::snapshot_file;
use crate::stores::{self, Purpose};
use crate::survey::{Survey, Surveyed, files_task, only_side};

pub(crate) async fn run(global: &Global, args: &args::Plan) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let wanted = Wanted::new(&project, &args.selection, args.direction)?;
    let plan = if args.local_snapshot.is_empty() {
        let state = project.open_state().await?;
        project.refuse_unresolved(&state, &wanted.tasks).await?;
        prepare(&project, &state, &wanted, &Scanning::new(global)).await?
    } else {
        offline(&project, wanted, args)?
    };
    let document = Document::new(plan);
    match &args.output {
        _ if args.json => document.write_to_stdout()?,
        Some(path) if path == Path::new("-") => document.write_to_stdout()?,
        Some(path) => {
            document.write(path)?;
            render::stdout(&format!(
                "{}\n{}",
                render::plan::summary(&document.plan),
                next_step(&document, path)
            ));
        }
        None => render::stdout(&render::plan::summary(&document.plan)),
    }
    Ok(exit(&document, args.detailed_exitcode))
}

fn next_step(document: &Document, path: &Path) -> String {
    let written = format!("written to {}", path.display());
    match (document.plan.is_applyable(), !document.plan.actions().is_empty()) {
        (true, true) => format!("{written}: apply it with `syncplan apply {}`", path.display()),
        (true, false) => written,
        (false, _) => format!("{written}, which a guard keeps from being applied as it is"),
    }
}

fn exit(document: &Document, detailed: bool) -> Exit {
    let plan = &document.plan;
    if !plan.is_applyable() {
        Exit::Blocked
    } else if detailed && plan.has_changes() {
        Exit::Changes
    } else if plan.held().next().is_some() || !plan.is_complete() {
        Exit::Partial
    } else {
        Exit::Done
    }
}

/// Plans from portable snapshots; no store is opened and no secret is needed.
fn offline(
    project: &Project,
    mut wanted: Wanted,
    args: &args::Plan,
) -> Result<syncplan_model::Plan, Failure> {
    let mut given = HashMap::new();
    for (paths, side) in [(&args.local_snapshot, Side::Local), (&args.remote_snapshot, Side::Remote)] {
        for path in paths {
            let (header, snapshot) = snapshot_file::read(path, side)?;
            given.insert((header.task.clone(), side), (header.filter, snapshot));
        }
    }
    let mut bases = HashMap::new();
    for path in &args.base_snapshot {
        let portable = snapshot_file::read_base(path)?;
        bases.insert(portable.header.task.clone(), TaskBase::of_portable(portable));
    }
    if args.selection.tasks.is_empty() {
        wanted.tasks.retain(|task| given.keys().any(|(given, _)| given == task));
    }
    let mut surveys = Vec::new();
    for task in project.loaded.spec.tasks.iter().filter(|task| wanted.tasks.contains(&task.name)) {
        let spec = files_task(task, wanted.direction)?;
        let mut take = |place, side| {
            let (filter, snapshot) =
                given.remove(&(task.name.clone(), side)).ok_or_else(|| missing(&task.name, side))?;
            if filter != filter_digest(&spec) {
                tracing::warn!(
                    "the {side} snapshot of {} was made with other filters than the manifest has now",
                    task.name
                );
            }
            let store = stores::open(project, place, Purpose::Describe)?;
            let header = side_header(project, place, &*store);
            Ok::<_, Failure>(Surveyed { header, store, snapshot, rules: IgnoreRules::default() })
        };
        let (local, remote) = (take(&spec.local, Side::Local)?, take(&spec.remote, Side::Remote)?);
        surveys.push(Survey {
            name: task.name.clone(),
            after: task.after.clone(),
            only_side: only_side(&spec, wanted.direction),
            resolution: None,
            base: bases.remove(&task.name),
            spec,
            local,
            remote,
        });
    }
    if let Some(task) = bases.keys().min() {
        return Err(Failure::usage(format!("the base of `{task}` has no use: that task is not planned")));
    }
    if let Some((task, side)) = given.keys().min() {
        return Err(Failure::usage(format!(
            "the {side} snapshot of `{task}` has no use: that task is not planned"
        )));
    }
    compile_surveys(project, &wanted, &surveys)
}

fn missing(task: &TaskName, side: Side) -> Failure {
    Failure::usage(format!("there is no snapshot of the {side} side of `{task}`"))
        .help(format!("make one: syncplan scan {task} --side {side} -o FILE"))
}
