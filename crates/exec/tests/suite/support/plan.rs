use std::sync::Arc;

use serde_json::json;
use syncplan_model::plan::{Action, ActionId, Expectation, Op, Side};
use syncplan_model::{Facts, Plan, TaskName};
use syncplan_store::Store;

use super::path;

pub(crate) fn task() -> TaskName {
    TaskName::new("files").unwrap()
}

pub(crate) async fn facts(store: &Arc<dyn Store>, at: &str) -> Facts {
    store.stat(&path(at)).await.unwrap().unwrap_or_else(|| panic!("nothing stands at {at}"))
}

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

    /// A plan of several tasks, each with those that it comes after.
    pub(crate) fn finish_with(self, tasks: &[(&str, &[&str])]) -> Plan {
        let digest = "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        let side = json!({"store": "s", "kind": "local", "location": "l", "capabilities": []});
        let seen = json!({"digest": digest, "entries": "9", "bytes": "9", "complete": true});
        let tasks: Vec<_> = tasks
            .iter()
            .map(|(name, after)| {
                json!({
                    "name": name, "kind": "files", "mode": "mirror", "direction": "push", "after": after,
                    "local": side, "remote": side, "snapshots": {"local": seen, "remote": seen}, "limits": {},
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
