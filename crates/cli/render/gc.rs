//! What runs left behind.

use std::fmt::Write as _;

use serde_json::{Value, json};
use syncplan_exec::{Fate, Found};
use syncplan_model::Escaped;

use super::colour::{Painted, Tone};
use super::{count, size};

pub(crate) fn human(found: &[Found], dry: bool) -> String {
    let mut text = String::new();
    for it in found {
        let _ = writeln!(text, "{}", line(it));
    }
    let gone: Vec<_> = found.iter().filter(|it| matches!(it.fate, Fate::Removed)).collect();
    let bytes = gone.iter().fold(0_u64, |sum, it| sum.saturating_add(it.bytes));
    let what = count(gone.len() as u64, "thing", "things");
    let verb = if dry { "to remove" } else { "removed" };
    match gone.is_empty() {
        true => text.push_str("nothing to remove"),
        false => drop(write!(text, "{what} {verb}, {}", size(bytes))),
    }
    text
}

fn line(found: &Found) -> String {
    let (sign, tone, why) = match &found.fate {
        Fate::Removed => ('-', Tone::Removes, String::new()),
        Fate::Kept(why) => ('=', Tone::Quiet, format!(", stays: {why}")),
        Fate::Failed(why) => ('!', Tone::Removes, format!(", failed: {why}")),
    };
    let what = format!("({} {}: {}{why})", found.task, found.side, found.what.as_str());
    let what = Painted(Tone::Quiet, Escaped(what.as_bytes()).to_string());
    format!("{} {}  {}  {what}", Painted(tone, sign), found.path, size(found.bytes))
}

pub(crate) fn machine(found: &[Found], dry: bool) -> String {
    found.iter().map(|it| format!("{}\n", record(it, dry))).collect()
}

fn record(found: &Found, dry: bool) -> Value {
    let (fate, message) = match &found.fate {
        Fate::Removed => ("removed", None),
        Fate::Kept(why) => ("kept", Some(why)),
        Fate::Failed(why) => ("failed", Some(why)),
    };
    json!({
        "task": found.task, "side": found.side, "path": found.path, "what": found.what.as_str(),
        "bytes": found.bytes.to_string(), "since": found.since, "fate": fate, "message": message, "dry_run": dry,
    })
}
