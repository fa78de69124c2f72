use std::path::Path;

use crate::args::{self, Global};
use crate::command::offline::offline;
use crate::document::Document;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prepare::{Wanted, prepare};
use crate::project::Project;
use crate::render::{self, progress::Scanning};

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
