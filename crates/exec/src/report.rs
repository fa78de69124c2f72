use syncplan_model::RelPath;
use syncplan_model::TaskName;
use syncplan_model::plan::{Action, ActionId, Op, Side};
use syncplan_state::{Ending, Outcome};

/// What became of a run, or what would become of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// Whether nothing was left to do because earlier runs of the plan did it all.
    pub already_applied: bool,
    /// How many actions had which outcome in this run. In a dry run, `applied` would be.
    pub counts: Counts,
    /// How many actions earlier runs of the plan had done.
    pub done_before: u64,
    /// How many bytes were transferred.
    pub bytes: u64,
    /// What was not done, and why: at most [`Report::MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
}

/// How many actions had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Done.
    pub applied: u64,
    /// Found to be done.
    pub already_satisfied: u64,
    /// Left alone, because something else was found than expected.
    pub stale: u64,
    /// Failed after all retries.
    pub failed: u64,
    /// Not tried, because something they wait for was not done.
    pub skipped: u64,
    /// Not begun, because the run was stopped.
    pub not_begun: u64,
}

/// An action that was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub action: ActionId,
    /// Of which task.
    pub task: TaskName,
    /// What it should have done.
    pub op: Op,
    /// On which side.
    pub side: Side,
    /// Where.
    pub path: RelPath,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub message: String,
}

impl Report {
    /// At most this many problems are listed, those that explain others first.
    pub const MAX_PROBLEMS: usize = 1000;

    pub(crate) fn new(done_before: u64) -> Self {
        Self {
            ending: Ending::Done,
            already_applied: false,
            counts: Counts::default(),
            done_before,
            bytes: 0,
            problems: Vec::new(),
        }
    }

    pub(crate) fn count(&mut self, action: &Action, outcome: Outcome, message: Option<&str>) {
        let counts = &mut self.counts;
        *match outcome {
            Outcome::Applied => &mut counts.applied,
            Outcome::AlreadySatisfied => &mut counts.already_satisfied,
            Outcome::Stale => &mut counts.stale,
            Outcome::Failed => &mut counts.failed,
            Outcome::Skipped => &mut counts.skipped,
        } += 1;
        if !outcome.is_done() {
            self.list(Problem {
                action: action.id,
                task: action.task.clone(),
                op: action.op,
                side: action.side,
                path: action.path.clone(),
                outcome,
                message: message.unwrap_or_default().to_owned(),
            });
        }
    }

    /// What was skipped makes room for what says why.
    fn list(&mut self, problem: Problem) {
        if self.problems.len() < Self::MAX_PROBLEMS {
            self.problems.push(problem);
        } else if problem.outcome != Outcome::Skipped
            && let Some(skipped) = self.problems.iter_mut().find(|it| it.outcome == Outcome::Skipped)
        {
            *skipped = problem;
        }
    }

    /// How the run ended, from what became of its actions.
    pub(crate) fn judge(&mut self, interrupted: bool) {
        // Actions end in any order; people read in the order of the plan, what explains others first.
        let skipped = |problem: &Problem| problem.outcome == Outcome::Skipped;
        self.problems
            .sort_by(|a, b| (skipped(a), &a.task, &a.path, a.op).cmp(&(skipped(b), &b.task, &b.path, b.op)));
        let counts = &self.counts;
        self.ending = if interrupted {
            Ending::Interrupted
        } else if counts.failed > 0 {
            Ending::Partial
        } else if counts.stale > 0 {
            Ending::Stale
        } else if counts.skipped > 0 {
            Ending::Partial
        } else {
            Ending::Done
        };
    }
}
