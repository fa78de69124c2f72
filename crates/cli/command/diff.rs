use syncplan_plan::{PathStatus, path_statuses};

use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prepare::{Wanted, survey_all};
use crate::project::Project;
use crate::render::{self, diff::Lines, progress::Scanning};
use crate::survey::Survey;

pub(crate) async fn run(global: &Global, args: &args::Diff) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let selection = args::Selection { tasks: args.tasks.clone(), only: None, exclude: None };
    let wanted = Wanted::new(&project, &selection, None)?.without_base();
    let state = project.open_state().await?;
    project.refuse_unresolved(&state, &wanted.tasks).await?;
    let surveys = survey_all(&project, &state, &wanted, &Scanning::new(global)).await?;

    let mut lines = Lines::new(surveys.len() > 1, args.json);
    let mut differs = false;
    for survey in &surveys {
        path_statuses(&survey.input(&project), &mut |path, status| {
            differs |= !matches!(status, PathStatus::Same | PathStatus::LeftOut);
            if !(args.changed && status == PathStatus::Same) {
                lines.print(&survey.name, path, status);
            }
        });
        render::problems(&survey.local.snapshot);
        render::problems(&survey.remote.snapshot);
    }
    lines.flush();
    let complete = surveys.iter().all(Survey::is_complete);
    Ok(match (complete, differs && args.detailed_exitcode) {
        (_, true) => Exit::Changes,
        // What could not be read was not compared.
        (false, _) => Exit::Partial,
        (true, false) => Exit::Done,
    })
}
