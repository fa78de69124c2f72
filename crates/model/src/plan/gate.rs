use std::collections::HashMap;

use super::{Action, Header, Phase};
use crate::name::TaskName;

/// One phase of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The gates, by position, all of whose actions have to be settled before one of this begins.
    pub after: Vec<usize>,
    /// How many actions stand in it.
    pub actions: usize,
}

/// The barriers of a plan: what the edges of its actions do not say.
///
/// Every phase of every task is a gate. It opens when all actions in the gates that it comes after,
/// and in those that they come after, are settled, whatever became of them: these are barriers of
/// order, edges are those of need. An action may begin when its gate is open *and* everything in its
/// [`after`](Action::after) is done.
///
/// A gate without actions is passed at once; it still waits for the gates before it.
#[derive(Debug, Clone)]
pub struct Gates {
    gates: Vec<Gate>,
    of_action: Vec<usize>,
}

const PHASES: usize = Phase::ALL.len();

impl Gates {
    /// The gates of a plan's parts.
    pub fn of(header: &Header, actions: &[Action]) -> Self {
        let tasks: HashMap<&TaskName, usize> =
            (0..).step_by(PHASES).zip(&header.tasks).map(|(at, it)| (&it.name, at)).collect();
        let mut gates = Vec::with_capacity(header.tasks.len() * PHASES);
        for task in &header.tasks {
            // The last phase of a task comes after all others of it.
            let last = task.after.iter().filter_map(|first| tasks.get(first)).map(|first| first + PHASES - 1);
            gates.push(Gate { after: last.collect(), actions: 0 });
            for _ in 1..PHASES {
                gates.push(Gate { after: vec![gates.len() - 1], actions: 0 });
            }
        }
        let of_action: Vec<_> =
            actions.iter().filter_map(|it| Some(tasks.get(&it.task)? + it.phase as usize)).collect();
        of_action.iter().for_each(|&gate| gates[gate].actions += 1);
        Self { gates, of_action }
    }

    /// All gates: every phase of the first task, of the second, and so on.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// The gate of the action at this position.
    pub fn of_action(&self, at: usize) -> usize {
        self.of_action[at]
    }
}
