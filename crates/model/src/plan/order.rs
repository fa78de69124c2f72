use std::collections::HashMap;

use super::{Action, ActionId};

/// The edges of a plan by position: who waits for whom.
///
/// Positions are those of the actions it was made from. Edges to unknown actions are left out;
/// a valid plan has none.
#[derive(Debug, Clone)]
pub struct Graph {
    /// How many actions each one waits for.
    waits_for: Vec<u32>,
    /// Where the waiting ones of each action begin in `dependents`; one more than there are actions.
    starts: Vec<u32>,
    dependents: Vec<u32>,
    ids: Vec<ActionId>,
}

impl Graph {
    /// The graph of some actions.
    pub fn of(actions: &[Action]) -> Self {
        let position: HashMap<ActionId, u32> =
            (0..).zip(actions).map(|(at, action)| (action.id, at)).collect();
        let mut waits_for = vec![0; actions.len()];
        let mut starts = vec![0_u32; actions.len() + 1];
        let edges = || {
            (0_u32..).zip(actions).flat_map(|(at, action)| {
                action.after.iter().filter_map(|id| position.get(id)).map(move |&first| (first, at))
            })
        };
        for (first, then) in edges() {
            waits_for[then as usize] += 1;
            starts[first as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut dependents = vec![0; starts[actions.len()] as usize];
        for (first, then) in edges() {
            dependents[next[first as usize] as usize] = then;
            next[first as usize] += 1;
        }
        Self { waits_for, starts, dependents, ids: actions.iter().map(|action| action.id).collect() }
    }

    /// How many actions the one at this position waits for.
    pub fn waits_for(&self, at: usize) -> u32 {
        self.waits_for[at]
    }

    /// The positions of the actions that wait for this one.
    pub fn dependents(&self, at: usize) -> &[u32] {
        &self.dependents[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// An order in which every action stands behind those it waits for; an action on a circle if
    /// there is none (Kahn 1962).
    pub fn topological(&self) -> Result<Vec<u32>, ActionId> {
        let mut open = self.waits_for.clone();
        let mut order: Vec<u32> =
            (0_u32..).zip(&open).filter(|(_, waits)| **waits == 0).map(|(at, _)| at).collect();
        let mut done = 0;
        while done < order.len() {
            let at = order[done] as usize;
            done += 1;
            for &then in self.dependents(at) {
                open[then as usize] -= 1;
                if open[then as usize] == 0 {
                    order.push(then);
                }
            }
        }
        match open.iter().position(|&waits| waits > 0) {
            None => Ok(order),
            Some(at) => Err(self.ids[at]),
        }
    }

    pub(super) fn check_acyclic(&self) -> Result<(), ActionId> {
        self.topological().map(drop)
    }
}
