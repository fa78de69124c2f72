use syncplan_exec::{Collect, Fate, Found, Tended, collect};
use syncplan_manifest::check_supported;
use syncplan_model::plan::Side;
use syncplan_model::spec::{FilesTask, StoreAccess};

use crate::args::{self, Global};
use crate::ask::confirmed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::looker::place;
use crate::project::Project;
use crate::render;
use crate::stores::{self, Purpose};

/// Lists what runs left behind, asks, and removes it.
pub(crate) async fn run(global: &Global, args: &args::Gc) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let tasks = project.tasks(&args.tasks)?;
    check_supported(&project.loaded, Some(&tasks)).map_err(Failure::diagnostic)?;
    let state = project.open_state().await?;
    state.refuse_while_locked(&tasks).await?;
    let older_than = args.older_than.as_duration();
    let mut request = Collect { sides: sides(&project, &tasks)?, older_than, dry_run: !args.yes };
    if !args.yes {
        let found = collect(&request, &state).await?;
        let exit = told(&found, args, true);
        if args.dry_run {
            return Ok(exit);
        }
        if !found.iter().any(|found| matches!(found.fate, Fate::Removed)) {
            return Ok(Exit::Done);
        }
        if !confirmed("remove these?", ", or only look with --dry-run")? {
            render::stderr("nothing was changed");
            return Ok(Exit::Error);
        }
    }
    request.dry_run = false;
    Ok(told(&collect(&request, &state).await?, args, false))
}

/// The sides that the tasks may write to.
fn sides(project: &Project, tasks: &[syncplan_model::TaskName]) -> Result<Vec<Tended>, Failure> {
    let mut sides = Vec::new();
    for task in project.loaded.spec.tasks.iter().filter(|task| tasks.contains(&task.name)) {
        let Some(files) = task.as_files() else { continue };
        for &side in Side::ALL.iter().filter(|&&side| may_write(project, files, side)) {
            let store = stores::open(project, place(files, side), Purpose::Preview)?;
            let keep = files.trash.map(|trash| trash.keep.as_duration());
            sides.push(Tended { task: task.name.clone(), side, store, keep });
        }
    }
    Ok(sides)
}

fn may_write(project: &Project, files: &FilesTask, side: Side) -> bool {
    let place = place(files, side);
    let access = project.loaded.spec.store(&place.store).map(|store| store.access);
    access == Some(StoreAccess::ReadWrite) && files.targets().contains(&place)
}

fn told(found: &[Found], args: &args::Gc, dry: bool) -> Exit {
    render::stdout(&match args.json {
        true => render::gc::machine(found, dry),
        false => render::gc::human(found, dry),
    });
    let failed = found.iter().any(|found| matches!(found.fate, Fate::Failed(_)));
    if failed { Exit::Partial } else { Exit::Done }
}
