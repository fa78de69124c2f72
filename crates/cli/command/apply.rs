use crate::args::{self, Global};
use crate::document;
use crate::execution::{Execution, exit};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judgement::{check_tasks, findings, pass};
use crate::project::Project;
use crate::render;

pub(crate) async fn run(global: &Global, args: &args::Apply) -> Result<Exit, Failure> {
    let document = document::read(&args.plan)?;
    check_id(&document, args.expect_plan_id.as_deref())?;
    check_date(&document)?;
    let project = Project::open(global)?;
    check_tasks(&project, &document.plan)?;
    let state = project.open_state().await?;
    pass(
        &findings(&project, &state, &document.plan).await?,
        &args.overrides,
        &format!("syncplan apply {}", args.plan.display()),
    )?;
    let execution = Execution::new(&project, &state, global, &args.running)?;
    let report = if args.dry_run {
        execution.dry_run(&document).await?
    } else {
        let tasks: Vec<_> = document.plan.header().tasks.iter().map(|task| task.name.clone()).collect();
        execution.recover(&tasks, Some(&document)).await?;
        execution.renew_first_bases(&document.plan).await?;
        let overrides = args.reason.as_ref().map(|reason| format!("{}: {reason}", args.overrides.join(", ")));
        execution.run(&document, overrides.as_deref()).await?
    };
    render::outcome::print(&report, args.dry_run, args.json);
    Ok(exit(&report, &document.plan))
}

fn check_date(document: &document::Document) -> Result<(), Failure> {
    let Some(expires_at) = &document.meta.expires_at else { return Ok(()) };
    match expires_at.parse::<jiff::Timestamp>() {
        Ok(end) if jiff::Timestamp::now() <= end => Ok(()),
        Ok(end) => Err(Failure::new("syncplan::apply::expired", format!("the plan was good until {end}"))
            .help("plan again: syncplan plan -o plan.json")
            .exit(Exit::Stale)),
        Err(error) => {
            Err(Failure::new("syncplan::plan::damaged", "the date until which the plan is good is none")
                .because(error))
        }
    }
}

fn check_id(document: &document::Document, expected: Option<&str>) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected != document.id.to_string() => Err(Failure::new(
            "syncplan::apply::other-plan",
            format!("this is the plan {}, and {expected} was asked for", document.id),
        )
        .help("apply the plan that was approved, or have this one approved")),
        _ => Ok(()),
    }
}
