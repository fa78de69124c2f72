//! What of a run is not taken back.

use std::fmt::Write as _;

use serde_json::{Value, json};
use syncplan_model::Escaped;
use syncplan_plan::NotUndone;

use super::colour::{Painted, Tone};

/// How many are named where people decide.
const NAMED: usize = 20;

pub(crate) fn left(left: &[NotUndone]) -> String {
    let mut text = String::new();
    if left.is_empty() {
        return text;
    }
    let _ = writeln!(text, "{}", Painted(Tone::Heading, "stays as it is"));
    for NotUndone { task, side, path, reason } in left.iter().take(NAMED) {
        let reason = Painted(Tone::Quiet, format!("({})", Escaped(reason.as_bytes())));
        let _ = writeln!(text, "  ! {task} {side} {path}  {reason}");
    }
    if left.len() > NAMED {
        let more = super::number((left.len() - NAMED) as u64);
        let _ = writeln!(text, "  … and {more} more: --json lists them");
    }
    text
}

pub(crate) fn machine(left: &[NotUndone]) -> Vec<Value> {
    let line =
        |it: &NotUndone| json!({ "task": it.task, "side": it.side, "path": it.path, "reason": it.reason });
    left.iter().map(line).collect()
}
