//! Conflicts for people: where, what each side has, and what becomes of it.

use std::fmt::Write as _;

use syncplan_model::plan::{Conflict, Plan, Side};
use syncplan_model::{EntryKind, Escaped, Facts};

use super::colour::{Painted, Tone};
use super::{count, facts, rest};

/// All conflicts of a plan, and how to settle those that are held.
pub(crate) fn list(plan: &Plan) -> String {
    if plan.conflicts().is_empty() {
        return "no conflicts".to_owned();
    }
    let mut text = String::new();
    sections(&mut text, plan, usize::MAX);
    match plan.held().next() {
        Some(held) => {
            let (task, path) = (&held.task, shell_word(&held.path.to_string()));
            let _ = write!(
                text,
                "settle one, where only content is in the way: syncplan resolve {task} {path} --take local|remote|both"
            );
        }
        None => text.push_str("nothing is held: `syncplan sync` does what the policies say"),
    }
    text
}

/// What is held, and what a policy decides.
pub(crate) fn sections(text: &mut String, plan: &Plan, most: usize) {
    let (held, decided): (Vec<_>, Vec<_>) = plan.conflicts().iter().partition(|it| it.is_held());
    for (title, conflicts) in
        [("conflicts, left as they are", held), ("conflicts, decided by the policy", decided)]
    {
        if conflicts.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", Painted(Tone::Heading, title));
        for conflict in conflicts.iter().take(most) {
            one(text, plan, conflict);
        }
        rest(text, conflicts.len(), most);
    }
}

/// How many are held, for the line that closes a plan.
pub(crate) fn held(plan: &Plan) -> Option<String> {
    match plan.held().count() {
        0 => None,
        held => Some(format!("{} held", count(held as u64, "conflict", "conflicts"))),
    }
}

fn one(text: &mut String, plan: &Plan, conflict: &Conflict) {
    let sign = match conflict.is_held() {
        true => Painted(Tone::Removes, "!"),
        false => Painted(Tone::Moves, "~"),
    };
    let task = match plan.header().tasks.len() {
        1 => String::new(),
        _ => format!("{}: ", conflict.task),
    };
    let policy = match conflict.is_held() {
        true => String::new(),
        false => format!("conflict {}; ", Escaped(conflict.policy.as_bytes())),
    };
    let reason = Painted(Tone::Quiet, format!("({policy}{})", Escaped(conflict.reason.as_bytes())));
    let _ = writeln!(text, "  {sign} {task}{}  {reason}", conflict.path);
    let base = conflict.base.as_deref();
    for (side, own) in [(Side::Local, conflict.local.as_deref()), (Side::Remote, conflict.remote.as_deref())]
    {
        let what = own.map_or_else(|| "nothing".to_owned(), facts::line);
        let change = match is_synced(plan, conflict) {
            true => Painted(Tone::Quiet, change(own, base)).to_string(),
            false => String::new(),
        };
        let line = format!("      {:<7} {what}  {change}", side.as_str());
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Whether the base says anything about it: before the first run nobody knows who changed what.
fn is_synced(plan: &Plan, conflict: &Conflict) -> bool {
    let task = plan.header().task(&conflict.task);
    conflict.base.is_some() || task.and_then(|task| task.base.as_ref()).is_some_and(|base| base.serial > 0)
}

fn change(now: Option<&Facts>, base: Option<&Facts>) -> &'static str {
    match (now, base) {
        (None, None) => "",
        (None, Some(_)) => "deleted",
        (Some(_), None) => "created",
        (Some(now), Some(base)) if now.kind != base.kind => "type changed",
        // Nothing changes about a folder but what is in it.
        (Some(now), Some(_)) if now.kind == EntryKind::Dir => "",
        (Some(now), Some(base)) if is_same(now, base) => "unchanged",
        _ => "modified",
    }
}

fn is_same(now: &Facts, base: &Facts) -> bool {
    match (now.digest, base.digest) {
        (Some(now), Some(base)) => now == base,
        _ => now.size == base.size && now.mtime == base.mtime && now.target == base.target,
    }
}

/// As one word of a shell, where it needs quotes.
fn shell_word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:@%".contains(letter);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
