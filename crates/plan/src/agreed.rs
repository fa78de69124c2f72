use syncplan_model::{Capability, Entry, EntryKind, Snapshot, SnapshotBuilder};

use crate::equality::Verdict;
use crate::input::TaskInput;
use crate::sides::Sides;
use crate::way::Way;

/// What both sides have in common, as it stands on each: the first base.
///
/// What differs in times or permission bits that could be set is left for the first run to settle.
pub fn agreed(task: &TaskInput<'_>) -> (Snapshot, Snapshot) {
    let ways = Way::both(task);
    let directories = ways.local.both_have(Capability::Directories);
    let mut found = Sides { local: SnapshotBuilder::new(), remote: SnapshotBuilder::new() };
    task.walk_uncovered(|path, local, remote| {
        let (Some(local), Some(remote)) = (local, remote) else { return };
        let is_settled = matches!(ways.remote.compare(local, remote), Verdict::Same(_))
            && !ways.remote.metadata_differs(local, remote)
            && !ways.local.metadata_differs(remote, local);
        if is_settled && (directories || local.kind != EntryKind::Dir) && !path.is_reserved() {
            let entry = |facts: &syncplan_model::Facts| Entry { path: path.clone(), facts: facts.clone() };
            // Walked in order, so that neither can refuse it.
            let _ = found.local.push(&entry(local));
            let _ = found.remote.push(&entry(remote));
        }
    });
    (found.local.finish(), found.remote.finish())
}
