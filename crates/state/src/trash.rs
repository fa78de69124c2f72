use syncplan_model::plan::{ActionId, Side};
use syncplan_model::{Facts, RelPath, TaskName};

use crate::cell::RowsStatement;
use crate::clock::now;
use crate::error::StateError;
use crate::rows::last_of;
use crate::run::RunId;
use crate::runs::action_id;
use crate::state::State;
use crate::transaction::Tx;

/// That something is in the trash of a side by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// The task it belongs to.
    pub task: TaskName,
    /// On which of its sides.
    pub side: Side,
    /// Where in the trash.
    pub path: RelPath,
    /// Where it was before.
    pub from: RelPath,
    /// What it is.
    pub facts: Facts,
}

/// What the trash holds at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrashEntry {
    /// The run that put it there.
    pub run: RunId,
    /// The action of that run.
    pub action: ActionId,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// What it is, and where.
    pub trashed: Trashed,
}

impl State {
    /// What the trash of a task holds, oldest first.
    pub async fn trash(&self, task: &TaskName) -> Result<Vec<TrashEntry>, StateError> {
        const READ: &str = "read what the trash holds";
        type Row = (i64, Vec<u8>, i64, String, Vec<u8>, Vec<u8>, Vec<u8>);
        let mut tx = self.read().await.map_err(self.failed(READ))?;
        let rows: Vec<Row> = tx
            .query(
                "SELECT run, action, since, side, path, origin, facts FROM trash WHERE task = $1 \
                 ORDER BY since, side, path",
            )
            .bind(task.as_str())
            .fetch_all()
            .await
            .map_err(self.failed(READ))?;
        let entry = |(run, action, since, side, path, from, facts): Row| {
            let side = *Side::ALL.iter().find(|it| it.as_str() == side)?;
            let (path, from) = (RelPath::new(path).ok()?, RelPath::new(from).ok()?);
            let trashed =
                Trashed { task: task.clone(), side, path, from, facts: Facts::from_packed(&facts)? };
            Some(TrashEntry { run: RunId(run), action: action_id(action)?, since, trashed })
        };
        let damaged = || self.damaged(READ, "an entry of the trash is damaged");
        rows.into_iter().map(|row| entry(row).ok_or_else(damaged)).collect()
    }

    /// These places of the trash hold nothing any more.
    pub async fn forget_trash(
        &self,
        task: &TaskName,
        side: Side,
        paths: &[RelPath],
    ) -> Result<(), StateError> {
        const FORGET: RowsStatement =
            RowsStatement { head: "DELETE FROM trash WHERE (task, side, path) IN (", tail: ")" };
        let failed = self.failed("forget what the trash held");
        let mut tx = self.write([task]).await.map_err(&failed)?;
        tx.put(&FORGET, paths, |path| [task.as_str().into(), side.as_str().into(), path.as_bytes().into()])
            .await
            .map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }
}

/// Records what went to the trash. The same may come to one place again, and stays from then on.
pub(crate) async fn fill(
    tx: &mut Tx,
    run: RunId,
    trashed: &[(ActionId, &Trashed)],
) -> Result<(), sqlx::Error> {
    const FILL: RowsStatement = RowsStatement {
        head: "INSERT INTO trash (task, side, path, origin, facts, run, action, since)",
        tail: " ON CONFLICT (task, side, path) DO UPDATE SET origin = excluded.origin, \
               facts = excluded.facts, run = excluded.run, action = excluded.action, since = excluded.since",
    };
    let trashed = last_of(trashed, |(_, it)| (&it.task, it.side, &it.path));
    let now = now();
    tx.put(&FILL, &trashed, |(action, it)| {
        [
            it.task.as_str().into(),
            it.side.as_str().into(),
            it.path.as_bytes().into(),
            it.from.as_bytes().into(),
            it.facts.to_packed().into(),
            run.0.into(),
            action.as_bytes().as_slice().into(),
            now.into(),
        ]
    })
    .await
}
