use syncplan_model::Plan;
use syncplan_model::plan::{Gates, Graph};

use super::Dice;

/// What a plan says about the order of its actions.
pub struct Order {
    graph: Graph,
    gates: Gates,
}

/// How far a plan has been carried out.
#[derive(Clone)]
pub struct Course<'a> {
    order: &'a Order,
    /// For how many actions each one still waits.
    waits: Vec<u32>,
    /// How many actions are left in each gate.
    left: Vec<usize>,
    open: Vec<usize>,
}

impl Order {
    /// Of all actions of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self { graph: Graph::of(plan.actions()), gates: Gates::of(plan.header(), plan.actions()) }
    }

    /// Nothing is done yet.
    pub fn begin(&self, plan: &Plan) -> Course<'_> {
        let actions = plan.actions().len();
        Course {
            order: self,
            waits: (0..actions).map(|at| self.graph.waits_for(at)).collect(),
            left: self.gates.gates().iter().map(|gate| gate.actions).collect(),
            open: (0..actions).collect(),
        }
    }
}

impl Course<'_> {
    /// Draws one of the actions that may be next, and takes it as done; an error where none may be.
    pub fn next(&mut self, dice: &mut Dice) -> Result<Option<usize>, String> {
        if self.open.is_empty() {
            return Ok(None);
        }
        let ready = self.ready();
        if ready.is_empty() {
            return Err("nothing is ready, and not all is done".to_owned());
        }
        let at = self.open.swap_remove(ready[dice.below(ready.len())]);
        self.left[self.order.gates.of_action(at)] -= 1;
        self.order.graph.dependents(at).iter().for_each(|&then| self.waits[then as usize] -= 1);
        Ok(Some(at))
    }

    /// Positions in `open`.
    fn ready(&self) -> Vec<usize> {
        let gates = self.order.gates.gates();
        let passed = self.passed();
        let may = |at: usize| {
            self.waits[at] == 0
                && gates[self.order.gates.of_action(at)].after.iter().all(|&before| passed[before])
        };
        (0..self.open.len()).filter(|&position| may(self.open[position])).collect()
    }

    /// Which gates nothing is left behind of, their predecessors included.
    fn passed(&self) -> Vec<bool> {
        let mut passed = vec![false; self.left.len()];
        for _ in 0..self.left.len() {
            let before = passed.clone();
            for (at, gate) in self.order.gates.gates().iter().enumerate() {
                passed[at] = self.left[at] == 0 && gate.after.iter().all(|&first| passed[first]);
            }
            if passed == before {
                break;
            }
        }
        passed
    }
}
