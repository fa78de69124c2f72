use syncplan_model::plan::{DeleteLimit, Header, Limits, Side, SnapshotHeader, Snapshots, TaskHeader};
use syncplan_model::spec::{Direction, FilesTask, Guard, Mode};
use syncplan_model::{ActionFilter, Snapshot};

use crate::input::{PlanInput, TaskInput};

/// What the plan says about where it comes from.
pub(crate) fn header(input: &PlanInput<'_>) -> Header {
    Header {
        manifest: input.manifest.clone(),
        selection: input.selection.clone(),
        tasks: input.tasks.iter().map(|task| task_header(input, task)).collect(),
    }
}

fn task_header(input: &PlanInput<'_>, task: &TaskInput<'_>) -> TaskHeader {
    let is_planned = |name: &&_| input.tasks.iter().any(|other| other.name == *name);
    TaskHeader {
        name: task.name.clone(),
        kind: "files".to_owned(),
        mode: task.spec.mode,
        direction: direction(task),
        after: task.after.iter().filter(is_planned).cloned().collect(),
        local: task.local.header.clone(),
        remote: task.remote.header.clone(),
        base: task.base.as_ref().map(|base| base.header.clone()),
        snapshots: Snapshots { local: seen(task.local.snapshot), remote: seen(task.remote.snapshot) },
        limits: Limits { protected_before: texts(task.protected_before), ..limits(task.spec, task.guard) },
    }
}

/// Which side was the source; none where both sides are changed.
fn direction(task: &TaskInput<'_>) -> Option<Direction> {
    match (task.spec.mode, task.only_side) {
        (Mode::TwoWay, None) => None,
        (Mode::TwoWay, Some(Side::Remote)) => Some(Direction::Push),
        (Mode::TwoWay, Some(Side::Local)) => Some(Direction::Fetch),
        // Whoever decides a conflict may take what the target has.
        _ if task.resolution.is_some() => None,
        _ => Some(task.spec.direction),
    }
}

fn texts(filters: &[ActionFilter]) -> Vec<String> {
    filters.iter().map(ToString::to_string).collect()
}

fn seen(snapshot: &Snapshot) -> SnapshotHeader {
    SnapshotHeader {
        digest: snapshot.digest(),
        entries: snapshot.entries(),
        bytes: snapshot.bytes(),
        complete: snapshot.is_complete(),
    }
}

/// What the manifest says about the limits of a task. Whoever applies a plan judges it by these as
/// well as by those that it carries.
pub fn limits(spec: &FilesTask, guard: &Guard) -> Limits {
    let (own, general) = (&spec.delete, &guard.max_delete);
    let limit = |count, percent, bytes: Option<syncplan_model::ByteSize>| DeleteLimit {
        count,
        percent,
        bytes: bytes.map(syncplan_model::ByteSize::bytes),
    };
    Limits {
        empty_source: Some(guard.empty_source),
        delete: limit(own.max_count, own.max_percent, own.max_bytes),
        max_delete: limit(general.count, general.percent, general.bytes),
        max_change_percent: guard.max_change_percent,
        protect: texts(&spec.protect),
        protected_before: Vec::new(),
    }
}
