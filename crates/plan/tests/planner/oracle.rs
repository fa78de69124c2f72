//! What must come of a plan, said without any of the planner's means.

use syncplan_model::{EntryKind, RelPath};
use syncplan_testkit::{Known, Node, Tree, facts};

/// Where the target stays as it is because the sides disagree, and what it becomes.
pub(crate) fn update(source: &Tree, target: &Tree) -> (Tree, Vec<RelPath>) {
    let mut after = target.clone();
    let mut conflicts: Vec<RelPath> = Vec::new();
    let mut paths: Vec<&RelPath> = source.0.keys().collect();
    paths.sort_by(|a, b| a.components().cmp(b.components()));
    for path in paths {
        if conflicts.iter().any(|conflict| path.is_below(conflict)) {
            continue;
        }
        let ours = &source.0[path];
        match target.0.get(path).map(|theirs| outcome(ours, theirs)) {
            None | Some(Some(true)) => drop(after.0.insert(path.clone(), ours.clone())),
            Some(Some(false)) => {}
            Some(None) => conflicts.push(path.clone()),
        }
    }
    (after, conflicts)
}

/// Whether the source's is taken; `None` is a conflict.
fn outcome(ours: &Node, theirs: &Node) -> Option<bool> {
    match (ours, theirs) {
        (Node::File { content: ours, mtime }, Node::File { content: theirs, mtime: other }) => {
            if ours == theirs || mtime > other { Some(true) } else { None }
        }
        (ours, theirs) if ours == theirs => Some(false),
        _ => None,
    }
}

/// Whether a path is, or stands below, something opaque on one of the sides.
pub(crate) fn is_covered(path: &RelPath, trees: [&Tree; 2]) -> bool {
    let opaque = |at: &RelPath| trees.iter().any(|tree| tree.0.get(at).is_some_and(is_opaque));
    opaque(path) || path.ancestors().any(|above| opaque(&RelPath::new(above).unwrap()))
}

fn is_opaque(node: &Node) -> bool {
    matches!(
        facts(node, Known::Metadata).kind,
        EntryKind::Ignored | EntryKind::Unreadable | EntryKind::Special
    )
}
