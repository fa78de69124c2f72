use std::collections::BTreeMap;

use syncplan_model::RelPath;
use syncplan_model::plan::{Action, Op, Plan, STAGE_DIR};

use crate::{Node, Tree};

/// An action in short: `move a -> b`; a staged name is `*`.
pub fn line(action: &Action) -> String {
    let path = |path: &RelPath| match path.as_bytes().strip_prefix(STAGE_DIR.as_bytes()) {
        Some(_) => "*".to_owned(),
        None => path.to_string(),
    };
    let from = action.from.as_ref().map_or(String::new(), |from| format!("{} -> ", path(from)));
    format!("{} {}{}", action.op, from, path(&action.path))
}

/// All actions that change something in short, in the plan's order.
pub fn lines(plan: &Plan) -> Vec<String> {
    plan.actions().iter().filter(|action| action.op != Op::Record).map(line).collect()
}

/// How often each content is in a tree.
pub fn contents(tree: &Tree) -> BTreeMap<&[u8], usize> {
    let mut contents = BTreeMap::new();
    for node in tree.0.values() {
        if let Node::File { content, .. } = node {
            *contents.entry(content.as_slice()).or_default() += 1;
        }
    }
    contents
}
