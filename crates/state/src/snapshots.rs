use futures::TryStreamExt as _;
use syncplan_model::plan::Side;
use syncplan_model::{Digest, Facts, RelPath, Snapshot, TaskName};

use crate::cell::RowsStatement;
use crate::error::StateError;
use crate::index::{Index, replace, unpack_facts};
use crate::outcome::Learned;
use crate::overlay::Overlay;
use crate::rows::last_of;
use crate::state::State;
use crate::transaction::Tx;

const LOAD: &str = "load a snapshot";
const SAVE: &str = "save a snapshot";

const LEARNED: &str = "SELECT path, facts FROM learned WHERE task = $1 AND side = $2 ORDER BY path";

type Row = (Vec<u8>, Option<Vec<u8>>);

impl State {
    /// What is known of one side of a task: its last snapshot, with what actions did since.
    ///
    /// Nothing, if the last snapshot was of another `source`.
    pub async fn load_snapshot(
        &self,
        task: &TaskName,
        side: Side,
        source: &Digest,
    ) -> Result<Option<Snapshot>, StateError> {
        // One transaction: pages and what was learned belong together.
        let mut tx = self.read().await.map_err(self.failed(LOAD))?;
        let index = (task, Index::Seen(side), source);
        let Some(snapshot) = self.load_index(&mut tx, index, LOAD).await? else { return Ok(None) };
        let mut overlay = Overlay::of(&snapshot);
        let mut learned = false;
        let mut rows = tx.query(LEARNED).bind(task.as_str()).bind(side.as_str()).fetch();
        while let Some(row) = rows.try_next().await.map_err(self.failed(LOAD))? {
            let (path, facts) = self.read_learned(row)?;
            overlay.put(&path, facts).map_err(|e| self.damaged(LOAD, e))?;
            learned = true;
        }
        if !learned {
            return Ok(Some(snapshot));
        }
        overlay.finish().map(Some).map_err(|e| self.damaged(LOAD, e))
    }

    /// Remembers what one side of a task looks like, in place of all that was known of it.
    ///
    /// `source` is a digest of where it is and of what was filtered out.
    pub async fn save_snapshot(
        &self,
        task: &TaskName,
        side: Side,
        source: &Digest,
        snapshot: &Snapshot,
    ) -> Result<(), StateError> {
        let mut tx = self.write([task]).await.map_err(self.failed(SAVE))?;
        replace(&mut tx, (task, Index::Seen(side), source), snapshot).await.map_err(self.failed(SAVE))?;
        tx.query("DELETE FROM learned WHERE task = $1 AND side = $2")
            .bind(task.as_str())
            .bind(side.as_str())
            .execute()
            .await
            .map_err(self.failed(SAVE))?;
        tx.commit().await.map_err(self.failed(SAVE))
    }

    /// What actions taught about one side since its last snapshot, by path.
    pub async fn learned(
        &self,
        task: &TaskName,
        side: Side,
    ) -> Result<Vec<(RelPath, Option<Facts>)>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(LOAD))?;
        let query = tx.query(LEARNED).bind(task.as_str()).bind(side.as_str());
        let rows: Vec<Row> = query.fetch_all().await.map_err(self.failed(LOAD))?;
        rows.into_iter().map(|row| self.read_learned(row)).collect()
    }

    fn read_learned(&self, (path, facts): Row) -> Result<(RelPath, Option<Facts>), StateError> {
        let path = RelPath::new(path).map_err(|e| self.damaged(LOAD, e))?;
        Ok((path, unpack_facts(facts).map_err(|e| self.damaged(LOAD, e))?))
    }
}

/// Adds what was learned; what comes later counts.
pub(crate) async fn learn(tx: &mut Tx, learned: &[&Learned]) -> Result<(), sqlx::Error> {
    const LEARN: RowsStatement = RowsStatement {
        head: "INSERT INTO learned (task, side, path, facts)",
        tail: " ON CONFLICT (task, side, path) DO UPDATE SET facts = excluded.facts",
    };
    let learned = last_of(learned, |it| (&it.task, it.side, &it.path));
    tx.put(&LEARN, &learned, |it| {
        let facts = it.facts.as_ref().map(Facts::to_packed);
        [it.task.as_str().into(), it.side.as_str().into(), it.path.as_bytes().into(), facts.into()]
    })
    .await
}
