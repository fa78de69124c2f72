//! Runs, a line each.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};
use syncplan_model::Escaped;
use syncplan_state::{Outcome, RunSummary};

use super::colour::{Painted, Tone};
use super::{number, time};

/// A run, and how many of its actions had which outcome.
pub(crate) type Run = (RunSummary, HashMap<Outcome, u64>);

/// In the order in which people look at what became of actions.
const OUTCOMES: [Outcome; 5] =
    [Outcome::Applied, Outcome::AlreadySatisfied, Outcome::Stale, Outcome::Failed, Outcome::Skipped];

pub(crate) fn human(runs: &[Run]) -> String {
    let mut text = String::new();
    for (run, outcomes) in runs {
        let _ = writeln!(text, "{}", line(run, outcomes));
    }
    if runs.is_empty() {
        text.push_str("nothing was run yet");
    }
    text
}

/// One run on one line: what it was about, and what became of it.
pub(crate) fn line(run: &RunSummary, outcomes: &HashMap<Outcome, u64>) -> String {
    let tasks = run.tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let took = took(run).map(time::span).unwrap_or_default();
    let status = run.status();
    let tone = if status == "done" { Tone::Adds } else { Tone::Removes };
    let who = format!("{}, process {} on {}", run.tool, run.pid, run.host);
    let plan = run.plan_id.get(..11).unwrap_or(&run.plan_id);
    let quiet = Painted(Tone::Quiet, format!("({}; {})", plan, Escaped(who.as_bytes())));
    format!(
        "{:>4}  {}  {took:>10}  {}  {tasks}: {}  {quiet}",
        run.run.number(),
        time::to_the_second(run.started),
        Painted(tone, format!("{status:<11}")),
        counts(run, outcomes),
    )
}

/// `12 applied, 1 stale of 20 actions`.
fn counts(run: &RunSummary, outcomes: &HashMap<Outcome, u64>) -> String {
    let counted = OUTCOMES.iter().filter_map(|outcome| Some((outcomes.get(outcome)?, outcome)));
    let parts: Vec<_> = counted.map(|(count, outcome)| format!("{} {outcome}", number(*count))).collect();
    let of = super::count(run.actions, "action", "actions");
    if parts.is_empty() { format!("none of {of}") } else { format!("{} of {of}", parts.join(", ")) }
}

fn took(run: &RunSummary) -> Option<Duration> {
    let milliseconds = run.finished?.saturating_sub(run.started);
    Some(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)))
}

pub(crate) fn machine(runs: &[Run]) -> String {
    runs.iter().map(|(run, outcomes)| format!("{}\n", record(run, outcomes))).collect()
}

fn record(run: &RunSummary, outcomes: &HashMap<Outcome, u64>) -> Value {
    let counts: Map<String, Value> = OUTCOMES
        .iter()
        .map(|outcome| {
            let count = outcomes.get(outcome).copied().unwrap_or(0);
            (outcome.as_str().replace('-', "_"), count.to_string().into())
        })
        .collect();
    json!({
        "run": run.run.number(), "plan_id": run.plan_id, "tasks": run.tasks, "status": run.status(),
        "started": time::exact(run.started), "finished": run.finished.map(time::exact),
        "actions": run.actions.to_string(), "counts": counts,
        "host": run.host, "pid": run.pid, "tool": run.tool, "overrides": run.overrides,
    })
}
