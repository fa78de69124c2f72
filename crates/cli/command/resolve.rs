use std::os::unix::ffi::OsStrExt as _;

use syncplan_model::plan::Plan;
use syncplan_model::{Escaped, RelPath, TaskName};
use syncplan_plan::{Resolution, Take};

use crate::args::{self, Global, Running, Selection, TakeSide};
use crate::document::Document;
use crate::execution::{Execution, exit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judgement::{findings, pass};
use crate::prepare::{Wanted, compile_surveys, survey_all};
use crate::project::Project;
use crate::render::{self, progress::Scanning};

/// How many conflicts an error names.
const NAMED: usize = 10;

/// Plans what settles one conflict, shows it and applies it. Nobody is asked: the command names one
/// path, and what becomes of it.
pub(crate) async fn run(global: &Global, args: &args::Resolve) -> Result<Exit, Failure> {
    let path = relative(args.path.as_bytes())?;
    let project = Project::open(global)?;
    let selection = Selection { tasks: vec![args.task.clone()], only: None, exclude: None };
    let wanted = Wanted::new(&project, &selection, None)?;
    let state = project.open_state().await?;
    let running = Running::default();
    let execution = Execution::new(&project, &state, global, &running)?;
    match args.dry_run {
        true => project.refuse_unresolved(&state, &wanted.tasks).await?,
        false => execution.recover(&wanted.tasks, None).await?,
    }

    let mut surveys = survey_all(&project, &state, &wanted, &Scanning::new(global)).await?;
    let open = compile_surveys(&project, &wanted, &surveys)?;
    check(&open, &args.task, &path)?;
    for survey in &mut surveys {
        let resolution = Resolution { path: path.clone(), take: take(args.take) };
        survey.resolve(&project, resolution).await?;
    }
    let document = Document::new(compile_surveys(&project, &wanted, &surveys)?);
    refuse_held(&open, &document.plan, &path)?;
    if !(args.json || global.quiet) {
        render::stdout(&render::plan::resolution(&document.plan));
    }
    let findings = findings(&project, &state, &document.plan).await?;
    pass(
        &findings,
        &[],
        &format!("syncplan plan {} -o plan.json, then syncplan apply plan.json", args.task),
    )?;
    let report = match args.dry_run {
        true => execution.dry_run(&document).await?,
        false => execution.run(&document, None).await?,
    };
    render::outcome::print(&report, args.dry_run, args.json);
    let left = open.held().filter(|conflict| conflict.path != path).count();
    if left > 0 && !global.quiet {
        let left = render::count(left as u64, "conflict is", "conflicts are");
        render::stderr(&format!("{left} left: syncplan conflicts {}", args.task));
    }
    Ok(exit(&report, &document.plan))
}

fn take(side: TakeSide) -> Take {
    match side {
        TakeSide::Local => Take::Local,
        TakeSide::Remote => Take::Remote,
        TakeSide::Both => Take::Both,
    }
}

/// A path below the root of a task, as it was typed.
pub(crate) fn relative(typed: &[u8]) -> Result<RelPath, Failure> {
    let path = typed.strip_prefix(b"./").unwrap_or(typed);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    RelPath::new(path).map_err(|error| {
        let typed = syncplan_model::Escaped(typed);
        Failure::usage(format!("`{typed}` is no path below the root of a task")).because(error)
    })
}

/// Taking a side does not get past what stands in the way at the path or below it. A conflict that is not
/// one of content is none that the plan with the decision has.
fn refuse_held(open: &Plan, decided: &Plan, path: &RelPath) -> Result<(), Failure> {
    let is_at_or_below = |path: &RelPath, folder: &RelPath| path == folder || path.is_below(folder);
    let is_settled = |path: &RelPath| {
        let mut settled = decided.conflicts().iter().filter(|conflict| !conflict.is_held());
        settled.any(|conflict| is_at_or_below(path, &conflict.path))
    };
    let left = decided.held().chain(open.held().filter(|conflict| !is_settled(&conflict.path)));
    let Some(held) = left.into_iter().find(|conflict| is_at_or_below(&conflict.path, path)) else {
        return Ok(());
    };
    let (at, reason) = (&held.path, Escaped(held.reason.as_bytes()));
    Err(Failure::new(
        "syncplan::conflict::held",
        format!("nothing was changed: taking a side does not settle `{at}`: {reason}"),
    )
    .help("look at both sides: make them the same by hand, or remove what is in the way, and sync again")
    .exit(Exit::Partial))
}

fn check(plan: &Plan, task: &TaskName, path: &RelPath) -> Result<(), Failure> {
    if plan.conflicts().iter().any(|conflict| conflict.path == *path) {
        return Ok(());
    }
    let failure =
        Failure::new("syncplan::conflict::none", format!("there is no conflict at `{path}` in `{task}`"))
            .exit(Exit::Usage);
    let mut paths: Vec<_> = plan.conflicts().iter().map(|conflict| conflict.path.to_string()).collect();
    let more = paths.len().saturating_sub(NAMED);
    paths.truncate(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(failure.help(match paths.is_empty() {
        true => "the task has no conflicts".to_owned(),
        false => format!("the conflicts there are: {}{rest}", paths.join(", ")),
    }))
}
