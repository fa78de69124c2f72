use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use syncplan_state::{Outcome, Progress, State};

use crate::access::{Access, Restricted};
use crate::error::ExecError;
use crate::event::Event;
use crate::job::{Document, Job, Sides};
use crate::known::{Known, Trace};
use crate::place::View;
use crate::report::Report;
use crate::run_state::RunState;
use crate::simulation::simulate;
use crate::worker::{Effect, Performed};

/// Says what each action would do, without doing anything: the stores are wrapped so that they can
/// only be read, and of the state nothing is asked but what earlier runs of the plan did.
///
/// Every precondition is checked against the stores, and where an earlier action of the plan would
/// have changed a place, against what it would have left there. Content is not read.
pub async fn dry_run(job: Job, earlier: Option<(&State, &Document<'_>)>) -> Result<Report, ExecError> {
    job.check()?;
    let progress = match earlier {
        Some((state, document)) => state.progress(&document.plan_id, document.instance).await?,
        None => Progress::default(),
    };
    let job = read_only(job);
    let actions = job.plan.actions();
    let done = actions.iter().filter(|action| progress.done.contains_key(&action.id)).count();
    let mut report = Report::new(done as u64);
    report.already_applied = done > 0 && done == actions.len();
    walk(&job, &progress, &mut report).await;
    (job.events)(Event::RunFinished { report: &report });
    Ok(report)
}

fn read_only(mut job: Job) -> Job {
    for sides in job.sides.values_mut() {
        *sides = Sides {
            local: Arc::new(Restricted::new(Arc::clone(&sides.local), Access::Read)),
            remote: Arc::new(Restricted::new(Arc::clone(&sides.remote), Access::Read)),
            ..sides.clone()
        };
    }
    job
}

async fn walk(job: &Job, progress: &Progress, report: &mut Report) {
    let mut run = RunState::new(Arc::clone(&job.plan), |id| progress.done.contains_key(id));
    let known = Known::of(&job.plan);
    known.forget(&job.plan, progress);
    let jobs = job.options.jobs.max(1);
    let bytes =
        job.plan.actions().iter().filter(|action| action.op.transfers()).map(|action| action.bytes).sum();
    (job.events)(Event::RunStarted { run: None, actions: run.unfinished() as u64, bytes });
    let mut looking = FuturesUnordered::new();
    loop {
        if !job.cancel.is_cancelled() {
            looking
                .extend(run.take(jobs - looking.len().min(jobs)).into_iter().map(|at| one(job, at, &known)));
        }
        let Some(performed) = looking.next().await else { break };
        let (at, outcome) = (performed.at, performed.outcome);
        if run.has_dependents(at) {
            remember(job, &known, &performed);
        }
        note(job, report, &performed);
        let mut skipped = run.performed(at, outcome);
        if outcome.is_done() {
            skipped.extend(run.committed(at));
        }
        for at in skipped {
            let message = Some("something that it waits for would not be done".to_owned());
            note(
                job,
                report,
                &Performed { at, outcome: Outcome::Skipped, message, effect: Effect::default() },
            );
        }
    }
    report.counts.not_begun = run.unfinished() as u64;
    report.judge(job.cancel.is_cancelled() && run.unfinished() > 0);
}

async fn one(job: &Job, at: usize, known: &Known) -> Performed {
    let action = &job.plan.actions()[at];
    (job.events)(Event::ActionStarted { action });
    match job.sides.get(&action.task) {
        Some(sides) => simulate(at, &View::new(action, sides, known), known).await,
        None => Performed { at, outcome: Outcome::Failed, message: None, effect: Effect::default() },
    }
}

fn note(job: &Job, report: &mut Report, performed: &Performed) {
    let action = &job.plan.actions()[performed.at];
    let (outcome, message) = (performed.outcome, performed.message.as_deref());
    if outcome == Outcome::Applied {
        report.bytes += performed.effect.bytes;
    }
    report.count(action, outcome, message);
    (job.events)(Event::ActionFinished { action, outcome, message });
}

fn remember(job: &Job, known: &Known, performed: &Performed) {
    let action = &job.plan.actions()[performed.at];
    for (side, path, facts) in &performed.effect.learned {
        known.put(&action.task, *side, path, Trace::from(facts.clone()));
    }
}
