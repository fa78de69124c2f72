use syncplan_model::plan::Side;
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::ancestry::Ancestry;
use crate::blind::Blind;
use crate::equality::Verdict;
use crate::input::TaskInput;
use crate::walk::walk;
use crate::way::Way;

/// How the sides stand to each other at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStatus {
    /// Both sides have the same.
    Same,
    /// Only the source has it.
    OnlySource,
    /// Only the target has it.
    OnlyTarget,
    /// Both have something there, and it differs.
    Different,
    /// It is left out, or could not be read, on one side or the other.
    LeftOut,
}

impl PathStatus {
    /// The status as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OnlySource => "only-source",
            Self::OnlyTarget => "only-target",
            Self::Different => "different",
            Self::LeftOut => "left-out",
        }
    }
}

/// Visits every path of both sides, in byte order; what stands below something that is left out is
/// covered by it. Directories count only where both stores have them.
pub fn path_statuses(task: &TaskInput<'_>, visit: &mut dyn FnMut(&RelPath, PathStatus)) {
    let way = Way::of(task);
    let directories = way.both_have(Capability::Directories);
    let mut ancestry = Ancestry::default();
    let blind = Blind::of(task);
    walk(task.local.snapshot, task.remote.snapshot, None, |path, local, remote, _| {
        let (source, target) = if way.side == Side::Remote { (local, remote) } else { (remote, local) };
        ancestry.enter(path.as_bytes());
        if ancestry.above().any(|(_, left_out)| *left_out) {
            return;
        }
        let kinds = || [source, target].into_iter().flatten().map(|facts| facts.kind);
        let opaque = kinds().any(EntryKind::is_opaque);
        ancestry.push(opaque);
        let left_out = opaque || blind.in_gap(path);
        if left_out {
            visit(path, PathStatus::LeftOut);
        } else if directories || kinds().any(|kind| kind != EntryKind::Dir) {
            visit(path, status(&way, source, target));
        }
    });
}

fn status(way: &Way<'_>, source: Option<&Facts>, target: Option<&Facts>) -> PathStatus {
    match (source, target) {
        (Some(source), Some(target)) => match way.compare(source, target) {
            Verdict::Same(_) => PathStatus::Same,
            Verdict::Different => PathStatus::Different,
        },
        (Some(_), None) => PathStatus::OnlySource,
        (None, _) => PathStatus::OnlyTarget,
    }
}
