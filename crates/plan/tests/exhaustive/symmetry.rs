//! I6: "two-way is symmetric under swapping the sides"; a fetch is a push seen from the other side.

use syncplan_model::plan::{Action, Op, Plan, TRASH_DIR};
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
        let policy = if swap { other_policy(&it.policy) } else { it.policy.clone() };
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
    let words = [("upload ", "download "), (".conflict-local-", ".conflict-remote-")];
    words.into_iter().fold(text.to_owned(), |text, (one, other)| exchange(&text, one, other))
}

fn exchange(text: &str, one: &str, other: &str) -> String {
    text.split(one).map(|part| part.replace(other, one)).collect::<Vec<_>>().join(other)
}

fn other_policy(policy: &str) -> String {
    match policy {
        "local" => "remote".to_owned(),
        "remote" => "local".to_owned(),
        policy => policy.to_owned(),
    }
}
