use syncplan_manifest::check_supported;

use crate::args::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

pub(crate) fn run(global: &Global) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let spec = &project.loaded.spec;
    let files = render::count(spec.files.len() as u64, "file", "files");
    let tasks = render::count(spec.tasks.len() as u64, "task", "tasks");
    let stores = render::count(spec.stores.len() as u64, "store", "stores");
    render::stdout(&format!("{} is valid: {tasks}, {stores}, in {files}", project.entry));
    if let (Err(later), false) = (check_supported(&project.loaded, None), global.quiet) {
        // Correct, and still worth knowing before the first plan.
        Failure::diagnostic(later).report();
    }
    let idle = spec.schedules.len() + spec.watches.len() + spec.notifies.len();
    if idle > 0 && !global.quiet {
        render::stderr("note: schedules, watches and notifications are not carried out by this version yet");
    }
    Ok(Exit::Done)
}
