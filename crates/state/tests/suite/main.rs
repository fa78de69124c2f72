//! The state as others see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod base;
mod damage;
mod journal;
mod snapshots;

use std::path::PathBuf;

use syncplan_model::plan::{ActionId, Op, PlanId, Side};
use syncplan_model::{Entry, Facts, RelPath, Snapshot, SnapshotBuilder, TaskName, Token};
use syncplan_state::{NewRun, State};

struct Home {
    folder: tempfile::TempDir,
    state: State,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).await.unwrap();
        Self { folder, state }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }
}

fn task() -> TaskName {
    TaskName::new("photos").unwrap()
}

fn path(path: impl AsRef<[u8]>) -> RelPath {
    RelPath::new(path).unwrap()
}

fn file(token: &str) -> Facts {
    Facts { token: Some(Token::new(token)), ..Facts::file(1) }
}

/// Files named and tokened by letters: `a1 b2`.
fn snapshot(files: &str) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for entry in files.split_whitespace() {
        let (name, token) = entry.split_at(1);
        builder.push(&Entry { path: path(name), facts: file(token) }).unwrap();
    }
    builder.finish()
}

fn show(snapshot: &Snapshot) -> String {
    let mut shown = Vec::new();
    let mut cursor = snapshot.cursor();
    while let Some(entry) = cursor.current() {
        shown.push(format!("{}{}", entry.path, entry.facts.token.as_ref().unwrap().as_str()));
        cursor.advance();
    }
    shown.join(" ")
}

fn action(name: &str) -> ActionId {
    ActionId::of(&task(), Op::Upload, Side::Remote, None, &path(name))
}

fn plan_id(of: &str) -> PlanId {
    syncplan_model::Digest::of(of.as_bytes()).to_string().parse().unwrap()
}

fn run_of(plan: &str) -> NewRun<'static> {
    NewRun {
        plan_id: plan_id(plan),
        instance: "first",
        plan: b"the plan",
        tasks: vec![task()],
        actions: 3,
        tool: "test",
        overrides: None,
    }
}
