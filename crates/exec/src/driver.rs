use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use syncplan_model::plan::ActionId;
use syncplan_state::{Journal, Outcome, Progress};
use tokio::task::JoinSet;

use crate::batch::Batch;
use crate::commit::{Committed, commit, intend};
use crate::error::ExecError;
use crate::event::Event;
use crate::job::OnStale;
use crate::queue::{Queue, is_large};
use crate::report::Report;
use crate::run_state::RunState;
use crate::stages::Stages;
use crate::worker::{Effect, Ended, Performed, Worker};

/// So many intents share a commit at most.
const INTENTS: usize = 1024;

/// Something under way in the journal.
type Writing<'a, T> = Option<Pin<Box<dyn Future<Output = Result<T, ExecError>> + Send + 'a>>>;

/// Keeps everything going: which actions begin, what is put on record and when.
pub(crate) struct Driver<'a> {
    worker: Arc<Worker>,
    journal: &'a Journal,
    run: RunState,
    stages: Stages,
    /// On record as intended, not yet begun.
    armed: Queue,
    /// Armed, and waiting for a store that is out of reach.
    parked: Vec<usize>,
    running: JoinSet<Ended>,
    running_large: usize,
    batch: Batch,
    intending: Writing<'a, Vec<usize>>,
    committing: Writing<'a, Committed>,
    report: Report,
    /// Those whose drafts nobody will go on with.
    orphans: Vec<usize>,
    stopped: bool,
    interrupted: bool,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(worker: Arc<Worker>, journal: &'a Journal, progress: &Progress) -> Self {
        let plan = Arc::clone(&worker.job.plan);
        let done = |id: &ActionId| progress.done.contains_key(id);
        let before = plan.actions().iter().filter(|action| done(&action.id)).count();
        Self {
            stages: Stages::of(&plan, |at| done(&plan.actions()[at].id)),
            run: RunState::new(plan, done),
            report: Report::new(before as u64),
            worker,
            journal,
            armed: Queue::default(),
            parked: Vec::new(),
            running: JoinSet::new(),
            running_large: 0,
            batch: Batch::new(),
            intending: None,
            committing: None,
            orphans: Vec::new(),
            stopped: false,
            interrupted: false,
        }
    }

    pub(crate) async fn run(mut self) -> Result<Report, ExecError> {
        self.tell_start();
        loop {
            self.intend_more();
            self.begin_more();
            self.commit_if_due();
            if self.is_over() {
                break;
            }
            self.wait().await?;
        }
        self.disarm().await?;
        for &at in &self.orphans {
            self.worker.abandon(at).await;
        }
        self.report.counts.not_begun = self.run.unfinished() as u64;
        self.report.judge(self.interrupted);
        (self.worker.job.events)(Event::RunFinished { report: &self.report });
        Ok(self.report)
    }

    fn tell_start(&self) {
        let actions = self.worker.job.plan.actions().iter().enumerate();
        let left = actions.filter(|(at, it)| it.op.transfers() && !self.run.is_finished(*at));
        let bytes = left.map(|(_, action)| action.bytes).sum();
        let (run, actions) = (Some(self.journal.run()), self.run.unfinished() as u64);
        (self.worker.job.events)(Event::RunStarted { run, actions, bytes });
    }

    /// Puts the next actions on record ahead of time, so that jobs do not wait for it.
    fn intend_more(&mut self) {
        let enough = self.armed.len() >= INTENTS / 2;
        if self.stopped || enough || self.intending.is_some() || !self.run.has_ready() {
            return;
        }
        let actions = self.run.take(INTENTS);
        self.intending = Some(Box::pin(intend(Arc::clone(&self.worker), self.journal, actions)));
    }

    fn begin_more(&mut self) {
        let jobs = self.worker.job.options.jobs.max(1);
        // Those that wait for a store leave their places to others.
        while !self.stopped && self.running.len() < jobs + self.worker.aside.count() {
            let Some(at) = self.armed.pop(self.running_large < jobs.div_ceil(2)) else { return };
            let at = at as usize;
            if self.worker.has_to_wait(at) {
                self.parked.push(at);
                continue;
            }
            self.running_large += usize::from(is_large(self.worker.action(at)));
            self.running.spawn(Arc::clone(&self.worker).perform(at));
        }
    }

    /// Commits what is performed when it is time, or when nothing goes on without it.
    fn commit_if_due(&mut self) {
        let waiting = !self.stopped && !self.armed.is_empty();
        let starving = self.running.is_empty() && !waiting && self.intending.is_none();
        let due = self.batch.due().is_some_and(|due| starving || due <= Instant::now());
        if due && self.committing.is_none() {
            let contents = self.batch.take();
            self.committing = Some(Box::pin(commit(Arc::clone(&self.worker), self.journal, contents)));
        }
    }

    fn is_over(&self) -> bool {
        let quiet = self.running.is_empty() && self.intending.is_none() && self.committing.is_none();
        quiet && self.batch.is_empty() && (self.stopped || self.armed.is_empty() && self.parked.is_empty())
    }

    async fn wait(&mut self) -> Result<(), ExecError> {
        let due = self.batch.due().filter(|_| self.committing.is_none());
        let (worker, cancel) = (Arc::clone(&self.worker), self.worker.job.cancel.clone());
        tokio::select! {
            Some(ended) = self.running.join_next() => {
                self.take_in(ended.map_err(ExecError::Panicked)?)?;
                while let Some(ended) = self.running.try_join_next() {
                    self.take_in(ended.map_err(ExecError::Panicked)?)?;
                }
            }
            actions = written(&mut self.intending) => {
                let actions = actions?;
                actions.into_iter().for_each(|at| self.armed.push(at as u32, self.worker.action(at)));
            }
            committed = written(&mut self.committing) => self.settle(&committed?),
            () = until(due) => {}
            () = worker.aside.changed() => self.unpark(),
            () = cancel.cancelled(), if !self.interrupted => self.interrupt(),
        }
        Ok(())
    }

    /// A store may be in reach again: what waits for it is looked at once more.
    fn unpark(&mut self) {
        for at in std::mem::take(&mut self.parked) {
            self.armed.push(at as u32, self.worker.action(at));
        }
    }

    fn interrupt(&mut self) {
        self.stopped = true;
        self.interrupted = true;
    }

    /// An action came to rest.
    fn take_in(&mut self, ended: Ended) -> Result<(), ExecError> {
        match ended {
            Ended::Performed(performed) => self.performed(performed),
            // Only a run that is to stop leaves anything undone, but for what is suspended.
            Ended::LeftOpen(at) => {
                self.running_large -= usize::from(is_large(self.worker.action(at)));
                self.interrupt();
            }
            Ended::Suspended(at, why) => {
                self.running_large -= usize::from(is_large(self.worker.action(at)));
                self.tell(at, Outcome::Failed, Some(&why));
                for skipped in self.run.performed(at, Outcome::Failed) {
                    self.skip(skipped);
                }
            }
            Ended::Untouched(at) => {
                self.running_large -= usize::from(is_large(self.worker.action(at)));
                self.armed.push(at as u32, self.worker.action(at));
                self.interrupt();
            }
            Ended::Broken(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// An action was performed, or could not be.
    fn performed(&mut self, performed: Performed) {
        let (at, outcome) = (performed.at, performed.outcome);
        self.running_large -= usize::from(is_large(self.worker.action(at)));
        self.report.bytes += performed.effect.bytes;
        if self.run.has_dependents(at) {
            self.worker.remember(self.worker.action(at), &performed.effect);
        }
        self.note(performed);
        for skipped in self.run.performed(at, outcome) {
            self.skip(skipped);
        }
        if outcome == Outcome::Stale && self.worker.job.options.on_stale == OnStale::Abort {
            self.stopped = true;
        }
    }

    fn skip(&mut self, at: usize) {
        if self.worker.drafts.get(&self.worker.action(at).id).is_some() {
            self.orphans.push(at);
        }
        let message = Some("something that it waits for was not done".to_owned());
        self.note(Performed { at, outcome: Outcome::Skipped, message, effect: Effect::default() });
    }

    /// Tells of an outcome, and has it put on record.
    fn note(&mut self, performed: Performed) {
        let outcome = performed.outcome;
        let op = self.worker.action(performed.at).op;
        self.tell(performed.at, outcome, performed.message.as_deref());
        if let Some(installation) = self.stages.ended(performed.at, op, outcome.is_done()) {
            self.batch.leave_open(installation);
        }
        self.batch.push(performed);
    }

    fn tell(&mut self, at: usize, outcome: Outcome, message: Option<&str>) {
        let action = self.worker.action(at);
        self.report.count(action, outcome, message);
        (self.worker.job.events)(Event::ActionFinished { action, outcome, message });
    }

    fn settle(&mut self, committed: &Committed) {
        self.batch.took(committed.took);
        for it in committed.actions.iter().filter(|it| it.outcome.is_done()) {
            for skipped in self.run.committed(it.at) {
                self.skip(skipped);
            }
        }
    }

    /// Takes back the intents of what will not begin. What an earlier run began stays open.
    ///
    /// Only at the end: while another write to the journal is under way, and nobody polls it, this
    /// one would wait for it in vain.
    async fn disarm(&mut self) -> Result<(), ExecError> {
        self.unpark();
        let armed = self.armed.drain().into_iter().map(|at| at as usize);
        let armed = armed.filter(|&at| !self.stages.is_awaited(at)).collect::<Vec<_>>();
        let ids = armed.into_iter().map(|at| self.worker.action(at).id);
        let ids: Vec<ActionId> = ids.filter(|id| !self.worker.begun_before.contains(id)).collect();
        if !ids.is_empty() {
            self.journal.withdraw(&ids).await?;
        }
        Ok(())
    }
}

/// Waits for something to be written; for ever, if nothing is being written.
async fn written<T>(writing: &mut Writing<'_, T>) -> Result<T, ExecError> {
    let Some(future) = writing else { return std::future::pending().await };
    let result = future.await;
    *writing = None;
    result
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
