use syncplan_model::snapshot::OrderError;
use syncplan_model::{Entry, Facts, RelPath, Snapshot, SnapshotBuilder};

/// The snapshot with what was learned since: both sorted by path bytes, joined in one pass.
pub(crate) fn overlay(
    snapshot: &Snapshot,
    learned: Vec<(RelPath, Option<Facts>)>,
) -> Result<Snapshot, OrderError> {
    let mut builder = SnapshotBuilder::new();
    let mut cursor = snapshot.cursor();
    for (path, facts) in learned {
        while let Some(entry) = cursor.current().filter(|entry| entry.path < path) {
            builder.push(entry)?;
            cursor.advance();
        }
        if cursor.current().is_some_and(|entry| entry.path == path) {
            cursor.advance();
        }
        if let Some(facts) = facts {
            builder.push(&Entry { path, facts })?;
        }
    }
    while let Some(entry) = cursor.current() {
        builder.push(entry)?;
        cursor.advance();
    }
    snapshot.problems().iter().for_each(|problem| builder.report(problem.clone()));
    Ok(builder.finish())
}
