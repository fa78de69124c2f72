use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_exec::{Document, ExecError, Job, Report, Retry, Sides, apply};
use syncplan_model::{EntryKind, Facts, Mtime, Plan, RelPath};
use syncplan_state::State;
use syncplan_store::{Listing, LocalStore, MemoryStore, Metadata, Precondition, Store, WriteOptions};

use super::task;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) local: Arc<dyn Store>,
    pub(crate) remote: Arc<dyn Store>,
    pub(crate) state: State,
}

impl World {
    /// Both sides are folders of this machine.
    pub(crate) async fn of_folders() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let side = |name: &str| -> Arc<dyn Store> {
            Arc::new(LocalStore::open_or_create(&folder.path().join(name), name.to_owned()).unwrap())
        };
        let (local, remote) = (side("local"), side("remote"));
        let state = State::open(&folder.path().join("state/state.db")).await.unwrap();
        Self { folder, local, remote, state }
    }

    /// Both sides are in memory.
    pub(crate) async fn of_buckets() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state/state.db")).await.unwrap();
        let side = |name: &str| -> Arc<dyn Store> { Arc::new(MemoryStore::new(name)) };
        Self { local: side("local"), remote: side("remote"), folder, state }
    }

    pub(crate) fn root(&self, side: &str) -> PathBuf {
        self.folder.path().join(side)
    }

    pub(crate) fn job(&self, plan: &Plan) -> Job {
        self.job_with(plan, Arc::clone(&self.remote))
    }

    /// A job whose remote side is wrapped.
    pub(crate) fn job_with(&self, plan: &Plan, remote: Arc<dyn Store>) -> Job {
        self.job_between(plan, Arc::clone(&self.local), remote)
    }

    /// A job both sides of which are wrapped. Conflicts are merged by putting one behind the other.
    pub(crate) fn job_between(&self, plan: &Plan, local: Arc<dyn Store>, remote: Arc<dyn Store>) -> Job {
        let merge = ["cat", "{local}", "{remote}"].map(str::to_owned).to_vec();
        let sides = Sides { merge, ..Sides::new(local, remote) };
        let mut job = Job::new(Arc::new(plan.clone()), [(task(), sides)].into());
        job.options.retry = Retry { times: 3, base: Duration::from_millis(1), cap: Duration::from_millis(2) };
        job
    }

    pub(crate) async fn apply(&self, plan: &Plan) -> Report {
        self.run(self.job(plan)).await.unwrap()
    }

    pub(crate) async fn run(&self, job: Job) -> Result<Report, ExecError> {
        let document =
            Document { plan_id: job.plan.id(), instance: "once", bytes: b"", tool: "test", overrides: None };
        apply(job, &self.state, &document).await
    }
}

pub(crate) fn path(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

/// Writes a file, in place of whatever stands there, with a time that follows from its content.
pub(crate) async fn put(store: &Arc<dyn Store>, at: &str, content: &str) -> Facts {
    let mtime = Mtime { seconds: 1_000_000_000 + content.bytes().map(i64::from).sum::<i64>(), nanos: 0 };
    let options = WriteOptions {
        size: content.len() as u64,
        precondition: Precondition::Any,
        metadata: Metadata { mtime: Some(mtime), ..Metadata::default() },
        temporary: None,
    };
    let chunk = futures::stream::iter([Ok(content.to_owned().into())]).boxed();
    store.write(&path(at), chunk, options).await.unwrap()
}

/// Everything that a store lists: files with their content, links with their text.
pub(crate) async fn contents(store: &Arc<dyn Store>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![None];
    while let Some(folder) = folders.pop() {
        let entries = match store.listing() {
            Listing::Tree(tree) => tree.read_dir(folder.as_ref()).await.unwrap().entries,
            Listing::Flat(flat) => flat.list(None).map_ok(|batch| batch.entries).try_concat().await.unwrap(),
        };
        for entry in entries {
            let name = entry.path.to_string();
            match entry.facts.kind {
                EntryKind::Dir => {
                    all.insert(format!("{name}/"), String::new());
                    folders.push(Some(entry.path));
                }
                EntryKind::Symlink => {
                    let text = entry.facts.target.unwrap();
                    all.insert(name, format!("-> {}", String::from_utf8_lossy(text.as_bytes())));
                }
                _ => {
                    let chunks: Vec<_> =
                        store.read(&entry.path, None, None).await.unwrap().try_collect().await.unwrap();
                    all.insert(name, String::from_utf8(chunks.concat()).unwrap());
                }
            }
        }
    }
    all
}

/// Every name below a folder, reserved ones too.
pub(crate) fn everything(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            names.extend(everything(&entry.path()));
        }
    }
    names
}

/// The content of a file, reserved ones too; nothing if it is not there.
pub(crate) async fn read(store: &Arc<dyn Store>, at: &str) -> Option<String> {
    store.stat(&path(at)).await.unwrap()?;
    let chunks: Vec<_> = store.read(&path(at), None, None).await.unwrap().try_collect().await.unwrap();
    Some(String::from_utf8(chunks.concat()).unwrap())
}
