use syncplan_model::plan::{BaseHeader, Enforce, ManifestInfo, Selection, Side, SideHeader};
use syncplan_model::spec::{FilesTask, Guard};
use syncplan_model::{ActionFilter, Capabilities, Mtime, RelPath, Snapshot, TaskName};

/// All that a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// What the tasks were read from.
    pub manifest: ManifestInfo,
    /// What was asked for.
    pub selection: Selection,
    /// The tasks to plan, in the order of the manifest.
    pub tasks: Vec<TaskInput<'a>>,
    /// Only actions that match at every place they touch are planned.
    pub only: Option<&'a ActionFilter>,
    /// Actions that match at any place they touch are not planned.
    pub exclude: Option<&'a ActionFilter>,
    /// What the ages in filters are measured against; nothing else depends on it.
    pub now: Mtime,
}

/// One task, and what was found on its sides.
#[derive(Debug, Clone)]
pub struct TaskInput<'a> {
    /// Its name.
    pub name: &'a TaskName,
    /// The tasks that have to be done before it; those that are not planned along are left out.
    pub after: &'a [TaskName],
    /// What it keeps in sync, in the direction that was asked for.
    pub spec: &'a FilesTask,
    /// The limits that the manifest sets for all tasks.
    pub guard: &'a Guard,
    /// The local side.
    pub local: SideInput<'a>,
    /// The remote side.
    pub remote: SideInput<'a>,
    /// What both sides agreed on before; nothing before the first sync.
    pub base: Option<BaseInput<'a>>,
    /// Of a two-way task, only this side is changed.
    pub only_side: Option<Side>,
    /// A decision on one conflict: nothing but that conflict is planned.
    pub resolution: Option<&'a Resolution>,
    /// What the last applied manifest protected and this one does not.
    pub protected_before: &'a [ActionFilter],
}

/// What both sides of a task agreed on after the last sync, as it stood on each of them.
///
/// Both snapshots have the same paths. Facts of one side are compared with what stands on that side
/// now: their tokens, times and permission bits mean something only there.
#[derive(Debug, Clone)]
pub struct BaseInput<'a> {
    /// How the plan names it. Serial 0 is a base that no run was based on yet: nothing is decided by it.
    pub header: BaseHeader,
    /// As it stood on the local side.
    pub local: &'a Snapshot,
    /// As it stood on the remote side.
    pub remote: &'a Snapshot,
}

/// What somebody decided about a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The path of the conflict; what is below it belongs to it.
    pub path: RelPath,
    /// What is taken.
    pub take: Take,
}

/// Which side of a conflict is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Take {
    /// The local one.
    Local,
    /// The remote one.
    Remote,
    /// Both: the older is kept beside the newer under another name.
    Both,
}

/// One side of a task.
#[derive(Debug, Clone)]
pub struct SideInput<'a> {
    /// How the plan names it.
    pub header: SideHeader,
    /// What its store can do.
    pub capabilities: &'a Capabilities,
    /// How firmly its store holds preconditions.
    pub enforcement: Enforcements,
    /// What was found there.
    pub snapshot: &'a Snapshot,
}

/// How firmly a store holds the precondition of each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforcements {
    /// Writing where nothing stands.
    pub create: Enforce,
    /// Writing over what stands there.
    pub replace: Enforce,
    /// Copying within the store.
    pub copy: Enforce,
    /// Moving within the store.
    pub rename: Enforce,
    /// Removing.
    pub delete: Enforce,
}

impl Enforcements {
    /// The same for every operation.
    pub fn all(enforce: Enforce) -> Self {
        Self { create: enforce, replace: enforce, copy: enforce, rename: enforce, delete: enforce }
    }
}
