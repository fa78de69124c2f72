//! What nodes say about each other: each is right in itself, and together they are not.

mod capability;
mod order;
mod places;
mod unused;

use syncplan_model::SyncSpec;

use crate::decode::Context;
use crate::problem::Span;
use crate::tree::Node;

/// Checks the whole.
pub(crate) fn all(context: &mut Context, spec: &SyncSpec, nodes: &[Node]) {
    let manifest = Manifest { spec, nodes };
    order::check(context, &manifest);
    places::check(context, &manifest);
    capability::check(context, &manifest);
    unused::check(context, &manifest);
}

/// A spec, and the nodes it came from, for labels.
struct Manifest<'a> {
    spec: &'a SyncSpec,
    nodes: &'a [Node],
}

impl Manifest<'_> {
    fn node(&self, sort: &str, name: &str) -> Option<&Node> {
        let named =
            |node: &&Node| node.name.value == sort && node.text().is_some_and(|text| text.value == name);
        self.nodes.iter().find(named)
    }

    fn task_setting(&self, task: &str, setting: &str) -> Option<&Node> {
        self.node("task", task)?.children().iter().find(|child| child.name.value == setting)
    }

    /// Where a setting of a task stands, or the task if it has none.
    fn span(&self, task: &str, setting: &str) -> Option<Span> {
        self.task_setting(task, setting).or_else(|| self.node("task", task)).map(|node| node.head)
    }
}
