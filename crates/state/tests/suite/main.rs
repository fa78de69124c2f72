//! The state as others see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod base;
mod damage;
mod journal;
mod leases;
mod log;
mod place;
mod server;
mod snapshots;
mod transfers;
mod trash;

use syncplan_model::plan::{ActionId, Op, PlanId, Side};
use syncplan_model::{Entry, Facts, RelPath, Snapshot, SnapshotBuilder, TaskName, Token};
use syncplan_state::NewRun;

use crate::place::{Home, Place, on_both_databases};

fn task() -> TaskName {
    task_named("photos")
}

fn task_named(name: &str) -> TaskName {
    TaskName::new(name).unwrap()
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
