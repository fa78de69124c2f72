//! `--only` and `--exclude`: a part of the plan that can be applied by itself.

use syncplan_model::plan::{Action, Op, guard::views};
use syncplan_model::{ActionFilter, Mtime};

use crate::graph::{Edge, Graph, Need};
use crate::phase::Adjacent;

/// Leaves out what is not asked for.
///
/// - An action is asked for if `only` matches at *every* place it touches and `exclude` at none: a
///   move out of a folder that is not asked for would change that folder. It is judged whole, before
///   it may be split into halves.
/// - Directories that something asked for is to stand in are kept, whatever `only` says.
/// - What needs an action that is left out is left out as well; what merely comes behind it is not.
pub(crate) fn choose(
    graph: &mut Graph,
    only: Option<&ActionFilter>,
    exclude: Option<&ActionFilter>,
    now: Mtime,
) {
    if only.is_none() && exclude.is_none() {
        return;
    }
    let excluded =
        |action: &Action| exclude.is_some_and(|filter| views(action).any(|it| filter.matches(&it, now)));
    let included =
        |action: &Action| only.is_none_or(|filter| views(action).all(|it| filter.matches(&it, now)));
    let mut kept: Vec<bool> = graph.actions.iter().map(|it| included(it) && !excluded(it)).collect();
    let may_return = |at: usize| graph.actions[at].op == Op::Mkdir && !excluded(&graph.actions[at]);
    return_parents(graph, &mut kept, may_return);
    drop_dependents(graph, &mut kept);
    graph.retain(&kept);
}

fn return_parents(graph: &Graph, kept: &mut [bool], may_return: impl Fn(usize) -> bool) {
    let waits_for = Adjacent::of(kept.len(), graph.edges.iter().map(|edge| (edge.then, edge.first)));
    let mut open: Vec<usize> = (0..kept.len()).filter(|&at| kept[at]).collect();
    while let Some(at) = open.pop() {
        for &first in waits_for.of_node(at) {
            if !kept[first] && may_return(first) {
                kept[first] = true;
                open.push(first);
            }
        }
    }
}

fn drop_dependents(graph: &Graph, kept: &mut [bool]) {
    let needs = graph.edges.iter().filter(|edge| edge.need != Need::Order);
    let needed_by = Adjacent::of(kept.len(), needs.map(|edge| (edge.first, edge.then)));
    let mut open: Vec<usize> = (0..kept.len()).filter(|&at| !kept[at]).collect();
    while let Some(at) = open.pop() {
        for &then in needed_by.of_node(at) {
            if std::mem::replace(&mut kept[then], false) {
                open.push(then);
            }
        }
    }
}

impl Graph {
    fn retain(&mut self, kept: &[bool]) {
        let mut position = 0;
        let positions: Vec<Option<usize>> = kept
            .iter()
            .map(|&kept| {
                position += usize::from(kept);
                kept.then(|| position - 1)
            })
            .collect();
        let moved =
            |edge: &Edge| Some(Edge { first: positions[edge.first]?, then: positions[edge.then]?, ..*edge });
        self.edges = self.edges.iter().filter_map(moved).collect();
        let mut at = 0;
        self.actions.retain(|_| {
            at += 1;
            kept[at - 1]
        });
    }
}
