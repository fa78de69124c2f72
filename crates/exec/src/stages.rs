use std::collections::{HashMap, HashSet};

use syncplan_model::Plan;
use syncplan_model::plan::Op;

/// Which staging belongs to which installation, and how far both are.
///
/// What is staged is out of everybody's sight: until it is installed, its installation must stay
/// open in the journal, so that nobody scans or plans as if the content were gone.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    partner: HashMap<usize, usize>,
    staged: HashSet<usize>,
}

impl Stages {
    /// The pairs of a plan, some of whose actions are done.
    pub(crate) fn of(plan: &Plan, done: impl Fn(usize) -> bool) -> Self {
        let actions = || plan.actions().iter().enumerate();
        let stages: HashMap<_, usize> = actions()
            .filter(|(_, action)| action.op == Op::Stage)
            .map(|(at, action)| ((&action.task, action.side, &action.path), at))
            .collect();
        let mut this = Self::default();
        for (install, action) in actions().filter(|(_, action)| action.op == Op::Install) {
            let from = action.from.as_ref().map(|from| (&action.task, action.side, from));
            if let Some(&stage) = from.and_then(|from| stages.get(&from)) {
                this.partner.insert(install, stage);
                this.partner.insert(stage, install);
                if done(stage) {
                    this.staged.insert(stage);
                }
            }
        }
        this
    }

    /// Whether content waits for this installation.
    pub(crate) fn is_awaited(&self, at: usize) -> bool {
        self.partner.get(&at).is_some_and(|partner| self.staged.contains(partner))
    }

    /// An action has ended; answers the installation that has to be open in the journal from now on:
    /// that of a file that is staged, until it is installed.
    pub(crate) fn ended(&mut self, at: usize, op: Op, done: bool) -> Option<usize> {
        let &partner = self.partner.get(&at)?;
        match (op, done) {
            (Op::Stage, true) => {
                self.staged.insert(at);
                Some(partner)
            }
            (Op::Install, false) => self.staged.contains(&partner).then_some(at),
            _ => None,
        }
    }
}
