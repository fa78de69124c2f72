use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use syncplan_failpoint::hit;
use syncplan_model::plan::Side;
use syncplan_model::snapshot::OrderError;
use syncplan_model::{Digest, RelPath, Snapshot, TaskName};

use crate::base::{Base, BaseHead, Marked};
use crate::cell::RowsStatement;
use crate::error::StateError;
use crate::index::{Index, count_pages, replace, unpack_facts};
use crate::outcome::Agreed;
use crate::overlay::Overlay;
use crate::rows::last_of;
use crate::state::State;
use crate::transaction::Tx;

pub(crate) const LOAD: &str = "load a base";
pub(crate) const SAVE: &str = "save a base";

impl State {
    /// Writes bases anew of which much was learned since they were written, so that reading one
    /// stays cheap; little of a large one stays beside it, so that a small run does.
    pub(crate) async fn fold_bases(&self, tasks: &[TaskName]) -> Result<(), StateError> {
        for task in tasks {
            let mut tx = self.write([task]).await.map_err(self.failed(SAVE))?;
            if !is_heavy(&mut tx, task).await.map_err(self.failed(SAVE))? {
                continue;
            }
            let Some((_, source)) = self.read_row(&mut tx, task).await? else { continue };
            let source = source.as_slice().try_into().map(Digest::from_bytes);
            let source = source.map_err(|_| self.damaged(LOAD, "the base's source is no digest"))?;
            let [local, remote] = self.read_snapshots(&mut tx, task, &source).await?;
            write_pages(&mut tx, task, &source, [&local, &remote]).await.map_err(self.failed(SAVE))?;
            hit("base/folding");
            tx.commit().await.map_err(self.failed(SAVE))?;
        }
        Ok(())
    }

    pub(crate) async fn read_base(
        &self,
        tx: &mut Tx,
        task: &TaskName,
        source: &Digest,
    ) -> Result<Option<Base>, StateError> {
        let Some(head) = self.read_head(tx, task, source).await? else { return Ok(None) };
        let [local, remote] = self.read_snapshots(tx, task, source).await?;
        let BaseHead { lineage, serial, protect, marked } = head;
        Ok(Some(Base { lineage, serial, protect, marked, local, remote }))
    }

    /// Nothing, if the base was made with other places than `source` says.
    pub(crate) async fn read_head(
        &self,
        tx: &mut Tx,
        task: &TaskName,
        source: &Digest,
    ) -> Result<Option<BaseHead>, StateError> {
        let row = self.read_row(tx, task).await?;
        Ok(row.filter(|(_, made_with)| made_with == source.as_bytes()).map(|(head, _)| head))
    }

    async fn read_row(
        &self,
        tx: &mut Tx,
        task: &TaskName,
    ) -> Result<Option<(BaseHead, Vec<u8>)>, StateError> {
        type Row = (String, i64, Vec<u8>, String, Option<i64>, Option<i64>);
        let row: Option<Row> = tx.query(
            "SELECT lineage, serial, source, protect, marked_local, marked_remote FROM base WHERE task = $1",
        )
        .bind(task.as_str())
        .fetch_optional()
        .await
        .map_err(self.failed(LOAD))?;
        let Some((lineage, serial, source, protect, local, remote)) = row else { return Ok(None) };
        let protect = serde_json::from_str(&protect).map_err(|e| self.damaged(LOAD, e))?;
        let marked = Marked { local: local.map(i64::unsigned_abs), remote: remote.map(i64::unsigned_abs) };
        Ok(Some((BaseHead { lineage, serial: serial.unsigned_abs(), protect, marked }, source)))
    }

    /// Both snapshots, with what was agreed on since. They are there, or the state is damaged: a base
    /// that were taken to be empty would make everything look new.
    async fn read_snapshots(
        &self,
        tx: &mut Tx,
        task: &TaskName,
        source: &Digest,
    ) -> Result<[Snapshot; 2], StateError> {
        let missing = || self.damaged(LOAD, "a snapshot of the base is missing");
        let local = self.load_index(tx, (task, Index::Agreed(Side::Local), source), LOAD).await?;
        let remote = self.load_index(tx, (task, Index::Agreed(Side::Remote), source), LOAD).await?;
        let pair = [local.ok_or_else(missing)?, remote.ok_or_else(missing)?];
        let pair = self.lay_over(tx, task, pair).await?;
        if !have_same_paths(&pair) {
            return Err(self.damaged(LOAD, "the two snapshots of the base have different paths"));
        }
        Ok(pair)
    }

