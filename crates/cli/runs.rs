//! Runs that are on record: which one is meant, what it was to do, and what of it was done.

use std::collections::HashMap;

use syncplan_model::TaskName;
use syncplan_model::plan::{Action, ActionId, Op, Side};
use syncplan_state::{Outcome, RunId, RunSummary, State};

use crate::args::RunName;
use crate::document::{self, Document};
use crate::failure::Failure;

/// A run, with the plan that it executed.
pub(crate) struct Recorded {
    pub(crate) summary: RunSummary,
    pub(crate) document: Document,
}

/// Finds the run that somebody names.
pub(crate) async fn find(state: &State, name: RunName) -> Result<Recorded, Failure> {
    let summary = match name {
        RunName::Last => state.history(1).await?.pop(),
        RunName::Number(number) => state.run(RunId::new(number)).await?,
    };
    let summary = summary.ok_or_else(|| unknown(name))?;
    let document = document_of(state, summary.run).await?;
    Ok(Recorded { summary, document })
}

async fn document_of(state: &State, run: RunId) -> Result<Document, Failure> {
    document::unpack(&state.plan_of(run).await?.unwrap_or_default())
}

fn unknown(name: RunName) -> Failure {
    let text = match name {
        RunName::Last => "nothing was run yet".to_owned(),
        RunName::Number(number) => format!("there is no run {number}"),
    };
    Failure::new("syncplan::run::unknown", text).help("syncplan history lists the runs there are")
}

impl Recorded {
    /// What was done, by this run and by those that went on with the same plan.
    pub(crate) async fn done(&self, state: &State) -> Result<HashMap<ActionId, Outcome>, Failure> {
        Ok(state.progress(&self.document.id, &self.document.meta.created_at).await?.done)
    }

    /// The places of these tasks to which later runs of other plans did something.
    pub(crate) async fn changed_since(
        &self,
        state: &State,
        tasks: &[TaskName],
    ) -> Result<Vec<(TaskName, Side, syncplan_model::RelPath)>, Failure> {
        let mut places = Vec::new();
        for later in state.history(u32::MAX).await? {
            let concerns = later.run > self.summary.run && later.tasks.iter().any(|it| tasks.contains(it));
            if !concerns {
                continue;
            }
            let run = Self { document: document_of(state, later.run).await?, summary: later };
            if (run.document.id, &run.document.meta.created_at)
                == (self.document.id, &self.document.meta.created_at)
            {
                continue;
            }
            let done = run.done(state).await?;
            let actions = run.document.plan.actions().iter().filter(|it| done.contains_key(&it.id));
            actions.for_each(|action| touched(action, &mut places));
        }
        Ok(places)
    }
}

fn touched(action: &Action, places: &mut Vec<(TaskName, Side, syncplan_model::RelPath)>) {
    let sides = if action.op == Op::Record { Side::ALL } else { std::slice::from_ref(&action.side) };
    let from = action.from.as_ref().filter(|_| action.op.has_from());
    for path in from.into_iter().chain([&action.path]) {
        places.extend(sides.iter().map(|&side| (action.task.clone(), side, path.clone())));
    }
}
