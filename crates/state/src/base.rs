use syncplan_model::plan::{BaseHeader, Side};
use syncplan_model::{Digest, Snapshot, TaskName};

use crate::archive::{LOAD, SAVE, write_pages};
use crate::error::StateError;
use crate::index::{Index, remove};
use crate::state::State;
use crate::transaction::Tx;
use crate::transfer::stored;

/// What both sides of a task agreed on when they last did: the base that changes are told by.
///
/// Both snapshots have the same paths. What stands there is not the same on both, since tokens and
/// times mean something on their own side only.
#[derive(Debug, Clone)]
pub struct Base {
    /// Which line of bases it belongs to: 32 hexadecimal digits, drawn when the first was made.
    pub lineage: String,
    /// Rises with every change; 0 until a run was based on it.
    pub serial: u64,
    /// What the last applied manifest protected, as filter expressions.
    pub protect: Vec<String>,
    /// The serials that the sides know by now.
    pub marked: Marked,
    /// What stood on the local side.
    pub local: Snapshot,
    /// What stood on the remote side.
    pub remote: Snapshot,
}

/// A base without what it holds: cheap to ask for, however large the base is.
#[derive(Debug, Clone)]
pub struct BaseHead {
    /// As in [`Base`].
    pub lineage: String,
    /// As in [`Base`].
    pub serial: u64,
    /// As in [`Base`].
    pub protect: Vec<String>,
    /// As in [`Base`].
    pub marked: Marked,
}

/// The serial that each side knows by now, if it was ever told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marked {
    /// The local one.
    pub local: Option<u64>,
    /// The remote one.
    pub remote: Option<u64>,
}

impl Marked {
    /// What one side knows.
    pub fn on(&self, side: Side) -> Option<u64> {
        match side {
            Side::Local => self.local,
            Side::Remote => self.remote,
        }
    }
}

impl Base {
    /// The base without what it holds.
    pub fn head(&self) -> BaseHead {
        let Self { lineage, serial, protect, marked, .. } = self;
        BaseHead { lineage: lineage.clone(), serial: *serial, protect: protect.clone(), marked: *marked }
    }

    /// The base as a plan names it; what the remote side says of it is for others to find out.
    pub fn header(&self) -> BaseHeader {
        let digests = [self.local.digest(), self.remote.digest()].map(|digest| *digest.as_bytes());
        BaseHeader {
            lineage: self.lineage.clone(),
            serial: self.serial,
            digest: Digest::of(digests.as_flattened()),
            entries: self.local.entries(),
            left: None,
            local: None,
            remote: None,
        }
    }
}

impl State {
    /// The base of a task: as it was written last, with what both sides agreed on since.
    ///
    /// Nothing, if there is none, or if it was made with other places than `source` says.
    pub async fn load_base(&self, task: &TaskName, source: &Digest) -> Result<Option<Base>, StateError> {
        // One transaction: pages and what was agreed on since belong together.
        let mut tx = self.read().await.map_err(self.failed(LOAD))?;
        self.read_base(&mut tx, task, source).await
    }

    /// The same without its snapshots.
    pub async fn base_head(&self, task: &TaskName, source: &Digest) -> Result<Option<BaseHead>, StateError> {
        let mut tx = self.read().await.map_err(self.failed(LOAD))?;
        self.read_head(&mut tx, task, source).await
    }

    /// Begins a new line of bases with what is equal on both sides: two snapshots of the same paths.
    ///
    /// A base of other places gives way to it. One of these places stays and is answered: somebody
    /// else was first.
    pub async fn mint_base(
        &self,
        task: &TaskName,
        source: &Digest,
        local: &Snapshot,
        remote: &Snapshot,
    ) -> Result<Base, StateError> {
        let mut tx = self.write([task]).await.map_err(self.failed(SAVE))?;
        if let Some(base) = self.read_base(&mut tx, task, source).await? {
            return Ok(base);
        }
        let lineage = self.draw_lineage()?;
        insert(&mut tx, task, source, &lineage).await.map_err(self.failed(SAVE))?;
        write_pages(&mut tx, task, source, [local, remote]).await.map_err(self.failed(SAVE))?;
        tx.commit().await.map_err(self.failed(SAVE))?;
        let (local, remote) = (local.clone(), remote.clone());
        Ok(Base { lineage, serial: 0, protect: Vec::new(), marked: Marked::default(), local, remote })
    }

    /// A run was based on it: its serial is at least 1 from now on.
    pub async fn settle_base(&self, task: &TaskName) -> Result<(), StateError> {
        let failed = self.failed(SAVE);
        let mut tx = self.write([task]).await.map_err(&failed)?;
        let query = tx.query("UPDATE base SET serial = 1 WHERE task = $1 AND serial < 1");
        query.bind(task.as_str()).execute().await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Removes the base of a task, whatever places it was made with; answers whether there was one.
    pub async fn forget_base(&self, task: &TaskName) -> Result<bool, StateError> {
        let failed = self.failed("forget a base");
        let mut tx = self.write([task]).await.map_err(&failed)?;
        let existed = delete(&mut tx, task).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(existed)
    }

    /// Remembers what the manifest that is applied protects, as filter expressions.
    pub async fn protect(&self, task: &TaskName, filters: &[String]) -> Result<(), StateError> {
        let failed = self.failed("remember what is protected");
        let filters = serde_json::to_string(filters).map_err(|e| failed(sqlx::Error::Encode(e.into())))?;
        let mut tx = self.write([task]).await.map_err(&failed)?;
        let query = tx.query("UPDATE base SET protect = $1 WHERE task = $2").bind(filters);
        query.bind(task.as_str()).execute().await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Remembers that a side knows this serial by now.
    pub async fn mark_base(&self, task: &TaskName, side: Side, serial: u64) -> Result<(), StateError> {
        let failed = self.failed(SAVE);
        let mut tx = self.write([task]).await.map_err(&failed)?;
        let query = match side {
            Side::Local => tx.query("UPDATE base SET marked_local = $1 WHERE task = $2"),
            Side::Remote => tx.query("UPDATE base SET marked_remote = $1 WHERE task = $2"),
        };
        query.bind(stored(serial)).bind(task.as_str()).execute().await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)
    }

    /// Whether a task has a base, whatever places it was made with.
    pub async fn base_exists(&self, task: &TaskName) -> Result<bool, StateError> {
        let mut tx = self.read().await.map_err(self.failed(LOAD))?;
        let query = tx.query("SELECT COUNT(*) FROM base WHERE task = $1").bind(task.as_str());
        let (count,): (i64,) = query.fetch_one().await.map_err(self.failed(LOAD))?;
        Ok(count > 0)
    }

    fn draw_lineage(&self) -> Result<String, StateError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            self.failed("draw a random number for a base")(sqlx::Error::Encode(error.into()))
        })?;
        Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
    }
}

async fn insert(tx: &mut Tx, task: &TaskName, source: &Digest, lineage: &str) -> Result<(), sqlx::Error> {
    delete(tx, task).await?;
    tx.query("INSERT INTO base (task, lineage, serial, source, protect) VALUES ($1, $2, 0, $3, '[]')")
        .bind(task.as_str())
        .bind(lineage)
        .bind(source.as_bytes().as_slice())
        .execute()
        .await
        .map(|_| ())
}

async fn delete(tx: &mut Tx, task: &TaskName) -> Result<bool, sqlx::Error> {
    for &side in Side::ALL {
        remove(tx, task, Index::Agreed(side)).await?;
    }
    let query = tx.query("DELETE FROM base WHERE task = $1").bind(task.as_str());
    Ok(query.execute().await? > 0)
}
