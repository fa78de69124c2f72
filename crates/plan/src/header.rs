use syncplan_model::Snapshot;
use syncplan_model::plan::{DeleteLimit, Header, Limits, SnapshotHeader, Snapshots, TaskHeader};
use syncplan_model::spec::{FilesTask, Guard};

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
        direction: Some(task.spec.direction),
        after: task.after.iter().filter(is_planned).cloned().collect(),
        local: task.local.header.clone(),
        remote: task.remote.header.clone(),
        base: None,
        snapshots: Snapshots { local: seen(task.local.snapshot), remote: seen(task.remote.snapshot) },
        limits: limits(task.spec, task.guard),
    }
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
        protect: spec.protect.iter().map(ToString::to_string).collect(),
        protected_before: Vec::new(),
    }
}
