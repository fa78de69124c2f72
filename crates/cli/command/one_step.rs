use syncplan_model::spec::Direction;

use crate::args::{self, Global};
use crate::ask::confirmed;
use crate::document::Document;
use crate::execution::{Execution, exit, exit_done};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judgement::{findings, pass};
use crate::prepare::{Wanted, prepare};
use crate::project::Project;
use crate::render::{self, progress::Scanning};

/// Plan, show, ask, apply.
pub(crate) async fn run(
    global: &Global,
    args: &args::OneStep,
    direction: Option<Direction>,
) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let wanted = Wanted::new(&project, &args.selection, direction)?;
    let state = project.open_state().await?;
    let execution = Execution::new(&project, &state, global, &args.running)?;
    if args.dry_run {
        project.refuse_unresolved(&state, &wanted.tasks).await?;
    } else {
        execution.recover(&wanted.tasks, None).await?;
    }

    let document = Document::new(prepare(&project, &state, &wanted, &Scanning::new(global)).await?);
    if !(args.json || global.quiet) {
        render::stdout(&render::plan::summary(&document.plan));
    }
    let saved = saved_plan(args, direction);
    let findings = findings(&project, &state, &document.plan).await?;
    pass(&findings, &[], &format!("{saved}, then syncplan apply plan.json"))?;
    if !document.plan.has_changes() {
        return learn(&execution, &document, args).await;
    }
    if args.dry_run {
        let report = execution.dry_run(&document).await?;
        render::outcome::print(&report, true, args.json);
        return Ok(exit(&report, &document.plan));
    }
    let instead = format!(", or write the plan and apply it: {saved}");
    if !args.yes && !confirmed("apply this plan?", &instead)? {
        render::stderr("nothing was changed");
        return Ok(Exit::Error);
    }
    let report = execution.run(&document, None).await?;
    render::outcome::print(&report, false, args.json);
    Ok(exit(&report, &document.plan))
}

/// What only the base learns changes nothing on either side: nobody is asked.
async fn learn(
    execution: &Execution<'_>,
    document: &Document,
    args: &args::OneStep,
) -> Result<Exit, Failure> {
    let plan = &document.plan;
    if args.dry_run {
        return Ok(exit_done(plan));
    }
    if plan.actions().is_empty() {
        execution.conclude_idle(plan).await?;
        return Ok(exit_done(plan));
    }
    let report = execution.run(document, None).await?;
    if args.json || report.ending != syncplan_exec::Ending::Done {
        render::outcome::print(&report, false, args.json);
    }
    Ok(exit(&report, plan))
}

/// The command that writes the same plan to a file.
fn saved_plan(args: &args::OneStep, direction: Option<Direction>) -> String {
    let mut words = vec!["syncplan plan".to_owned()];
    words.extend(args.selection.tasks.iter().map(ToString::to_string));
    words.extend(direction.map(|direction| format!("--direction {direction}")));
    words.extend(args.selection.only.iter().map(|filter| format!("--only {}", quoted(filter))));
    words.extend(args.selection.exclude.iter().map(|filter| format!("--exclude {}", quoted(filter))));
    words.push("-o plan.json".to_owned());
    words.join(" ")
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
