use crate::entry::Facts;
use crate::filter::{ActionFilter, ActionView, EntryView};
use crate::mtime::Mtime;
use crate::name::TaskName;
use crate::path::RelPath;
use crate::plan::{Action, Expectation, Finding, Level, Op, TaskHeader};

use super::{deletes, finding, select};

/// What no action of a task may touch.
#[derive(Debug, Clone, Copy)]
pub struct Protected<'a> {
    /// The task.
    pub task: &'a TaskName,
    /// What its manifest protects.
    pub filters: &'a [ActionFilter],
}

pub(super) fn judge(
    task: &TaskHeader,
    actions: &[&Action],
    protected: &[Protected<'_>],
    now: Mtime,
) -> Option<Finding> {
    let own = protected.iter().filter(|it| *it.task == task.name);
    let filters: Vec<&ActionFilter> = own.flat_map(|it| it.filters).collect();
    let touches = |action: &Action| {
        action.op != Op::Record && views(action).any(|view| filters.iter().any(|it| it.matches(&view, now)))
    };
    let about = if filters.is_empty() { Vec::new() } else { select(actions, touches) };
    let first = about.first()?;
    let message = format!(
        "{} what `protect` names, `{}` first: change the manifest if that is meant",
        touch(about.len()),
        first.path,
    );
    Some(finding("protected", Level::Hard, task, message, &about))
}

/// A protection that is gone holds for one more plan, so that somebody sees that it goes. A plan that
/// does nothing is no occasion.
pub(super) fn judge_removed(task: &TaskHeader, actions: &[&Action]) -> Option<Finding> {
    actions.iter().find(|action| action.op != Op::Record)?;
    let gone = &task.limits.protected_before;
    let first = gone.first()?;
    let more = gone.len() - 1;
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "the manifest no longer says `protect \"{}\"`{rest}, which still holds for this plan: if that is meant, apply \
         with `--override protect-removed --reason TEXT`",
        crate::Escaped(first.as_bytes()),
    );
    Some(finding("protect-removed", Level::Soft, task, message, &[]))
}

fn touch(count: usize) -> String {
    let verb = if count == 1 { "touches" } else { "touch" };
    format!("{} {verb}", deletes::actions(count as u64))
}

/// An action as filters look at it: once for each place that it touches.
///
/// What it reads on the other side is not touched. A reserved name is no place of its own: staging
/// touches where the file was, installing and what comes back from the trash where it comes to stand.
pub fn views(action: &Action) -> impl Iterator<Item = ActionView<'_>> {
    let from = action.from.as_ref().filter(|from| action.op.has_from() && !from.is_reserved());
    let from = from.map(|path| (path, action.expect.from.as_ref().and_then(Expectation::facts)));
    let at = (action.op != Op::Stage).then(|| (&action.path, facts_at_path(action)));
    at.into_iter().chain(from).map(|(path, facts)| view(action, path, facts))
}

/// What comes to stand there, or what goes.
fn facts_at_path(action: &Action) -> Option<&Facts> {
    action.result.as_deref().or_else(|| action.expect.path.facts())
}

fn view<'a>(action: &'a Action, path: &'a RelPath, facts: Option<&Facts>) -> ActionView<'a> {
    let entry = EntryView {
        path: path.as_bytes(),
        kind: facts.map_or(crate::EntryKind::File, |facts| facts.kind),
        size: facts.map_or(0, |facts| facts.size),
        mtime: facts.and_then(|facts| facts.mtime),
    };
    ActionView { entry, op: action.op, task: &action.task, side: action.side, risks: &action.risk }
}
