//! A plan for people: what matters first.

use std::fmt::Write as _;

use syncplan_model::plan::{Action, Amount, Level, Op, Plan, Side, TaskHeader};
use syncplan_model::{Escaped, RelPath};

use super::colour::{Painted, Tone};
use super::{conflict, count, number, rest, size};
use crate::document::Document;
use crate::execution::is_restricted;

/// How many destructive actions, conflicts and actions of a finding a summary names.
const NAMED: usize = 20;

/// The summary, and what destroys.
pub(crate) fn summary(plan: &Plan) -> String {
    let mut text = undone(plan);
    for task in &plan.header().tasks {
        task_lines(&mut text, plan, task);
    }
    destructive(&mut text, plan, NAMED);
    conflict::sections(&mut text, plan, NAMED);
    findings(&mut text, plan);
    text.push_str(&closing_line(plan));
    text
}

/// What settles one conflict: every action of it.
pub(crate) fn resolution(plan: &Plan) -> String {
    let mut text = String::new();
    for action in plan.actions().iter().filter(|action| action.op != Op::Record) {
        let _ = writeln!(text, "{}", line(action));
    }
    findings(&mut text, plan);
    text.push_str(&closing_line(plan));
    text
}

/// The summary, and every action but what the base learns.
pub(crate) fn whole(plan: &Plan, document: Option<&Document>) -> String {
    let mut text = String::new();
    if let Some(document) = document {
        let made = format!("{}, made {} by {}", document.id, document.meta.created_at, document.meta.tool);
        let _ = writeln!(text, "{}", Painted(Tone::Quiet, Escaped(made.as_bytes())));
    }
    text.push_str(&undone(plan));
    for task in &plan.header().tasks {
        task_lines(&mut text, plan, task);
        for action in plan.actions().iter().filter(|it| it.task == task.name && it.op != Op::Record) {
            let _ = writeln!(text, "    {}", line(action));
        }
    }
    conflict::sections(&mut text, plan, usize::MAX);
    findings(&mut text, plan);
    text.push_str(&closing_line(plan));
    text
}

/// What kind of plan it is, where it is none that goes forward.
fn undone(plan: &Plan) -> String {
    plan.header().selection.undo.map_or_else(String::new, |run| format!("takes back run {run}\n"))
}

