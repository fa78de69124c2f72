use syncplan_model::Plan;
use syncplan_model::plan::{Gates, Phase};

/// How far each gate of a plan is: which are open, and how many actions in each have no end yet.
#[derive(Debug)]
pub(crate) struct Barriers {
    plan: Gates,
    gates: Vec<State>,
    actions: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Actions without an end.
    unsettled: usize,
    /// Gates that it comes after and that are not passed.
    waits: usize,
    /// Gates that come after it.
    followers: Vec<usize>,
    /// Whether its actions need all of those right before it to be done.
    needs_all: bool,
    /// Whether something in it was not done, or would need what was not done.
    broken: bool,
    opened: bool,
    passed: bool,
}

/// A gate that opens now.
pub(crate) struct Opened {
    pub(crate) gate: usize,
    /// Whether its actions need something that was not done.
    pub(crate) broken: bool,
}

impl Barriers {
    pub(crate) fn of(plan: &Plan) -> Self {
        let gates = Gates::of(plan.header(), plan.actions());
        let mut states: Vec<State> = gates
            .gates()
            .iter()
            .map(|gate| State { unsettled: gate.actions, waits: gate.after.len(), ..State::default() })
            .collect();
        for (gate, it) in gates.gates().iter().enumerate() {
            it.after.iter().for_each(|&first| states[first].followers.push(gate));
        }
        for (at, _) in plan.actions().iter().enumerate().filter(|(_, action)| action.phase == Phase::Publish)
        {
            states[gates.of_action(at)].needs_all = true;
        }
        Self { plan: gates, gates: states, actions: plan.actions().len() }
    }

    /// Whether the action's gate is open.
    pub(crate) fn is_open(&self, at: usize) -> bool {
        self.gates[self.plan.of_action(at)].opened
    }

    /// The actions of a gate.
    pub(crate) fn actions_of(&self, gate: usize) -> Vec<usize> {
        (0..self.actions).filter(|&at| self.plan.of_action(at) == gate).collect()
    }

    /// The action is settled, and done.
    pub(crate) fn leave(&mut self, at: usize) {
        self.gates[self.plan.of_action(at)].unsettled -= 1;
    }

    /// The action is settled, and was not done.
    pub(crate) fn leave_undone(&mut self, at: usize) {
        self.leave(at);
        self.gates[self.plan.of_action(at)].broken = true;
    }

    /// Opens every gate whose turn has come.
    pub(crate) fn settle(&mut self) -> Vec<Opened> {
        let mut opened = Vec::new();
        let mut left: Vec<usize> = (0..self.gates.len()).collect();
        while let Some(gate) = left.pop() {
            let it = &mut self.gates[gate];
            if it.waits > 0 || it.passed {
                continue;
            }
            if !std::mem::replace(&mut it.opened, true) {
                opened.push(Opened { gate, broken: it.needs_all && it.broken });
            }
            if it.unsettled > 0 {
                continue;
            }
            it.passed = true;
            let broken = it.broken;
            for follower in it.followers.clone() {
                let next = &mut self.gates[follower];
                next.waits -= 1;
                next.broken |= broken && next.needs_all;
                left.push(follower);
            }
        }
        opened
    }
}
