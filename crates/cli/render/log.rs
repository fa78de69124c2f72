//! What a run did, a line an action.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use syncplan_model::Escaped;
use syncplan_model::plan::{Action, ActionId};
use syncplan_state::LogEntry;

use super::colour::{Painted, Tone};
use super::{plan, time};
use crate::runs::Recorded;

pub(crate) fn human(recorded: &Recorded, entries: &[LogEntry]) -> String {
    let run = &recorded.summary;
    let mut text = format!("run {}, {}, {}\n", run.run, time::to_the_second(run.started), run.status());
    if let Some(undone) = recorded.document.plan.header().selection.undo {
        let _ = writeln!(text, "it took back run {undone}");
    }
    if let Some(overrides) = &run.overrides {
        let _ = writeln!(text, "it went ahead against a guard: {}", Escaped(overrides.as_bytes()));
    }
    let actions = by_id(recorded);
    for entry in entries {
        let outcome = entry.outcome.map_or("not settled", |outcome| outcome.as_str());
        let tone = if entry.outcome.is_some_and(|it| it.is_done()) { Tone::Quiet } else { Tone::Removes };
        let action = actions.get(&entry.action).map(|action| plan::line(action)).unwrap_or_default();
        let _ = writeln!(text, "{}  {action}", Painted(tone, format!("{outcome:<17}")));
        if let Some(message) = &entry.message {
            let _ = writeln!(text, "                   {}", Escaped(message.as_bytes()));
        }
    }
    let left = run.actions.saturating_sub(entries.len() as u64);
    if left > 0 {
        // Those that an earlier part of the run did are on its own record.
        let _ = writeln!(text, "{} not begun by this run", super::count(left, "action", "actions"));
    }
    text
}

pub(crate) fn machine(recorded: &Recorded, entries: &[LogEntry]) -> String {
    let actions = by_id(recorded);
    entries.iter().map(|entry| format!("{}\n", record(entry, actions.get(&entry.action).copied()))).collect()
}

fn record(entry: &LogEntry, action: Option<&Action>) -> Value {
    json!({
        "action": entry.action, "task": action.map(|it| &it.task), "op": action.map(|it| it.op),
        "side": action.map(|it| it.side), "from": action.and_then(|it| it.from.as_ref()),
        "path": action.map(|it| &it.path), "bytes": action.map(|it| it.bytes.to_string()),
        "outcome": entry.outcome.map(|outcome| outcome.as_str()), "message": entry.message,
        "at": entry.at.map(time::exact),
    })
}

fn by_id(recorded: &Recorded) -> HashMap<ActionId, &Action> {
    recorded.document.plan.actions().iter().map(|action| (action.id, action)).collect()
}