fn task_lines(text: &mut String, plan: &Plan, task: &TaskHeader) {
    let arrow = match task.direction {
        Some(syncplan_model::spec::Direction::Push) => "→",
        Some(syncplan_model::spec::Direction::Fetch) => "←",
        None => "↔",
    };
    let place =
        |side: Side| format!("{}:{}", task.side(side).store, Escaped(task.side(side).location.as_bytes()));
    let title = format!("{}  {}", task.name, task.mode);
    let _ = writeln!(
        text,
        "{}  {} {arrow} {}",
        Painted(Tone::Heading, title),
        place(Side::Local),
        place(Side::Remote)
    );
    let amounts = amounts(plan, task);
    let forward = plan.header().selection.undo.is_none();
    let idle = forward && amounts.iter().all(|(op, _)| *op == Op::Record);
    if idle
        && !is_restricted(plan, task)
        && !plan.conflicts().iter().any(|conflict| conflict.task == task.name)
    {
        let local = task.snapshot(Side::Local);
        let _ =
            writeln!(text, "  in sync: {}, {}", count(local.entries, "entry", "entries"), size(local.bytes));
    }
    // What the base learns is told in the closing line.
    for (op, amount) in amounts.into_iter().filter(|(op, _)| *op != Op::Record) {
        let sign = Painted(tone(op), format!("{} {:<12}", sign(op), op.as_str()));
        let bytes = if amount.bytes > 0 { size(amount.bytes) } else { String::new() };
        let line = format!("  {sign} {:>10}  {bytes}", number(amount.count));
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn amounts(plan: &Plan, task: &TaskHeader) -> Vec<(Op, Amount)> {
    let mut amounts: Vec<(Op, Amount)> = Vec::new();
    for &op in Op::ALL {
        let of_op = plan.actions().iter().filter(|action| action.op == op && action.task == task.name);
        let amount = of_op.fold(Amount::default(), |sum, action| Amount {
            count: sum.count + 1,
            bytes: sum.bytes.saturating_add(action.bytes),
        });
        if amount.count > 0 {
            amounts.push((op, amount));
        }
    }
    amounts
}

fn destructive(text: &mut String, plan: &Plan, most: usize) {
    let destroys = |action: &&Action| !action.risk.is_empty();
    let total = plan.actions().iter().filter(destroys).count();
    if total == 0 {
        return;
    }
    let _ = writeln!(text, "{}", Painted(Tone::Heading, "deletes and overwrites"));
    for action in plan.actions().iter().filter(destroys).take(most) {
        let _ = writeln!(text, "  {}", line(action));
    }
    rest(text, total, most);
}

fn findings(text: &mut String, plan: &Plan) {
    for finding in plan.findings() {
        let tone = if finding.level == Level::Advisory { Tone::Quiet } else { Tone::Removes };
        let task = finding.task.as_ref().map(|task| format!(" {task}:")).unwrap_or_default();
        let code = Painted(tone, format!("{} [{}]", finding.level, Escaped(finding.code.as_bytes())));
        let _ = writeln!(text, "{code}{task} {}", Escaped(finding.message.as_bytes()));
    }
}

fn closing_line(plan: &Plan) -> String {
    let recorded = plan.actions().iter().filter(|action| action.op == Op::Record).count() as u64;
    let mut line = match plan.actions().len() as u64 - recorded {
        0 => "nothing to do".to_owned(),
        actions => format!("{} to do{}", count(actions, "action", "actions"), transfer(plan)),
    };
    match (recorded, plan.has_changes()) {
        (0, _) => {}
        (_, true) => {
            let _ = write!(line, ", {} recorded", number(recorded));
        }
        (_, false) => {
            let _ = write!(line, "; the base learns {}", count(recorded, "path", "paths"));
        }
    }
    if let Some(held) = conflict::held(plan) {
        let _ = write!(line, "; {held}");
    }
    let blocking = plan.findings().iter().filter(|finding| finding.level != Level::Advisory).count();
    if blocking > 0 {
        let _ = write!(line, "; blocked by {}", count(blocking as u64, "guard", "guards"));
    }
    line
}

fn transfer(plan: &Plan) -> String {
    let summary = plan.summary();
    let mut text = format!(", {} to transfer", size(summary.transfer_bytes));
    if summary.saved_bytes > 0 {
        let _ = write!(text, ", {} saved by moves and copies", size(summary.saved_bytes));
    }
    text
}

/// One action on one line.
pub(crate) fn line(action: &Action) -> String {
    let from = action.from.as_ref().map(|from: &RelPath| format!("{from} → ")).unwrap_or_default();
    let what = Painted(tone(action.op), format!("{} {:<12}", sign(action.op), action.op.as_str()));
    let bytes = if action.bytes > 0 { format!("  {}", size(action.bytes)) } else { String::new() };
    let kept = if action.trash.is_some() { ", to the trash" } else { "" };
    let reason = Painted(Tone::Quiet, format!("({} {}{kept})", action.side, action.reason));
    format!("{what} {from}{}{bytes}  {reason}", action.path)
}

fn sign(op: Op) -> char {
    match op {
        Op::Upload | Op::Download | Op::Mkdir | Op::Dump | Op::Restore | Op::Run => '+',
        Op::Copy | Op::Move | Op::Stage | Op::Install => '>',
        Op::Delete | Op::Rmdir | Op::Prune => '-',
        Op::SetMetadata | Op::Record => '~',
    }
}

fn tone(op: Op) -> Tone {
    match sign(op) {
        '+' => Tone::Adds,
        '-' => Tone::Removes,
        '>' => Tone::Moves,
        _ => Tone::Quiet,
    }
}
