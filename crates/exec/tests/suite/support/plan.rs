use std::sync::Arc;

use serde_json::json;
use syncplan_model::plan::{Action, ActionId, Agreement, Expectation, Op, Reason, Side};
use syncplan_model::{Facts, Plan, TaskName};
use syncplan_store::Store;

use super::path;

pub(crate) fn task() -> TaskName {
    TaskName::new("files").unwrap()
}

pub(crate) async fn facts(store: &Arc<dyn Store>, at: &str) -> Facts {
    store.stat(&path(at)).await.unwrap().unwrap_or_else(|| panic!("nothing stands at {at}"))
}

/// The kind of a side's store, its server, and where it is there.
pub(crate) type At = (&'static str, Option<&'static str>, &'static str);

/// A plan in the making.
#[derive(Default)]
pub(crate) struct Draft {
    actions: Vec<Action>,
}

impl Draft {
    /// Adds an action and answers its id.
    pub(crate) fn add(
        &mut self,
        op: Op,
        side: Side,
        from: Option<(&str, &Facts)>,
        to: (&str, Option<&Facts>),
        result: Option<&Facts>,
        after: &[ActionId],
    ) -> ActionId {
        let moved = from.filter(|(name, _)| op.has_from() || *name != to.0).map(|(name, _)| path(name));
        let id = ActionId::of(&task(), op, side, moved.as_ref(), &path(to.0));
        let expectation =
            |facts: Option<&Facts>| facts.map_or(Expectation::ABSENT, |it| Expectation::present(it.clone()));
        let action = json!({
            "id": id, "task": "files", "op": op, "side": side, "path": to.0, "reason": "test",
            "from": moved,
            "bytes": from.map_or(0, |(_, facts)| facts.size).to_string(),
            "expect": {"from": from.map(|(_, facts)| expectation(Some(facts))), "path": expectation(to.1)},
            "result": result.map(|facts| Facts { token: None, ..facts.clone() }),
            "after": after,
        });
        self.actions.push(serde_json::from_value(action).unwrap());
        id
    }

    /// Brings a file to the remote side.
    pub(crate) fn upload(
        &mut self,
        at: &str,
        source: &Facts,
        target: Option<&Facts>,
        after: &[ActionId],
    ) -> ActionId {
        self.add(Op::Upload, Side::Remote, Some((at, source)), (at, target), Some(source), after)
    }

    /// Brings a file to the local side.
    pub(crate) fn download(
        &mut self,
        at: &str,
        source: &Facts,
        target: Option<&Facts>,
        after: &[ActionId],
    ) -> ActionId {
        self.add(Op::Download, Side::Local, Some((at, source)), (at, target), Some(source), after)
    }

    /// Merges a file of both sides, and brings what came of it to the remote side.
    pub(crate) fn merge(&mut self, at: &str, local: &Facts, remote: &Facts) -> [ActionId; 2] {
        let run = self.add(Op::Run, Side::Local, Some((at, remote)), (at, Some(local)), None, &[]);
        let keep = |name: String| move |action: &mut Action| action.trash = Some(path(&name));
        self.set(run, |action| action.reason = Reason::MERGED);
        self.set(run, keep(format!(".syncplan/trash/local/{at}")));
        let upload = self.upload(at, local, Some(remote), &[run]);
        self.set(upload, keep(format!(".syncplan/trash/remote/{at}")));
        self.set(upload, |action| action.result = Some(Box::new(Facts::file(0))));
        [run, upload]
    }

    /// Has the base learn that both sides have the same.
    pub(crate) fn record(&mut self, at: &str, local: Option<&Facts>, remote: Option<&Facts>) -> ActionId {
        let id = self.add(Op::Record, Side::Local, None, (at, local), None, &[]);
        self.set(id, |action| {
            action.result = local.cloned().map(Box::new);
            let there = remote.map_or(Expectation::ABSENT, |facts| Expectation::present(facts.clone()));
            action.base = Some(Agreement::at_path(there));
        });
        id
    }

    /// Changes an action.
    pub(crate) fn set(&mut self, id: ActionId, change: impl FnOnce(&mut Action)) {
        change(self.actions.iter_mut().find(|action| action.id == id).unwrap());
    }

    /// Has an action keep what it replaces or removes.
    pub(crate) fn keep(&mut self, id: ActionId, at: &str) {
        self.set(id, |action| action.trash = Some(path(&format!(".syncplan/trash/{at}"))));
    }

    /// Moves, copies, stages or installs on the remote side.
    pub(crate) fn relocate(
        &mut self,
        op: Op,
        from: &str,
        source: &Facts,
        to: &str,
        after: &[ActionId],
    ) -> ActionId {
        self.add(op, Side::Remote, Some((from, source)), (to, None), Some(source), after)
    }

    pub(crate) fn delete(&mut self, at: &str, target: &Facts, after: &[ActionId]) -> ActionId {
        self.add(Op::Delete, Side::Remote, None, (at, Some(target)), None, after)
    }

    pub(crate) fn mkdir(&mut self, at: &str, after: &[ActionId]) -> ActionId {
        self.add(Op::Mkdir, Side::Remote, None, (at, None), None, after)
    }

    pub(crate) fn edit(mut self, edit: impl FnMut(&mut Action)) -> Self {
        self.actions.iter_mut().for_each(edit);
        self
    }

    pub(crate) fn finish(self) -> Plan {
        self.finish_with(&[("files", &[])])
    }

    /// A plan of several tasks, each with those that it comes after. All have their files at one place.
    pub(crate) fn finish_with(self, tasks: &[(&str, &[&str])]) -> Plan {
        let remote = ("memory", None, "remote");
        let tasks: Vec<_> = tasks.iter().map(|&(name, after)| (name, after, remote)).collect();
        self.finish_at(&tasks)
    }

    /// A plan of several tasks, each with those that it comes after, and the kind, the server and the location
    /// of its remote side.
    pub(crate) fn finish_at(self, tasks: &[(&str, &[&str], At)]) -> Plan {
        let digest = "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        let side = |(kind, service, location): At| json!({"store": "s", "kind": kind, "service": service, "location": location, "capabilities": []});
        let seen = json!({"digest": digest, "entries": "9", "bytes": "9", "complete": true});
        let tasks: Vec<_> = tasks
            .iter()
            .map(|(name, after, remote)| {
                json!({
                    "name": name, "kind": "files", "mode": "mirror", "direction": "push", "after": after,
                    "local": side(("memory", None, "local")), "remote": side(*remote), "snapshots": {"local": seen, "remote": seen}, "limits": {},
                })
            })
            .collect();
        let header = json!({
            "manifest": {"digest": digest, "files": []},
            "selection": {"tasks": ["files"]},
            "tasks": tasks,
        });
        Plan::new(serde_json::from_value(header).unwrap(), vec![], vec![], self.actions).unwrap()
    }
}
