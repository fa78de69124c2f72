//! What waits for a whole part of its task, without an edge to every action of it.

use syncplan_model::filter::EntryView;
use syncplan_model::plan::{Action, Op, Phase};
use syncplan_model::spec::FilesTask;
use syncplan_model::{EntryKind, Mtime};

use crate::graph::Graph;

/// E6: removals that nothing waits for come last. E9: what `publish-last` names comes behind all else
/// that is brought. Nothing is put before what it waits for.
pub(crate) fn assign(graph: &mut Graph, spec: &FilesTask, now: Mtime) {
    let early = needed_early(graph);
    for (at, action) in graph.actions.iter_mut().enumerate() {
        action.phase = match action.op {
            op if op.removes() && !early[at] => Phase::Cleanup,
            _ if is_published(action, spec, now) => Phase::Publish,
            _ => Phase::Main,
        };
    }
    if spec.publish_last.is_some() {
        raise(graph);
    }
}

/// Removals that something other than a late removal waits for.
fn needed_early(graph: &Graph) -> Vec<bool> {
    let removes = |at: usize| graph.actions[at].op.removes();
    let waits_for = Adjacent::of(graph.actions.len(), graph.edges.iter().map(|edge| (edge.then, edge.first)));
    let mut early = vec![false; graph.actions.len()];
    let mut open: Vec<usize> = (0..graph.actions.len()).filter(|&at| !removes(at)).collect();
    while let Some(at) = open.pop() {
        for &first in waits_for.of_node(at) {
            if removes(first) && !std::mem::replace(&mut early[first], true) {
                open.push(first);
            }
        }
    }
    early
}

fn is_published(action: &Action, spec: &FilesTask, now: Mtime) -> bool {
    let Some(filter) = &spec.publish_last else { return false };
    let brings = action.op.transfers() || matches!(action.op, Op::Copy | Op::Move | Op::Install);
    let view = EntryView {
        path: action.path.as_bytes(),
        kind: action.result.as_ref().map_or(EntryKind::File, |facts| facts.kind),
        size: action.result.as_ref().map_or(0, |facts| facts.size),
        mtime: action.result.as_ref().and_then(|facts| facts.mtime),
    };
    brings && filter.matches(&view, now)
}

/// Whatever waits for something published is published with it.
fn raise(graph: &mut Graph) {
    let dependents =
        Adjacent::of(graph.actions.len(), graph.edges.iter().map(|edge| (edge.first, edge.then)));
    let published = |action: &Action| action.phase == Phase::Publish;
    let mut open: Vec<usize> = (0..graph.actions.len()).filter(|&at| published(&graph.actions[at])).collect();
    while let Some(at) = open.pop() {
        for &then in dependents.of_node(at) {
            if graph.actions[then].phase < Phase::Publish {
                graph.actions[then].phase = Phase::Publish;
                open.push(then);
            }
        }
    }
}

/// Neighbours of nodes, packed.
pub(crate) struct Adjacent {
    starts: Vec<usize>,
    neighbours: Vec<usize>,
}

impl Adjacent {
    pub(crate) fn of(nodes: usize, edges: impl Iterator<Item = (usize, usize)> + Clone) -> Self {
        let mut starts = vec![0; nodes + 1];
        edges.clone().for_each(|(from, _)| starts[from + 1] += 1);
        for at in 0..nodes {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut neighbours = vec![0; starts[nodes]];
        for (from, to) in edges {
            neighbours[next[from]] = to;
            next[from] += 1;
        }
        Self { starts, neighbours }
    }

    pub(crate) fn of_node(&self, node: usize) -> &[usize] {
        &self.neighbours[self.starts[node]..self.starts[node + 1]]
    }
}
