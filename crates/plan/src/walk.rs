use syncplan_model::snapshot::Cursor;
use syncplan_model::{Facts, RelPath, Snapshot};

use crate::ancestry::Ancestry;
use crate::base::Based;
use crate::blind::Blind;
use crate::input::{BaseInput, TaskInput};
use crate::way::Way;

/// Visits every path of either side, and of the base, once and in byte order, with what stands there.
pub(crate) fn walk(
    local: &Snapshot,
    remote: &Snapshot,
    base: Option<&BaseInput<'_>>,
    mut visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>, Option<Based<'_>>),
) {
    let mut ours = local.cursor();
    let mut theirs = remote.cursor();
    let mut based = base.map(|base| (base.local.cursor(), base.remote.cursor()));
    loop {
        let (base_local, base_remote) = match &based {
            Some((local, remote)) => (path_at(local), path_at(remote)),
            None => (None, None),
        };
        let next = [path_at(&ours), path_at(&theirs), base_local, base_remote];
        let Some(path) = next.into_iter().flatten().min() else { return };
        let here = next.map(|it| it == Some(path));
        // Both halves of a base have the same paths; one without the other says nothing.
        let both = based.as_ref().filter(|_| here[2] && here[3]);
        let both = both.and_then(|(local, remote)| {
            Some(Based { local: facts_at(local, true)?, remote: facts_at(remote, true)? })
        });
        visit(path, facts_at(&ours, here[0]), facts_at(&theirs, here[1]), both);
        advance(&mut ours, here[0]);
        advance(&mut theirs, here[1]);
        if let Some((local, remote)) = &mut based {
            advance(local, here[2]);
            advance(remote, here[3]);
        }
    }
}

fn path_at<'c>(cursor: &'c Cursor<'_>) -> Option<&'c RelPath> {
    cursor.current().map(|entry| &entry.path)
}

fn facts_at<'c>(cursor: &'c Cursor<'_>, is_here: bool) -> Option<&'c Facts> {
    cursor.current().filter(|_| is_here).map(|entry| &entry.facts)
}

fn advance(cursor: &mut Cursor<'_>, is_here: bool) {
    if is_here {
        cursor.advance();
    }
}

fn walk_uncovered(
    task: &TaskInput<'_>,
    base: Option<&BaseInput<'_>>,
    mut visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>, Option<Based<'_>>),
) {
    let mut opaque = Ancestry::default();
    let blind = Blind::of(task);
    walk(task.local.snapshot, task.remote.snapshot, base, |path, local, remote, base| {
        opaque.enter(path.as_bytes());
        if [local, remote].into_iter().flatten().any(|facts| facts.kind.is_opaque()) {
            opaque.push(());
        } else if opaque.above().next().is_none() && !blind.in_gap(path) {
            visit(path, local, remote, base);
        }
    });
}

impl TaskInput<'_> {
    /// Visits what neither is nor stands below anything opaque on either side, nor in a gap of either listing.
    pub(crate) fn walk_uncovered(&self, mut visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>)) {
        walk_uncovered(self, None, |path, local, remote, _| visit(path, local, remote));
    }

    /// The same, with what the base has there.
    pub(crate) fn walk_uncovered_with_base(
        &self,
        visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>, Option<Based<'_>>),
    ) {
        walk_uncovered(self, self.usable_base(), visit);
    }
}

impl Way<'_> {
    /// The same, as source and target.
    pub(crate) fn walk_uncovered(&self, mut visit: impl FnMut(&RelPath, Option<&Facts>, Option<&Facts>)) {
        self.task.walk_uncovered(|path, local, remote| match self.side {
            syncplan_model::plan::Side::Remote => visit(path, local, remote),
            syncplan_model::plan::Side::Local => visit(path, remote, local),
        });
    }
}
