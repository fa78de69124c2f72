//! Guards: they judge a whole plan from what its header and its actions say, and nothing else.
//!
//! The planner calls [`judge`] before it writes a plan; whoever applies one calls it again, and
//! trusts none of the findings that were written.

mod deletes;
mod protect;

pub use protect::{Protected, views};

use super::{Action, Enforce, Finding, Header, Level, Mark, Op, Reason, Risk, Side, TaskHeader};
use crate::mtime::Mtime;
use crate::spec::{Direction, GuardLevel, MaxDelete};

/// Everything that the guards have to say about a plan.
///
/// `protected` are the filters of [`Limits::protect`](super::Limits::protect), parsed; `now` is what
/// their ages are measured against.
pub fn judge(header: &Header, actions: &[Action], protected: &[Protected<'_>], now: Mtime) -> Vec<Finding> {
    let mut findings = Vec::from_iter(deletes::judge_all(header, actions));
    for task in &header.tasks {
        let own: Vec<&Action> = actions.iter().filter(|action| action.task == task.name).collect();
        findings.extend(Side::ALL.iter().filter_map(|&side| replaced(task, side)));
        // What is taken back was no wish of the source.
        findings.extend(empty_source(task, &own).filter(|_| header.selection.undo.is_none()));
        findings.extend(deletes::judge(task, &own));
        findings.extend(max_change(task, &own));
        findings.extend(protect::judge(task, &own, protected, now));
        findings.extend(protect::judge_removed(task, &own));
        findings.extend(edit_survives(task, &own));
        findings.extend(incomplete_scan(task));
        findings.extend(weak_precondition(task, &own));
        findings.extend(sampled_match(task, &own));
    }
    findings
}

/// A finding about some actions of a task.
fn finding(code: &str, level: Level, task: &TaskHeader, message: String, about: &[&Action]) -> Finding {
    let actions = about.iter().take(Finding::MAX_ACTIONS).map(|action| action.id).collect();
    Finding { code: code.to_owned(), level, task: Some(task.name.clone()), message, actions }
}

fn select<'a>(actions: &[&'a Action], matches: impl Fn(&Action) -> bool) -> Vec<&'a Action> {
    actions.iter().copied().filter(|action| matches(action)).collect()
}

/// A source without anything in it, or without anything of what was synced, is more often a disk that
/// is not mounted than a wish.
fn empty_source(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    let level = match task.limits.empty_source.unwrap_or(GuardLevel::Hard) {
        GuardLevel::Off => return None,
        GuardLevel::Soft => Level::Soft,
        GuardLevel::Hard => Level::Hard,
    };
    let sources: &[Side] = match task.direction {
        Some(Direction::Push) => &[Side::Local],
        Some(Direction::Fetch) => &[Side::Remote],
        None => Side::ALL,
    };
    sources.iter().find_map(|&source| {
        let (target, what) = (source.other(), emptiness(task, source, actions)?);
        let about = select(actions, |action| action.op.removes() && action.side == target);
        let entries = task.snapshot(target).entries;
        let message = format!(
            "{what}, and {} of {} on the {target} side would be deleted: check that the source is there",
            deletes::grouped(about.len() as u64),
            deletes::entries(entries),
        );
        (entries > 0 && !about.is_empty()).then(|| finding("empty-source", level, task, message, &about))
    })
}

/// How a side is empty, if it is. What was renamed is not gone; and of a handful of files all may well be.
fn emptiness(task: &TaskHeader, side: Side, actions: &[&Action]) -> Option<String> {
    if task.snapshot(side).entries == 0 {
        return Some(format!("the {side} side is empty"));
    }
    let left = task.base.as_ref()?.left?;
    let renamed = actions.iter().any(|it| it.side != side && matches!(it.op, Op::Move | Op::Stage));
    let nothing = left.of >= MaxDelete::PERCENT_FROM && left.on(side) == 0 && left.on(side.other()) > 0;
    (nothing && !renamed).then(|| {
        format!("nothing is left on the {side} side of the {} that were synced", deletes::entries(left.of))
    })
}

/// What stands on a side now says nothing about what was deleted: it is another one.
fn replaced(task: &TaskHeader, side: Side) -> Option<Finding> {
    let what = match task.base.as_ref()?.mark(side)? {
        Mark::Current => return None,
        Mark::Missing => "is not the one that was synced before",
        Mark::Older => "was put back to what it was before the last sync",
    };
    let message = format!(
        "the {side} side {what}: check that the right one is there; if it is, forget what was synced with `syncplan \
         forget {}`, and both sides are joined without deleting anything",
        task.name,
    );
    Some(finding(&format!("replaced-{side}"), Level::Hard, task, message, &[]))
}

/// What one side deleted and the other edited comes back, which somebody may not expect.
fn edit_survives(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    let about = select(actions, |action| action.reason == Reason::EDIT_SURVIVES);
    let verb = if about.len() == 1 { "brings" } else { "bring" };
    let message = format!(
        "{} {verb} back what one side deleted, since the other edited it meanwhile",
        deletes::actions(about.len() as u64),
    );
    (!about.is_empty()).then(|| finding("edit-survives", Level::Advisory, task, message, &about))
}

/// Nearly everything changed at once: that is what a disk encrypted by somebody else looks like.
fn max_change(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    let limit = task.limits.max_change_percent?;
    let about = select(actions, |action| {
        action.op.removes()
            || action.risk.contains(&Risk::Overwrite)
            || matches!(action.op, Op::Move | Op::Stage)
    });
    let entries = task.snapshots.local.entries.max(task.snapshots.remote.entries);
    let percent = deletes::percent(about.len() as u64, entries);
    if percent <= u64::from(limit) || (about.len() as u64) < MaxDelete::PERCENT_FROM {
        return None;
    }
    let message = format!(
        "{} of {} would be changed or removed ({percent} %), and the limit is {limit} %: if that is meant, apply \
         with `--override max-change --reason TEXT`",
        deletes::grouped(about.len() as u64),
        deletes::entries(entries),
    );
    Some(finding("max-change", Level::Soft, task, message, &about))
}

fn incomplete_scan(task: &TaskHeader) -> Option<Finding> {
    let seen = &task.snapshots;
    let side = match (seen.local.complete, seen.remote.complete) {
        (true, true) => return None,
        (false, true) => "the local side",
        (true, false) => "the remote side",
        (false, false) => "both sides",
    };
    let message = format!("part of {side} could not be read: nothing at or below what could not is touched");
    Some(finding("incomplete-scan", Level::Advisory, task, message, &[]))
}

fn weak_precondition(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    let destroys = |action: &Action| {
        action.op.removes() || action.risk.iter().any(|risk| matches!(risk, Risk::Overwrite | Risk::Delete))
    };
    let about = select(actions, |action| action.enforce == Some(Enforce::Weak) && destroys(action));
    let message = format!(
        "{} replace or remove something on a store that can compare only size and time before it does: what others \
         write there at the same moment could be lost",
        deletes::actions(about.len() as u64),
    );
    (!about.is_empty()).then(|| finding("weak-precondition", Level::Advisory, task, message, &about))
}

fn sampled_match(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    let about = select(actions, |action| action.risk.contains(&Risk::SampledMatch));
    let message = format!(
        "{} rest on samples of the content, and `confirm sampled` lets nothing confirm them",
        deletes::actions(about.len() as u64),
    );
    (!about.is_empty()).then(|| finding("sampled-match", Level::Advisory, task, message, &about))
}
