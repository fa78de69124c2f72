//! What runs left behind.

use serde_json::json;
use syncplan_exec::{Fate, Found};
use syncplan_model::Escaped;

use super::colour::{Painted, Tone};
use super::{count, size};

/// How many things are removed, or would be.
pub(crate) fn sum(things: u64, bytes: u64, dry: bool) -> String {
    let what = count(things, "thing", "things");
    let verb = if dry { "to remove" } else { "removed" };
    match things {
        0 => "nothing to remove".to_owned(),
        _ => format!("{what} {verb}, {}", size(bytes)),
    }
}

/// A line for each.
pub(crate) fn human(found: &Found) -> String {
    let (sign, tone, why) = match &found.fate {
        Fate::Removed => ('-', Tone::Removes, String::new()),
        Fate::Kept(why) => ('=', Tone::Quiet, format!(", stays: {why}")),
        Fate::Failed(why) => ('!', Tone::Removes, format!(", failed: {why}")),
    };
    let what = format!("({} {}: {}{why})", found.task, found.side, found.what.as_str());
    let what = Painted(Tone::Quiet, Escaped(what.as_bytes()).to_string());
    format!("{} {}  {}  {what}", Painted(tone, sign), found.path, size(found.bytes))
}

pub(crate) fn machine(found: &Found, dry: bool) -> String {
    let (fate, message) = match &found.fate {
        Fate::Removed => ("removed", None),
        Fate::Kept(why) => ("kept", Some(why)),
        Fate::Failed(why) => ("failed", Some(why)),
    };
    json!({
        "task": found.task, "side": found.side, "path": found.path, "what": found.what.as_str(),
        "bytes": found.bytes.to_string(), "since": found.since, "fate": fate, "message": message, "dry_run": dry,
    })
    .to_string()
}
