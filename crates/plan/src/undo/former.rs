use rustc_hash::FxHashSet;
use syncplan_model::plan::{Plan, TaskHeader};
use syncplan_model::spec::{DeletePolicy, FilesTask, Mode};
use syncplan_model::{RelPath, TaskName};

use crate::undo::trace::{Place, Trace};

/// What can be said of the base that a run began with.
///
/// No plan says outright what the base had; but why something was replaced or removed without asking
/// does. In doubt the base is to know nothing: what it does not know is kept, and never taken for
/// deleted.
pub(crate) struct Former<'a> {
    task: Option<&'a TaskHeader>,
    conflicts: FxHashSet<&'a [u8]>,
    deletes_all: bool,
}

impl<'a> Former<'a> {
    pub(crate) fn of(plan: &'a Plan, task: &TaskName, spec: &FilesTask) -> Self {
        let conflicts = plan.conflicts().iter().filter(|it| it.task == *task && !it.is_held());
        Self {
            task: plan.header().task(task),
            conflicts: conflicts.map(|conflict| conflict.path.as_bytes()).collect(),
            deletes_all: spec.delete.policy == DeletePolicy::Extra,
        }
    }

    /// Whether the base had what stood at a place before the run.
    pub(crate) fn knew(&self, path: &RelPath, place: &Place, trace: &Trace) -> bool {
        let Some(task) = self.task else { return false };
        let had_base = task.base.as_ref().is_some_and(|base| base.serial > 0 && !base.is_foreign());
        // What both sides have changed, the base did not know on either.
        let mut names = path.ancestors().chain([path.as_bytes()]);
        let decided = names.any(|name| self.conflicts.contains(name));
        had_base
            && !decided
            && match task.mode {
                // One side is changed without asking only where it is as the base has it.
                Mode::TwoWay => true,
                // What is extra may never have been synced; what is replaced is as the base has it, with all
                // that is in it.
                Mode::Update => !self.deletes_all || place.left.is_some() || goes_with_folder(path, trace),
                // A mirror does not ask what the target has.
                Mode::Mirror => false,
            }
    }
}

/// Whether a folder above a path made room for something else.
fn goes_with_folder(path: &RelPath, trace: &Trace) -> bool {
    let makes_room = |above: &[u8]| {
        let place = RelPath::new(above).ok().and_then(|above| trace.places.get(&above));
        place.is_some_and(|place| place.before.is_some() && place.left.is_some())
    };
    path.ancestors().any(makes_room)
}
