//! What was looked into before anything goes wrong.

use std::fmt::Write as _;

use serde_json::{Value, json};
use syncplan_model::Escaped;

use super::colour::{Painted, Tone};
use super::count;
use crate::command::doctor::{Checked, How, Looked, Subject};

pub(crate) fn human(looked: &[Looked]) -> String {
    let mut text = String::new();
    for it in looked {
        let _ = writeln!(text, "{}", heading(&it.subject));
        for check in &it.checks {
            let (sign, tone, says) = words(&check.how);
            let sign = Painted(tone, format!("{sign:<4}"));
            let _ = writeln!(text, "  {sign}  {:<8} {}", check.what, Escaped(says.as_bytes()));
        }
    }
    let number = |wanted: fn(&How) -> bool| {
        looked.iter().flat_map(|it| &it.checks).filter(|check| wanted(&check.how)).count() as u64
    };
    let failed = number(|how| matches!(how, How::Failed(_)));
    let weak = number(|how| matches!(how, How::Weak(_)));
    text.push_str(&match (failed, weak) {
        (0, 0) => "all is well".to_owned(),
        (0, weak) => format!("all works; {} weaker than possible", count(weak, "thing is", "things are")),
        (failed, _) => count(failed, "thing does not work", "things do not work"),
    });
    text
}

fn heading(subject: &Subject) -> String {
    match subject {
        Subject::Place { store, kind, location, tasks } => {
            let used = if tasks.is_empty() { "no task".to_owned() } else { tasks.join(", ") };
            let rest = Painted(Tone::Quiet, format!("({kind}; {used})"));
            format!("{}  {rest}", Painted(Tone::Heading, format!("{store}:{}", Escaped(location.as_bytes()))))
        }
        Subject::State => Painted(Tone::Heading, "state").to_string(),
        Subject::Tool { task } => Painted(Tone::Heading, format!("tools of {task}")).to_string(),
    }
}

fn words(how: &How) -> (&'static str, Tone, String) {
    match how {
        How::Good(says) => ("ok", Tone::Adds, says.clone()),
        How::Lacks(says) => ("no", Tone::Quiet, says.clone()),
        How::Weak(says) => ("weak", Tone::Moves, says.clone()),
        How::Failed(failure) => ("FAIL", Tone::Removes, failure.told().message),
    }
}

pub(crate) fn machine(looked: &[Looked]) -> String {
    looked.iter().map(|it| format!("{}\n", record(it))).collect()
}

fn record(looked: &Looked) -> Value {
    let failed = looked.checks.iter().any(|check| matches!(check.how, How::Failed(_)));
    let checks: Vec<Value> = looked.checks.iter().map(check).collect();
    let mut record = json!({ "ok": !failed, "checks": checks });
    let about = match &looked.subject {
        Subject::Place { store, kind, location, tasks } => {
            json!({ "store": store, "kind": kind, "location": location, "tasks": tasks })
        }
        Subject::State => json!({ "state": true }),
        Subject::Tool { task } => json!({ "tool": true, "tasks": [task] }),
    };
    if let (Some(record), Value::Object(about)) = (record.as_object_mut(), about) {
        record.extend(about);
    }
    record
}

fn check(check: &Checked) -> Value {
    let (verdict, says) = match &check.how {
        How::Good(says) => ("ok", says),
        How::Lacks(says) => ("no", says),
        How::Weak(says) => ("weak", says),
        How::Failed(failure) => {
            let told = failure.told();
            return json!({
                "check": check.what, "verdict": "failed", "says": told.message,
                "code": told.code, "help": told.help,
            });
        }
    };
    json!({ "check": check.what, "verdict": verdict, "says": says })
}
