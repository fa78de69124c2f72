use syncplan_exec::{Collect, Fate, Found, Tended, collect};
use syncplan_manifest::check_supported;
use syncplan_model::plan::Side;
use syncplan_model::spec::{FilesTask, StoreAccess};
use syncplan_state::State;

use crate::args::{self, Global};
use crate::ask::confirmed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::looker::{place, side_header};
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
        let told = tell(&request, &state, args).await?;
        if args.dry_run {
            return Ok(told.exit());
        }
        if told.removed == 0 {
            return Ok(Exit::Done);
        }
        if !confirmed("remove these?", ", or only look with --dry-run")? {
            render::stderr("nothing was changed");
            return Ok(Exit::Error);
        }
    }
    request.dry_run = false;
    Ok(tell(&request, &state, args).await?.exit())
}

/// The sides that the tasks may write to.
fn sides(project: &Project, tasks: &[syncplan_model::TaskName]) -> Result<Vec<Tended>, Failure> {
    let mut sides = Vec::new();
    for task in project.loaded.spec.tasks.iter().filter(|task| tasks.contains(&task.name)) {
        let Some(files) = task.as_files() else { continue };
        for &side in Side::ALL.iter().filter(|&&side| may_write(project, files, side)) {
            let place = place(files, side);
            let store = stores::open(project, place, Purpose::Preview)?;
            let address = side_header(project, place, store.as_ref()).address();
            let keep = files.trash.map(|trash| trash.keep.as_duration());
            sides.push(Tended { task: task.name.clone(), side, address, store, keep });
        }
    }
    Ok(sides)
}

fn may_write(project: &Project, files: &FilesTask, side: Side) -> bool {
    let place = place(files, side);
    let access = project.loaded.spec.store(&place.store).map(|store| store.access);
    access == Some(StoreAccess::ReadWrite) && files.targets().contains(&place)
}

/// Says what is found as it is found, and then how much that was.
async fn tell(request: &Collect, state: &State, args: &args::Gc) -> Result<Told, Failure> {
    let mut told = Told::default();
    let line = |found: Found| {
        told.count(&found);
        render::stdout(&match args.json {
            true => render::gc::machine(&found, request.dry_run),
            false => render::gc::human(&found),
        });
    };
    collect(request, state, line).await?;
    if !args.json {
        render::stdout(&render::gc::sum(told.removed, told.bytes, request.dry_run));
    }
    Ok(told)
}

/// What was found, in numbers.
#[derive(Default)]
struct Told {
    removed: u64,
    bytes: u64,
    failed: bool,
}

impl Told {
    fn count(&mut self, found: &Found) {
        match found.fate {
            Fate::Removed => {
                self.removed += 1;
                self.bytes = self.bytes.saturating_add(found.bytes);
            }
            Fate::Failed(_) => self.failed = true,
            Fate::Kept(_) => {}
        }
    }

    fn exit(&self) -> Exit {
        if self.failed { Exit::Partial } else { Exit::Done }
    }
}
