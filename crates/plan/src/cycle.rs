//! Circles of actions that wait for each other: swaps, rotations, folders that change places.
//!
//! Every circle goes through a move, since directories alone only ever wait upwards or downwards.
//! A move that is split takes its file out of the way first and puts it where it belongs last; once
//! all are split, nothing waits for an install, and a stage waits for nothing.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use syncplan_model::RelPath;
use syncplan_model::plan::{
    Action, ActionId, Agreement, Expect, Expectation, InvalidPlan, Op, Reason, STAGE_DIR,
};

use crate::graph::{Edge, Graph, Need};

/// After so many rounds of splitting one move of each circle, all that are left are split.
const ROUNDS: usize = 16;

/// Splits moves until nothing waits for itself.
pub(crate) fn split_cycles(graph: &mut Graph) -> Result<(), InvalidPlan> {
    if !graph.actions.iter().any(|action| action.op == Op::Move) {
        return Ok(());
    }
    for at in 0..graph.actions.len() {
        if graph.is_in_its_own_way(at) {
            graph.split(at);
        }
    }
    for round in 0.. {
        let circles = circles(graph);
        if circles.is_empty() {
            break;
        }
        for circle in &circles {
            let moves: Vec<usize> =
                circle.iter().copied().filter(|&at| graph.actions[at].op == Op::Move).collect();
            let Some(knot) = knot(graph, &moves, circle) else {
                return Err(InvalidPlan::Cycle(graph.actions[circle[0]].id));
            };
            let split = if round < ROUNDS { vec![knot] } else { moves };
            for at in split {
                graph.split(at);
            }
        }
    }
    Ok(())
}

/// The strongly connected components of more than one action, each in the order of positions.
fn circles(graph: &Graph) -> Vec<Vec<usize>> {
    let edges = graph.edges.iter().map(|edge| (edge.first as u32, edge.then as u32));
    let mut shape: DiGraph<(), ()> = DiGraph::from_edges(edges);
    while shape.node_count() < graph.actions.len() {
        shape.add_node(());
    }
    // Tarjan's algorithm would recurse as deep as the longest chain.
    let components = kosaraju_scc(&shape).into_iter().filter(|component| component.len() > 1);
    let positions = |component: Vec<NodeIndex>| {
        let mut positions: Vec<_> = component.into_iter().map(NodeIndex::index).collect();
        positions.sort_unstable();
        positions
    };
    let mut circles: Vec<_> = components.map(positions).collect();
    circles.sort_unstable();
    circles
}

/// The move that most ways lead through, seen from both ends; the first of several.
///
/// A directory in between counts with all its ways: one file that has to make room for a folder of a
/// thousand is the one to split, not each of the thousand.
fn knot(graph: &Graph, moves: &[usize], circle: &[usize]) -> Option<usize> {
    let inside = |at: usize| circle.binary_search(&at).ok();
    let mut ways = vec![(0_u64, 0_u64); circle.len()];
    let inner = || graph.edges.iter().filter_map(|edge| Some((inside(edge.first)?, inside(edge.then)?)));
    for (first, then) in inner() {
        ways[first].1 += 1;
        ways[then].0 += 1;
    }
    let weight = |at: usize, ways: u64| if graph.actions[circle[at]].op == Op::Move { 1 } else { ways };
    let mut reach = vec![(0_u64, 0_u64); circle.len()];
    for (first, then) in inner() {
        reach[first].1 += weight(then, ways[then].1);
        reach[then].0 += weight(first, ways[first].0);
    }
    let score = |at: usize| inside(at).map_or(0, |at| reach[at].0.saturating_mul(reach[at].1));
    moves.iter().copied().max_by_key(|&at| (score(at), std::cmp::Reverse(at)))
}

impl Graph {
    /// Puts a stage in the place of a move, and an install behind all actions.
    fn split(&mut self, at: usize) {
        let install_at = self.actions.len();
        let (stage, install) = halves(&self.actions[at]);
        self.actions[at] = stage;
        self.actions.push(install);
        for edge in &mut self.edges {
            if edge.first == at && edge.need == Need::Filled {
                edge.first = install_at;
            }
            if edge.then == at {
                // A move waits for what it needs to fill its place; staging needs nothing.
                edge.then = install_at;
            }
        }
        self.edges.push(Edge { first: at, then: install_at, need: Need::Filled });
    }
}

/// A move to a reserved name, and from there to where it was to go.
fn halves(whole: &Action) -> (Action, Action) {
    let staged = RelPath::new(format!("{STAGE_DIR}/{}", whole.id)).unwrap_or_else(|_| whole.path.clone());
    // A token does not outlive the first half, and the times are set with the second.
    let moved = whole.expect.from.as_ref().and_then(Expectation::facts);
    let carried = moved.map(syncplan_model::Facts::without_token);
    let mut stage = Action {
        op: Op::Stage,
        path: staged.clone(),
        reason: if whole.reason == Reason::UNDONE { Reason::UNDONE } else { Reason::CYCLE },
        expect: Expect { from: whole.expect.from.clone(), path: Expectation::ABSENT },
        result: carried.clone().map(Box::new),
        risk: whole.risk.iter().copied().filter(|risk| !is_of_place(*risk)).collect(),
        base: whole.base.clone().map(|base| Agreement { path: None, ..base }).filter(|it| it.from.is_some()),
        trash: None,
        ..whole.clone()
    };
    let mut install = Action {
        op: Op::Install,
        from: Some(staged),
        expect: Expect { from: carried.map(Expectation::present), path: whole.expect.path.clone() },
        base: whole.base.clone().map(|base| Agreement { from: None, ..base }),
        ..whole.clone()
    };
    for half in [&mut stage, &mut install] {
        half.id = ActionId::of(&half.task, half.op, half.side, half.from.as_ref(), &half.path);
    }
    (stage, install)
}

/// Whether a risk is about what stands where the file goes.
fn is_of_place(risk: syncplan_model::plan::Risk) -> bool {
    use syncplan_model::plan::Risk::{LastCopy, Overwrite};
    matches!(risk, Overwrite | LastCopy)
}
