use std::collections::{HashMap, HashSet};
use std::path::Path;

use syncplan_manifest::check_supported;
use syncplan_model::plan::{Plan, Side, TaskHeader};
use syncplan_model::{RelPath, TaskName};
use syncplan_plan::{Kept, NotUndone, Undo, UndoInput, UndoTask, undo};
use syncplan_state::State;

use crate::args::{self, Global};
use crate::ask::confirmed;
use crate::document::Document;
use crate::execution::{Execution, exit, moved};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judgement::{findings, pass};
use crate::looker::{place, side_header};
use crate::prepare::{compile_failure, manifest_info, tell_problems};
use crate::project::Project;
use crate::render::{self, outcome, progress::Scanning};
use crate::runs::{self, Recorded};
use crate::stores::{self, Purpose};
use crate::survey::{Quest, Survey, now, survey};

/// Plans the reverse of a run, shows it, and writes or applies it.
pub(crate) async fn run(global: &Global, args: &args::Undo) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let state = project.open_state().await?;
    let execution = Execution::new(&project, &state, global, &args.running)?;
    let recorded = runs::find(&state, args.run).await?;
    let tasks: Vec<_> = headers(&recorded).iter().map(|task| task.name.clone()).collect();
    check_supported(&project.loaded, Some(&tasks)).map_err(Failure::diagnostic)?;
    state.refuse_while_locked(&tasks).await?;
    if args.dry_run || args.output.is_some() {
        project.refuse_unresolved(&state, &tasks).await?;
    } else {
        execution.recover(&tasks, None).await?;
    }

    let Undo { plan, left } = compile(&project, &state, &recorded, &Scanning::new(global)).await?;
    let document = Document::new(plan);
    if let Some(path) = &args.output {
        return write(&document, path, &left);
    }
    if !(args.json || global.quiet) {
        render::stdout(&format!("{}{}", render::undo::left(&left), render::plan::summary(&document.plan)));
    }
    let saved = format!("syncplan undo {} -o undo.json", recorded.summary.run);
    let findings = findings(&project, &state, &document.plan).await?;
    pass(&findings, &[], &format!("{saved}, then syncplan apply undo.json"))?;
    let report = if args.dry_run {
        execution.dry_run(&document).await?
    } else {
        if document.plan.has_changes() && !args.yes && !agreed(&saved)? {
            render::stderr("nothing was changed");
            return Ok(Exit::Error);
        }
        execution.run(&document, None).await?
    };
    outcome::print_undo(&report, args.dry_run, args.json, &left);
    Ok(whole_or_part(exit(&report, &document.plan), &left))
}

fn agreed(saved: &str) -> Result<bool, Failure> {
    confirmed("apply this plan?", &format!(", or write the plan and apply it: {saved}"))
}

fn write(document: &Document, path: &Path, left: &[NotUndone]) -> Result<Exit, Failure> {
    document.write(path)?;
    if path != Path::new("-") {
        let summary = render::plan::summary(&document.plan);
        let next = format!("apply it with `syncplan apply {}`", path.display());
        let written = format!("written to {}: {next}", path.display());
        render::stdout(&format!("{}{summary}\n{written}", render::undo::left(left)));
    }
    let exit = if document.plan.is_applyable() { Exit::Done } else { Exit::Blocked };
    Ok(whole_or_part(exit, left))
}

/// What cannot be taken back is left.
fn whole_or_part(exit: Exit, left: &[NotUndone]) -> Exit {
    if exit == Exit::Done && !left.is_empty() { Exit::Partial } else { exit }
}

fn headers(recorded: &Recorded) -> &[TaskHeader] {
    &recorded.document.plan.header().tasks
}

/// Looks at both sides of every task of the run, and compiles what takes it back.
async fn compile(
    project: &Project,
    state: &State,
    recorded: &Recorded,
    scanning: &Scanning,
) -> Result<Undo, Failure> {
    let surveys = survey_again(project, state, recorded, scanning).await?;
    tell_problems(&surveys);
    let done = recorded.done(state).await?.into_keys().collect();
    let mut since = changed_since(state, recorded).await?;
    let mut known = Vec::new();
    for survey in &surveys {
        known.push((kept(state, &survey.name).await?, since.remove(&survey.name).unwrap_or_default()));
    }
    let tasks = surveys.iter().zip(&known);
    let tasks =
        tasks.map(|(survey, (kept, changed))| UndoTask { task: survey.input(project), kept, changed });
    let input = UndoInput {
        run: recorded.summary.run.number().unsigned_abs(),
        plan: &recorded.document.plan,
        done: &done,
        manifest: manifest_info(project),
        tasks: tasks.collect(),
        now: now(),
    };
    undo(&input).map_err(compile_failure)
}

async fn survey_again(
    project: &Project,
    state: &State,
    recorded: &Recorded,
    scanning: &Scanning,
) -> Result<Vec<Survey>, Failure> {
    let mut surveys = Vec::new();
    for header in headers(recorded) {
        let task = project.loaded.spec.task(&header.name);
        let task = task.ok_or_else(|| gone(&recorded.document.plan, &header.name))?;
        // Before another place is looked at, which would be taken for one to be joined.
        for &side in Side::ALL {
            let Some(place) = task.as_files().map(|files| place(files, side)) else { continue };
            let store = stores::open(project, place, Purpose::Describe)?;
            if let Some(why) = moved(header, side, &side_header(project, place, &*store)) {
                return Err(elsewhere(recorded, header, &why));
            }
        }
        scanning.begin(&header.name);
        let quest = Quest { task, direction: header.direction, with_base: true };
        surveys.push(survey(project, state, quest, scanning).await?);
    }
    scanning.end();
    Ok(surveys)
}

fn elsewhere(recorded: &Recorded, header: &TaskHeader, why: &str) -> Failure {
    let run = recorded.summary.run;
    let text = format!("run {run} was made on another `{}`: {why}", header.name);
    Failure::new("syncplan::undo::elsewhere", text)
        .help("use the manifest, and the profile, that the run was made with")
        .exit(Exit::Stale)
}

fn gone(plan: &Plan, task: &TaskName) -> Failure {
    let others = plan.header().tasks.len() - 1;
    let with = if others > 0 { ", which it was run with" } else { "" };
    Failure::usage(format!("the manifest has no task `{task}` any more{with}"))
        .help("use the manifest, and the profile, that the run was made with")
}

async fn kept(state: &State, task: &TaskName) -> Result<Vec<Kept>, Failure> {
    let entries = state.trash(task).await?.into_iter().map(|entry| entry.trashed);
    Ok(entries.map(|it| Kept { side: it.side, path: it.path, facts: it.facts }).collect())
}

type Places = HashMap<TaskName, HashSet<(Side, RelPath)>>;

async fn changed_since(state: &State, recorded: &Recorded) -> Result<Places, Failure> {
    let tasks: Vec<_> = headers(recorded).iter().map(|task| task.name.clone()).collect();
    let mut places = Places::new();
    for (task, side, path) in recorded.changed_since(state, &tasks).await? {
        places.entry(task).or_default().insert((side, path));
    }
    Ok(places)
}