    async fn lay_over(
        &self,
        tx: &mut Tx,
        task: &TaskName,
        pair: [Snapshot; 2],
    ) -> Result<[Snapshot; 2], StateError> {
        let mut overlays = [Overlay::of(&pair[0]), Overlay::of(&pair[1])];
        let mut any = false;
        let query = tx.query("SELECT path, local, remote FROM agreed WHERE task = $1 ORDER BY path");
        let mut rows = query.bind(task.as_str()).fetch();
        while let Some((path, local, remote)) = rows.try_next().await.map_err(self.failed(LOAD))? {
            let path: Vec<u8> = path;
            let path = RelPath::new(path).map_err(|e| self.damaged(LOAD, e))?;
            for (overlay, facts) in overlays.iter_mut().zip([local, remote]) {
                let facts = unpack_facts(facts).map_err(|e| self.damaged(LOAD, e))?;
                overlay.put(&path, facts).map_err(|e| self.damaged(LOAD, e))?;
            }
            any = true;
        }
        if !any {
            return Ok(pair);
        }
        let [local, remote] = overlays.map(Overlay::finish);
        let both = |local, remote| Ok::<_, OrderError>([local?, remote?]);
        both(local, remote).map_err(|e| self.damaged(LOAD, e))
    }
}

/// Adds what both sides agree on by now, and raises the serial of every base that is concerned.
/// Tasks without a base are left out.
pub(crate) async fn agree(tx: &mut Tx, agreed: &[&Agreed]) -> Result<(), sqlx::Error> {
    const AGREE: RowsStatement = RowsStatement {
        head: "INSERT INTO agreed (task, path, local, remote)",
        tail: " ON CONFLICT (task, path) DO UPDATE SET local = excluded.local, remote = excluded.remote",
    };
    let mut based = BTreeSet::new();
    for task in agreed.iter().map(|it| &it.task).collect::<BTreeSet<_>>() {
        let query = tx.query("UPDATE base SET serial = serial + 1 WHERE task = $1").bind(task.as_str());
        if query.execute().await? > 0 {
            based.insert(task);
        }
    }
    let agreed: Vec<_> = agreed.iter().filter(|it| based.contains(&it.task)).collect();
    let agreed = last_of(&agreed, |it| (&it.task, &it.path));
    tx.put(&AGREE, &agreed, |it| {
        // What stands on one side only is nothing that both agree on.
        let facts = it.local.as_ref().zip(it.remote.as_ref());
        let (local, remote) = facts.map(|(local, remote)| (local.to_packed(), remote.to_packed())).unzip();
        [it.task.as_str().into(), it.path.as_bytes().into(), local.into(), remote.into()]
    })
    .await
}

/// Writes both snapshots; nothing was learned since.
pub(crate) async fn write_pages(
    tx: &mut Tx,
    task: &TaskName,
    source: &Digest,
    snapshots: [&Snapshot; 2],
) -> Result<(), sqlx::Error> {
    for (side, snapshot) in [Side::Local, Side::Remote].into_iter().zip(snapshots) {
        replace(tx, (task, Index::Agreed(side), source), snapshot).await?;
    }
    let query = tx.query("DELETE FROM agreed WHERE task = $1").bind(task.as_str());
    query.execute().await.map(|_| ())
}

/// Whether more than some entries a page were learned since the pages were written.
async fn is_heavy(tx: &mut Tx, task: &TaskName) -> Result<bool, sqlx::Error> {
    /// An eighth of a full page: reading so many rows takes about as long as reading the page.
    const BESIDE_A_PAGE: i64 = 512;

    let pages = count_pages(tx, task, Index::Agreed(Side::Local)).await?;
    let query = tx.query("SELECT COUNT(*) FROM agreed WHERE task = $1").bind(task.as_str());
    let (beside,): (i64,) = query.fetch_one().await?;
    Ok(beside > BESIDE_A_PAGE * pages.max(1))
}

fn have_same_paths([local, remote]: &[Snapshot; 2]) -> bool {
    let (mut local, mut remote) = (local.cursor(), remote.cursor());
    while let (Some(here), Some(there)) = (local.current(), remote.current()) {
        if here.path != there.path {
            return false;
        }
        local.advance();
        remote.advance();
    }
    local.current().is_none() && remote.current().is_none()
}
