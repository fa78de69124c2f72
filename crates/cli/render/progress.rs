//! What is under way, on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use syncplan_exec::{Event, Events};
use syncplan_model::{Escaped, Plan, TaskName};

use super::colour;
use super::pace::Pace;
use crate::args::Global;

/// A spinner that counts what a scan finds.
pub(crate) struct Scanning {
    bar: ProgressBar,
    found: Arc<AtomicU64>,
}

impl Scanning {
    pub(crate) fn new(global: &Global) -> Self {
        let bar = if colour::stderr_is_terminal() && !global.quiet {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        let found = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&found);
        let style = ProgressStyle::with_template("{spinner} scanning {msg}: {found} entries");
        if let Ok(style) = style {
            bar.set_style(style.with_key(
                "found",
                move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = out.write_str(&super::number(counter.load(std::sync::atomic::Ordering::Relaxed)));
                },
            ));
        }
        Self { bar, found }
    }

    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.found)
    }

    pub(crate) fn begin(&self, task: &TaskName) {
        self.bar.set_message(task.to_string());
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for the bytes and actions of a run; off a terminal, a line every few seconds.
pub(crate) struct Executing {
    shown: Shown,
}

/// What the threads that report need.
#[derive(Clone)]
struct Shown {
    bar: ProgressBar,
    /// Nothing is shown without it.
    run: Option<Arc<Mutex<Run>>>,
}

/// How far a run is.
struct Run {
    pace: Pace,
    next_line: Instant,
    /// What keeps it from being as fast as it could be.
    hindrance: Option<String>,
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Executing {
    pub(crate) fn new(global: &Global, plan: &Plan) -> Self {
        if global.quiet {
            return Self::hidden();
        }
        let pace = Pace::begin(plan.actions().len() as u64, plan.summary().transfer_bytes);
        let bar = if colour::stderr_is_terminal() { bar(&pace) } else { ProgressBar::hidden() };
        let run = Run { pace, next_line: Instant::now() + LINE_EVERY, hindrance: None };
        Self { shown: Shown { bar, run: Some(Arc::new(Mutex::new(run))) } }
    }

    pub(crate) fn hidden() -> Self {
        Self { shown: Shown { bar: ProgressBar::hidden(), run: None } }
    }

    /// Takes what a run says of itself.
    pub(crate) fn events(&self) -> Events {
        let shown = self.shown.clone();
        Arc::new(move |event| shown.take(event))
    }

    pub(crate) fn end(&self) {
        self.shown.bar.finish_and_clear();
    }
}

fn bar(pace: &Pace) -> ProgressBar {
    let bar = ProgressBar::new(pace.length());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Shown {
    fn take(&self, event: Event<'_>) {
        match event {
            Event::Progress { bytes, .. } => self.update(|run| run.pace.transfer(bytes)),
            Event::Resumed { bytes, .. } => self.update(|run| run.pace.skip(bytes)),
            Event::ActionFinished { .. } => self.update(|run| run.pace.finish_action()),
            Event::Retrying { action, message } => {
                let message = Escaped(message.as_bytes());
                tracing::info!("trying {} {} again: {message}", action.op, action.path);
            }
            Event::Throttled { store, jobs, .. } => {
                let what = super::count(jobs as u64, "request", "requests");
                self.hinder(&format!("{} asks for less: {what} at once", Escaped(store.as_bytes())));
            }
            Event::Offline { store, message } => {
                let (store, message) = (Escaped(store.as_bytes()), Escaped(message.as_bytes()));
                self.hinder(&format!("{store} cannot be reached, waiting for it: {message}"));
            }
            Event::Online { store, after } => {
                let again =
                    format!("{} is back after {}", Escaped(store.as_bytes()), super::time::span(after));
                self.tell(&again);
                self.update(|run| run.hindrance = None);
            }
            Event::RunStarted { .. } | Event::ActionStarted { .. } | Event::RunFinished { .. } => {}
        }
    }

    /// Says at once what keeps the run from going on, and goes on saying it.
    fn hinder(&self, what: &str) {
        self.tell(what);
        self.update(|run| run.hindrance = Some(what.to_owned()));
    }

    fn tell(&self, line: &str) {
        match (&self.run, self.bar.is_hidden()) {
            (None, _) => {}
            (Some(_), true) => super::stderr(line),
            (Some(_), false) => self.bar.println(line),
        }
    }

    fn update(&self, change: impl FnOnce(&mut Run)) {
        let Some(run) = &self.run else { return };
        let mut run = run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut run);
        if !self.bar.is_hidden() {
            self.bar.set_position(run.pace.position());
            self.bar.set_message(run.said());
        } else if run.next_line <= Instant::now() {
            run.next_line = Instant::now() + LINE_EVERY;
            super::stderr(&run.said());
        }
    }
}

impl Run {
    fn said(&self) -> String {
        let hindrance = self.hindrance.iter().map(|what| format!(" ({what})")).collect::<String>();
        format!("{}{hindrance}", self.pace.line(Instant::now()))
    }
}
