//! What stands at a path, for people.

use syncplan_model::{EntryKind, Escaped, Facts, Mtime};

use super::size;

/// On one line: `12 B, 2026-11-20 18:00:01Z`.
pub(crate) fn line(facts: &Facts) -> String {
    match facts.kind {
        EntryKind::File => file(facts),
        EntryKind::Dir => "a folder".to_owned(),
        EntryKind::Symlink => match &facts.target {
            Some(target) => format!("a link to {}", Escaped(target.as_bytes())),
            None => "a link".to_owned(),
        },
        EntryKind::Ignored => "left out".to_owned(),
        EntryKind::Unreadable => "cannot be read".to_owned(),
        EntryKind::Special => "a FIFO, a socket or a device".to_owned(),
    }
}

fn file(facts: &Facts) -> String {
    let time = facts.mtime.and_then(time).map(|time| format!(", {time}")).unwrap_or_default();
    format!("{}{time}", size(facts.size))
}

/// In UTC, to the second.
fn time(mtime: Mtime) -> Option<String> {
    let time = jiff::Timestamp::new(mtime.seconds, 0).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
