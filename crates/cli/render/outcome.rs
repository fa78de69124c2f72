//! What became of a run.

use std::fmt::Write as _;

use serde_json::{Value, json};
use syncplan_exec::{Ending, Outcome, Report};
use syncplan_model::Escaped;
use syncplan_plan::NotUndone;

use super::{count, number, size};

/// How many problems are told on a terminal.
const NAMED: usize = 20;

/// Prints the outcome: what went wrong on stderr, the closing line or the JSON on stdout.
pub(crate) fn print(report: &Report, dry: bool, as_json: bool) {
    tell_problems(report);
    super::stdout(&if as_json { machine(report, dry).to_string() } else { closing(report, dry) });
}

/// The same of a run that takes another one back, with what stays as it is.
pub(crate) fn print_undo(report: &Report, dry: bool, as_json: bool, left: &[NotUndone]) {
    tell_problems(report);
    super::stdout(&if as_json {
        let mut outcome = machine(report, dry);
        outcome["not_undone"] = super::undo::machine(left).into();
        outcome.to_string()
    } else {
        closing(report, dry)
    });
}

fn tell_problems(report: &Report) {
    let problems = problems(report);
    if !problems.is_empty() {
        super::stderr(&problems);
    }
}

/// Both together, for a run that stands beside another.
pub(crate) fn human(report: &Report) -> String {
    format!("{}{}", problems(report), closing(report, false))
}

fn problems(report: &Report) -> String {
    let mut text = String::new();
    let told = report.problems.iter().filter(|problem| problem.outcome != Outcome::Skipped);
    for problem in told.clone().take(NAMED) {
        let message = Escaped(problem.message.as_bytes());
        // The message names the place itself.
        let _ = writeln!(text, "{} {}: {message}", problem.outcome, problem.op);
    }
    let left = told.count().saturating_sub(NAMED);
    if left > 0 {
        let _ = writeln!(text, "… and {} more: --json lists them", number(left as u64));
    }
    text
}

fn closing(report: &Report, dry: bool) -> String {
    if report.already_applied {
        return format!(
            "this plan was applied already: {} done before",
            count(report.done_before, "action", "actions")
        );
    }
    let counts = &report.counts;
    let mut parts = Vec::new();
    let mut part = |value: u64, word: &str| {
        if value > 0 {
            parts.push(format!("{} {word}", number(value)));
        }
    };
    part(report.done_before, "done before");
    part(counts.applied, if dry { "would be applied" } else { "applied" });
    part(counts.already_satisfied, "already satisfied");
    part(counts.stale, "stale, left alone");
    part(counts.failed, "failed");
    part(counts.skipped, "skipped");
    part(counts.not_begun, "not begun");
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    let bytes = if dry || report.bytes == 0 {
        String::new()
    } else {
        format!(", {} transferred", size(report.bytes))
    };
    let next = match report.ending {
        Ending::Done => "",
        Ending::Stale => "; plan again for what changed",
        Ending::Partial => "; run it again for what is left",
        Ending::Interrupted => "; run it again to go on",
    };
    format!("{}{bytes}{next}", parts.join(", "))
}

fn machine(report: &Report, dry: bool) -> Value {
    let counts = &report.counts;
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|it| {
            json!({
                "action": it.action, "task": it.task, "op": it.op, "side": it.side, "path": it.path,
                "outcome": it.outcome.as_str(), "message": it.message,
            })
        })
        .collect();
    json!({
        "ending": report.ending.as_str(), "dry_run": dry, "already_applied": report.already_applied,
        "counts": {
            "applied": counts.applied.to_string(), "already_satisfied": counts.already_satisfied.to_string(),
            "stale": counts.stale.to_string(), "failed": counts.failed.to_string(),
            "skipped": counts.skipped.to_string(), "not_begun": counts.not_begun.to_string(),
            "done_before": report.done_before.to_string(),
        },
        "bytes": report.bytes.to_string(), "problems": problems,
    })
}
