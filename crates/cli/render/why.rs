//! Why a plan does with one path what it does.

use std::fmt::Write as _;

use serde_json::{Value, json};
use syncplan_model::plan::{Action, Op, Side};
use syncplan_model::{Escaped, Facts, RelPath, TaskName};
use syncplan_plan::{Change, Why};

use super::colour::{Painted, Tone};
use super::{facts, plan, rest};

/// How many actions below a folder are named.
const NAMED: usize = 20;

/// What there is to say about one path of one task.
pub(crate) struct Answer<'a> {
    pub(crate) task: &'a TaskName,
    pub(crate) path: &'a RelPath,
    pub(crate) why: &'a Why,
    /// What leaves it out, if something does.
    pub(crate) rule: Option<Rule>,
    /// What the plan does there.
    pub(crate) actions: Vec<&'a Action>,
}

/// What leaves a path out.
pub(crate) enum Rule {
    /// A marker in the folder.
    Marker { side: Side, file: RelPath },
    /// A line of an ignore file.
    Pattern { side: Side, file: RelPath, line: usize, pattern: String },
    /// The filter of the task.
    Select(String),
    /// What a scan met there.
    Problem(String),
}

impl Answer<'_> {
    pub(crate) fn human(&self) -> String {
        let Why { local, remote, base, local_change, remote_change, .. } = self.why;
        let mut text = String::new();
        let _ = writeln!(text, "{}", Painted(Tone::Heading, format!("{}: {}", self.task, self.path)));
        side(&mut text, "local", local.as_ref(), Some(*local_change));
        side(&mut text, "remote", remote.as_ref(), Some(*remote_change));
        side(&mut text, "base", base.as_ref().map(|(local, _)| local), None);
        self.left_out(&mut text);
        if let Some(evidence) = self.why.evidence {
            let _ = writeln!(text, "  the same by {evidence}");
        }
        let _ = writeln!(text, "  {}", Escaped(self.why.decision.as_bytes()));
        let actions = self.actions.iter().filter(|action| action.op != Op::Record);
        for action in actions.clone().take(NAMED) {
            let _ = writeln!(text, "    {}", plan::line(action));
        }
        rest(&mut text, actions.count(), NAMED);
        text
    }

    fn left_out(&self, text: &mut String) {
        let Some(left_out) = &self.why.left_out else { return };
        let side = left_out.side.map(|side| format!(" on the {side} side")).unwrap_or_default();
        let place = match left_out.path == *self.path {
            true => format!("left out{side}"),
            false => format!("left out{side} with `{}`", left_out.path),
        };
        let rule = self.rule.as_ref().map(|rule| format!(": {}", rule.words())).unwrap_or_default();
        let _ = writeln!(text, "  {place}{rule}");
    }

    pub(crate) fn json(&self) -> String {
        let why = self.why;
        let base = why.base.as_ref().map(|(local, remote)| json!({ "local": local, "remote": remote }));
        let left_out = why.left_out.as_ref().map(|it| {
            json!({
                "path": it.path, "side": it.side, "why": it.why,
                "rule": self.rule.as_ref().map(Rule::json),
            })
        });
        json!({
            "task": self.task, "path": self.path, "local": why.local, "remote": why.remote, "base": base,
            "local_change": why.local_change.as_str(), "remote_change": why.remote_change.as_str(),
            "left_out": left_out, "evidence": why.evidence, "decision": why.decision,
            "actions": self.actions,
        })
        .to_string()
    }
}

impl Rule {
    fn words(&self) -> String {
        match self {
            Self::Marker { side, file } => format!("`{file}` on the {side} side is a marker"),
            Self::Pattern { side, file, line, pattern } => {
                let pattern = Escaped(pattern.as_bytes());
                format!("`{pattern}` in line {line} of `{file}` on the {side} side")
            }
            Self::Select(filter) => {
                format!("the task's `select \"{}\"` does not match", Escaped(filter.as_bytes()))
            }
            Self::Problem(message) => Escaped(message.as_bytes()).to_string(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Marker { side, file } => json!({ "marker": file, "side": side }),
            Self::Pattern { side, file, line, pattern } => {
                json!({ "ignore_file": file, "line": line, "pattern": pattern, "side": side })
            }
            Self::Select(filter) => json!({ "select": filter }),
            Self::Problem(message) => json!({ "problem": message }),
        }
    }
}

fn side(text: &mut String, name: &str, what: Option<&Facts>, change: Option<Change>) {
    let is_opaque = what.is_some_and(|facts| facts.kind.is_opaque());
    let what = what.map_or_else(|| "nothing".to_owned(), facts::line);
    // Nothing on either side is no change, and what is not looked at says nothing.
    let change = change.filter(|change| *change != Change::Absent && !is_opaque);
    let change = change.map(|change| format!("  {}", change.as_str())).unwrap_or_default();
    let _ = writeln!(text, "  {name:<7} {what}{}", Painted(Tone::Quiet, change));
}
