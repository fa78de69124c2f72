use syncplan_model::snapshot::{Cursor, OrderError};
use syncplan_model::{Entry, Facts, RelPath, Snapshot, SnapshotBuilder};

/// A snapshot with what was learned since: both sorted by path bytes, joined in one pass.
pub(crate) struct Overlay<'a> {
    cursor: Cursor<'a>,
    builder: SnapshotBuilder,
}

impl<'a> Overlay<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let mut builder = SnapshotBuilder::new();
        snapshot.problems().iter().for_each(|problem| builder.report(problem.clone()));
        Self { cursor: snapshot.cursor(), builder }
    }

    /// What is known of the next path by now; nothing stands there without facts.
    pub(crate) fn put(&mut self, path: &RelPath, facts: Option<Facts>) -> Result<(), OrderError> {
        self.pass(|before| before < path)?;
        if self.cursor.current().is_some_and(|entry| entry.path == *path) {
            self.cursor.advance();
        }
        match facts {
            Some(facts) => self.builder.push(&Entry { path: path.clone(), facts }),
            None => Ok(()),
        }
    }

    pub(crate) fn finish(mut self) -> Result<Snapshot, OrderError> {
        self.pass(|_| true)?;
        Ok(self.builder.finish())
    }

    /// Takes entries of the snapshot as they are.
    fn pass(&mut self, takes: impl Fn(&RelPath) -> bool) -> Result<(), OrderError> {
        while let Some(entry) = self.cursor.current().filter(|entry| takes(&entry.path)) {
            self.builder.push(entry)?;
            self.cursor.advance();
        }
        Ok(())
    }
}
