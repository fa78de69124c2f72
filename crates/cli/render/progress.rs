//! What is under way, on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use syncplan_exec::{Event, Events};
use syncplan_model::{Plan, TaskName};

use super::colour;
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
    bar: ProgressBar,
    shown: Shown,
}

/// What the thread that reports needs.
#[derive(Clone)]
struct Shown {
    bar: ProgressBar,
    lines: Option<Arc<Mutex<Lines>>>,
}

/// The lines that stand in for a bar.
struct Lines {
    next: Instant,
    actions: u64,
    done: u64,
    bytes: u64,
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

const BAR: &str = "{bar:30} {binary_bytes}/{binary_total_bytes} {msg} {binary_bytes_per_sec}, {eta} left";

impl Executing {
    pub(crate) fn new(global: &Global, plan: &Plan) -> Self {
        if global.quiet {
            return Self::hidden();
        }
        let actions = plan.actions().len() as u64;
        if !colour::stderr_is_terminal() {
            let lines = Lines { next: Instant::now() + LINE_EVERY, actions, done: 0, bytes: 0 };
            let shown = Shown { bar: ProgressBar::hidden(), lines: Some(Arc::new(Mutex::new(lines))) };
            return Self { bar: shown.bar.clone(), shown };
        }
        let bar = ProgressBar::new(plan.summary().transfer_bytes);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        let lines = Lines { next: Instant::now(), actions, done: 0, bytes: 0 };
        Self { shown: Shown { bar: bar.clone(), lines: Some(Arc::new(Mutex::new(lines))) }, bar }
    }

    pub(crate) fn hidden() -> Self {
        let bar = ProgressBar::hidden();
        Self { shown: Shown { bar: bar.clone(), lines: None }, bar }
    }

    /// Takes what a run says of itself.
    pub(crate) fn events(&self) -> Events {
        let shown = self.shown.clone();
        Arc::new(move |event| shown.take(event))
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Shown {
    fn take(&self, event: Event<'_>) {
        match event {
            Event::Progress { bytes, .. } => {
                self.bar.inc(bytes);
                self.update(|lines| lines.bytes += bytes);
            }
            Event::ActionFinished { .. } => self.update(|lines| lines.done += 1),
            Event::Retrying { action, message } => {
                tracing::info!("trying {} {} again: {message}", action.op, action.path)
            }
            Event::RunStarted { .. } | Event::ActionStarted { .. } | Event::RunFinished { .. } => {}
        }
    }

    fn update(&self, change: impl FnOnce(&mut Lines)) {
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut lines);
        let said = format!("{}/{} actions", super::number(lines.done), super::number(lines.actions));
        if !self.bar.is_hidden() {
            self.bar.set_message(said);
        } else if !colour::stderr_is_terminal() && lines.next <= Instant::now() {
            lines.next = Instant::now() + LINE_EVERY;
            super::stderr(&format!("{said}, {}", super::size(lines.bytes)));
        }
    }
}
