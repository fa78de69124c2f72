use std::sync::Arc;

use syncplan_model::plan::{Action, ActionId, Graph, Op, Side};
use syncplan_model::{Plan, RelPath};
use syncplan_state::Outcome;

use crate::barriers::{Barriers, Opened};
use crate::queue::Queue;

/// How far a plan has come: which actions may begin, and what follows from the end of one.
///
/// It knows no time, no thread and no store. An action ends in two steps: it is *performed* when
/// its effect is there, and *committed* when the effect is durable and on record.
///
/// Most dependents may begin as soon as an action is performed. One that changes the place that the
/// action filled or emptied, or the place that it read and left as it was, has to wait until it is
/// committed: until then, a crash may undo the effect, or forget that it happened, and those places
/// are what a second try goes by. All deletes wait for commits. Moves in a row, each into the gap
/// that the one before it left, need not wait for each other: each carries its content with it, and
/// is known by it where it arrived.
///
/// A [gate](syncplan_model::plan::Gates) opens when everything before it is settled, that is committed or given up,
/// whatever became of it. Only what is published last is skipped if something of its task was not
/// done: it would refer to what is not there.
#[derive(Debug)]
pub struct RunState {
    plan: Arc<Plan>,
    graph: Graph,
    waits: Vec<u32>,
    status: Vec<Status>,
    ready: Queue,
    barriers: Barriers,
    unfinished: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// For an action or a gate.
    Waiting,
    /// Handed out, or about to be.
    Released,
    Performed,
    Finished,
}

impl RunState {
    /// A plan of which the actions with these ids are done already.
    pub fn new(plan: Arc<Plan>, done: impl Fn(&ActionId) -> bool) -> Self {
        let graph = Graph::of(plan.actions());
        let count = plan.actions().len();
        let mut state = Self {
            waits: (0..count).map(|at| graph.waits_for(at)).collect(),
            status: vec![Status::Waiting; count],
            ready: Queue::default(),
            unfinished: count,
            graph,
            barriers: Barriers::of(&plan),
            plan,
        };
        let finished: Vec<usize> = (0..count).filter(|&at| done(&state.plan.actions()[at].id)).collect();
        for &at in &finished {
            state.status[at] = Status::Finished;
        }
        for &at in &finished {
            for &then in state.graph.dependents(at) {
                state.waits[then as usize] -= 1;
            }
            state.unfinished -= 1;
            state.barriers.leave(at);
        }
        for at in 0..count {
            state.release_if_free(at);
        }
        let opened = state.barriers.settle();
        state.open(opened);
        state
    }

    /// Up to `most` actions that may begin now, large and small ones mixed. Removals are held back
    /// while anything else is ready.
    pub fn take(&mut self, most: usize) -> Vec<usize> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let removals = self.ready.only_removals();
            if removals && !taken.is_empty() && !self.is_removal(taken[0]) {
                break;
            }
            let Some(at) = self.ready.pop(taken.len() % 2 == 0) else { break };
            taken.push(at as usize);
        }
        taken
    }

    /// Whether any action may begin now.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether the action is settled.
    pub fn is_finished(&self, at: usize) -> bool {
        self.status[at] == Status::Finished
    }

    /// Whether other actions wait for this one.
    pub fn has_dependents(&self, at: usize) -> bool {
        !self.graph.dependents(at).is_empty()
    }

    /// How many actions have no outcome yet.
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// The action has this outcome; answers which others are skipped because of it.
    ///
    /// One that is done has to be [committed](Self::committed) later.
    pub fn performed(&mut self, at: usize, outcome: Outcome) -> Vec<usize> {
        if !outcome.is_done() {
            return self.give_up(at);
        }
        self.status[at] = Status::Performed;
        self.release(at, false);
        Vec::new()
    }

    /// The action is done, durable and on record; answers which others are skipped because what
    /// they wait for is finished now, but not done.
    pub fn committed(&mut self, at: usize) -> Vec<usize> {
        self.status[at] = Status::Finished;
        self.unfinished -= 1;
        self.release(at, true);
        self.barriers.leave(at);
        let opened = self.barriers.settle();
        self.open(opened)
    }

    /// Lets those dependents go that wait for this step and for nothing else.
    fn release(&mut self, at: usize, committed: bool) {
        let plan = Arc::clone(&self.plan);
        let dependents = self.graph.dependents(at).to_vec();
        for then in dependents.into_iter().map(|then| then as usize) {
            if needs_commit(&plan.actions()[at], &plan.actions()[then]) == committed {
                self.waits[then] -= 1;
                self.release_if_free(then);
            }
        }
    }

    fn release_if_free(&mut self, at: usize) {
        if self.status[at] == Status::Waiting && self.waits[at] == 0 && self.barriers.is_open(at) {
            self.status[at] = Status::Released;
            self.ready.push(at as u32, &self.plan.actions()[at]);
        }
    }

    /// The action is not done, and nothing that waits for it will be.
    fn give_up(&mut self, at: usize) -> Vec<usize> {
        let mut skipped = Vec::new();
        let mut left = vec![at];
        while let Some(at) = left.pop() {
            self.status[at] = Status::Finished;
            self.unfinished -= 1;
            self.barriers.leave_undone(at);
            for &then in self.graph.dependents(at) {
                // A dependent cannot have begun, but several ways may lead to it.
                if self.status[then as usize] == Status::Waiting {
                    self.status[then as usize] = Status::Released;
                    skipped.push(then as usize);
                    left.push(then as usize);
                }
            }
        }
        let opened = self.barriers.settle();
        skipped.extend(self.open(opened));
        skipped
    }

    /// Gates that open: their actions begin, or are skipped.
    fn open(&mut self, opened: Vec<Opened>) -> Vec<usize> {
        let mut skipped = Vec::new();
        for Opened { gate, broken } in opened {
            for at in self.barriers.actions_of(gate) {
                if !broken {
                    self.release_if_free(at);
                } else if self.status[at] == Status::Waiting {
                    skipped.push(at);
                    skipped.extend(self.give_up(at));
                }
            }
        }
        skipped
    }

    fn is_removal(&self, at: usize) -> bool {
        self.plan.actions()[at].op.removes()
    }
}

/// Whether `then` may only begin when `first` is durable and on record.
fn needs_commit(first: &Action, then: &Action) -> bool {
    then.op == Op::Delete || disturbs(then, first)
}

/// Whether `then` changes the place that `first` filled or emptied, or that it read and left as it
/// was.
fn disturbs(then: &Action, first: &Action) -> bool {
    let touched = |side: Side, path: &RelPath| {
        let fills = then.side == side && then.path == *path && then.op != Op::Record;
        let vacates = then.op.has_from()
            && then.op != Op::Copy
            && then.side == side
            && then.from.as_ref() == Some(path);
        fills || vacates
    };
    let read = match first.op {
        Op::Upload | Op::Download | Op::Run => {
            Some((first.side.other(), first.from.as_ref().unwrap_or(&first.path)))
        }
        Op::Copy => first.from.as_ref().map(|from| (first.side, from)),
        _ => None,
    };
    touched(first.side, &first.path) || read.is_some_and(|(side, path)| touched(side, path))
}
