use std::collections::HashMap;

use syncplan_model::plan::Side;
use syncplan_model::spec::{FilesTask, Place, Task};
use syncplan_model::{Digest, Plan, Snapshot, TaskName};
use syncplan_scan::IgnoreRules;

use crate::args;
use crate::base::TaskBase;
use crate::failure::Failure;
use crate::looker::{filter_digest, side_header};
use crate::prepare::{Wanted, compile_surveys};
use crate::project::Project;
use crate::snapshot_file;
use crate::stores::{self, Purpose};
use crate::survey::{Survey, Surveyed, files_task, only_side};

/// Plans from portable snapshots; no store is opened and no secret is needed.
pub(super) fn offline(project: &Project, mut wanted: Wanted, args: &args::Plan) -> Result<Plan, Failure> {
    let mut given = Given::read(args)?;
    if args.selection.tasks.is_empty() {
        wanted.tasks.retain(|task| given.sides.keys().any(|(given, _)| given == task));
    }
    let mut surveys = Vec::new();
    for task in project.loaded.spec.tasks.iter().filter(|task| wanted.tasks.contains(&task.name)) {
        surveys.push(given.survey(project, &wanted, task)?);
    }
    given.refuse_rest()?;
    compile_surveys(project, &wanted, &surveys)
}

/// What was read from files, until a task takes it.
struct Given {
    /// With the digest of the filters that each was made with.
    sides: HashMap<(TaskName, Side), (Digest, Snapshot)>,
    bases: HashMap<TaskName, TaskBase>,
}

impl Given {
    fn read(args: &args::Plan) -> Result<Self, Failure> {
        let mut sides = HashMap::new();
        for (paths, side) in [(&args.local_snapshot, Side::Local), (&args.remote_snapshot, Side::Remote)] {
            for path in paths {
                let (header, snapshot) = snapshot_file::read(path, side)?;
                sides.insert((header.task.clone(), side), (header.filter, snapshot));
            }
        }
        let mut bases = HashMap::new();
        for path in &args.base_snapshot {
            let portable = snapshot_file::read_base(path)?;
            bases.insert(portable.header.task.clone(), TaskBase::of_portable(portable));
        }
        Ok(Self { sides, bases })
    }

    fn survey(&mut self, project: &Project, wanted: &Wanted, task: &Task) -> Result<Survey, Failure> {
        let spec = files_task(task, wanted.direction)?;
        let mut take = |place, side| self.side(project, &task.name, &spec, place, side);
        let (local, remote) = (take(&spec.local, Side::Local)?, take(&spec.remote, Side::Remote)?);
        Ok(Survey {
            name: task.name.clone(),
            after: task.after.clone(),
            only_side: only_side(&spec, wanted.direction),
            resolution: None,
            base: self.bases.remove(&task.name),
            spec,
            local,
            remote,
        })
    }

    fn side(
        &mut self,
        project: &Project,
        task: &TaskName,
        spec: &FilesTask,
        place: &Place,
        side: Side,
    ) -> Result<Surveyed, Failure> {
        let given = self.sides.remove(&(task.clone(), side));
        let (filter, snapshot) = given.ok_or_else(|| missing(task, side))?;
        if filter != filter_digest(spec) {
            tracing::warn!(
                "the {side} snapshot of {task} was made with other filters than the manifest has now"
            );
        }
        let store = stores::open_side(project, spec, None, side, Purpose::Describe)?;
        let header = side_header(project, place, &*store);
        let capabilities = stores::capabilities(project, place, &*store);
        Ok(Surveyed { header, store, capabilities, snapshot, rules: IgnoreRules::default() })
    }

    /// What no task took was given by mistake.
    fn refuse_rest(&self) -> Result<(), Failure> {
        let base = self.bases.keys().min().map(|task| format!("the base of `{task}`"));
        let side = self.sides.keys().min().map(|(task, side)| format!("the {side} snapshot of `{task}`"));
        match base.or(side) {
            Some(what) => Err(Failure::usage(format!("{what} has no use: that task is not planned"))),
            None => Ok(()),
        }
    }
}

fn missing(task: &TaskName, side: Side) -> Failure {
    Failure::usage(format!("there is no snapshot of the {side} side of `{task}`"))
        .help(format!("make one: syncplan scan {task} --side {side} -o FILE"))
}
