//! I6: "two-way is symmetric under swapping the sides"; a fetch is a push seen from the other side.

use syncplan_model::plan::{Action, Op, Plan, Side, TRASH_DIR};
use syncplan_testkit::simulator::line;

use crate::failures::Failure;

/// Compares a plan with that of the swapped sides.
pub(crate) fn check_symmetry(plan: &Plan, swapped: &Plan) -> Result<(), Failure> {
    let (one, other) = (told(plan, false), told(swapped, true));
    if one == other {
        return Ok(());
    }
    Err(Failure::new("I6: swapped sides give another plan", format!("{one:#?}\nswapped {other:#?}")))
}

fn told(plan: &Plan, swap: bool) -> Vec<String> {
    let conflicts = plan.conflicts().iter().map(|it| {
        let (local, remote) = if swap { (&it.remote, &it.local) } else { (&it.local, &it.remote) };
        let policy = if swap { other_word(&it.policy) } else { it.policy.clone() };
        format!("conflict {} {policy} {local:?} {remote:?} {:?}", it.path, it.base)
    });
    // The side of a record is only how it is said.
    let actions = plan.actions().iter().map(|action| action_told(action, swap));
    let mut told: Vec<_> = conflicts.chain(actions).collect();
    told.sort();
    told
}

fn action_told(action: &Action, swap: bool) -> String {
    let side = match (action.op, swap) {
        (Op::Record, _) => "either".to_owned(),
        (_, false) => action.side.to_string(),
        (_, true) => action.side.other().to_string(),
    };
    let line = line(action);
    let line = if swap { other_word(&line) } else { line };
    let trash = action.trash.as_ref().map_or("", |_| TRASH_DIR);
    format!("{line} {side} {} {} {trash} {:?}", action.reason.as_str(), action.phase, action.risk)
}

/// With the words of the sides exchanged.
fn other_word(text: &str) -> String {
    let pairs = [
        ("upload", "download"),
        (".conflict-local-", ".conflict-remote-"),
        (Side::Local.as_str(), Side::Remote.as_str()),
    ];
    for (one, other) in pairs {
        if one == "local" && text != one && text != other {
            continue;
        }
        if text.starts_with(other) {
            return other_word_inside(&text.replacen(other, one, 1));
        }
        if text.starts_with(one) {
            return other_word_inside(&text.replacen(one, other, 1));
        }
    }
    other_word_inside(text)
}

fn other_word_inside(text: &str) -> String {
    let marked =
        text.replace(".conflict-local-", ".conflict-\0-").replace(".conflict-remote-", ".conflict-local-");
    marked.replace(".conflict-\0-", ".conflict-remote-")
}
