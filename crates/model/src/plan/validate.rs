use std::collections::{HashMap, HashSet};

use super::{Action, ActionId, Conflict, Finding, Graph, Header, Op};
use crate::name::TaskName;
use crate::path::RelPath;

/// Where staged files stand for the time between stage and install, below the reserved name.
pub const STAGE_DIR: &str = ".syncplan/stage";

/// Where content stands that was replaced or removed, below the reserved name.
pub const TRASH_DIR: &str = ".syncplan/trash";

/// Why some parts are no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// Two tasks share a name.
    #[error("the task `{0}` is there twice")]
    TwiceTask(TaskName),
    /// Something belongs to a task that the plan does not have.
    #[error("the task `{0}` is not among the plan's tasks")]
    UnknownTask(TaskName),
    /// An id that does not follow from its action.
    #[error("the id {found} of the action on {path:?} does not follow from it: it should be {expected}")]
    WrongId {
        /// What it says.
        found: ActionId,
        /// What it should say.
        expected: ActionId,
        /// Whose it is.
        path: RelPath,
    },
    /// The same action twice.
    #[error("the action {0} is there twice")]
    TwiceAction(ActionId),
    /// An edge to nowhere.
    #[error("the action {action} waits for {missing}, which is not in the plan")]
    UnknownEdge {
        /// Which waits.
        action: ActionId,
        /// For what.
        missing: ActionId,
    },
    /// An edge that leads out of its task, or to a later phase, which would never begin.
    #[error("the action {action} waits for {then}, which belongs to another task or to a later phase")]
    WrongEdge {
        /// Which waits.
        action: ActionId,
        /// For what.
        then: ActionId,
    },
    /// Tasks that wait for each other.
    #[error("the tasks wait for each other in a circle through `{0}`")]
    TaskCycle(TaskName),
    /// Actions that wait for each other.
    #[error("the actions wait for each other in a circle through {0}")]
    Cycle(ActionId),
    /// An action on a name that is syncplan's own.
    #[error("the action {action} touches the reserved name {path:?}")]
    Reserved {
        /// Which.
        action: ActionId,
        /// The name.
        path: RelPath,
    },
    /// An action without the parts that its op needs, or with parts that it cannot have.
    #[error("the action {action} is malformed: {problem}")]
    Malformed {
        /// Which.
        action: ActionId,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Sorts tasks' parts as plan.json has them: by task in the order of the manifest, path bytes, op.
pub(super) fn canonical_order(
    header: &Header,
    findings: &mut [Finding],
    conflicts: &mut [Conflict],
    actions: &mut [Action],
) -> Result<(), InvalidPlan> {
    let ranks = Ranks::of(header)?;
    let tasks = actions.iter().map(|it| &it.task).chain(conflicts.iter().map(|it| &it.task));
    tasks.chain(findings.iter().filter_map(|it| it.task.as_ref())).try_for_each(|task| ranks.check(task))?;
    // Hardly ever are there more than a few tasks, and a task's actions mostly come sorted.
    actions.sort_by_key(|action| ranks.of_task(&action.task));
    for run in actions.chunk_by_mut(|a, b| a.task == b.task) {
        run.sort_by(|a, b| (&a.path, a.op, a.side, &a.from).cmp(&(&b.path, b.op, b.side, &b.from)));
    }
    for action in actions.iter_mut() {
        action.after.sort_unstable();
        action.after.dedup();
    }
    conflicts.sort_by(|a, b| (ranks.of_task(&a.task), &a.path).cmp(&(ranks.of_task(&b.task), &b.path)));
    let rank = |finding: &Finding| finding.task.as_ref().map(|task| ranks.of_task(task));
    findings.sort_by(|a, b| (rank(a), &a.code, &a.message).cmp(&(rank(b), &b.code, &b.message)));
    Ok(())
}

/// The places of tasks in the manifest.
struct Ranks(HashMap<TaskName, usize>);

impl Ranks {
    fn of(header: &Header) -> Result<Self, InvalidPlan> {
        let mut ranks = HashMap::new();
        for (rank, task) in header.tasks.iter().enumerate() {
            if ranks.insert(task.name.clone(), rank).is_some() {
                return Err(InvalidPlan::TwiceTask(task.name.clone()));
            }
        }
        Ok(Self(ranks))
    }

    fn check(&self, task: &TaskName) -> Result<(), InvalidPlan> {
        if self.0.contains_key(task) { Ok(()) } else { Err(InvalidPlan::UnknownTask(task.clone())) }
    }

    fn of_task(&self, task: &TaskName) -> usize {
        self.0.get(task).copied().unwrap_or(usize::MAX)
    }
}

/// Checks all that [`Plan`](super::Plan) promises, on parts in canonical order.
pub(super) fn validate(
    header: &Header,
    conflicts: &[Conflict],
    actions: &[Action],
) -> Result<(), InvalidPlan> {
    check_tasks(header)?;
    let mut known = HashMap::with_capacity(actions.len());
    for action in actions {
        check_action(action)?;
        if known.insert(action.id, action).is_some() {
            return Err(InvalidPlan::TwiceAction(action.id));
        }
    }
    actions.iter().try_for_each(|action| check_edges(action, &known))?;
    for conflict in conflicts {
        if conflict.path.is_reserved() {
            let action = ActionId::of(&conflict.task, Op::Record, super::Side::Local, None, &conflict.path);
            return Err(InvalidPlan::Reserved { action, path: conflict.path.clone() });
        }
    }
    Graph::of(actions).check_acyclic().map_err(InvalidPlan::Cycle)
}

/// Every task comes after tasks of the plan, and none after itself by any way.
fn check_tasks(header: &Header) -> Result<(), InvalidPlan> {
    let mut open: Vec<_> = header.tasks.iter().collect();
    let known: HashSet<_> = open.iter().map(|task| &task.name).collect();
    let unknown = open.iter().flat_map(|task| &task.after).find(|task| !known.contains(task));
    if let Some(unknown) = unknown {
        return Err(InvalidPlan::UnknownTask(unknown.clone()));
    }
    let mut done = HashSet::new();
    while let Some(at) = open.iter().position(|task| task.after.iter().all(|first| done.contains(first))) {
        done.insert(&open.swap_remove(at).name);
    }
    open.first().map_or(Ok(()), |task| Err(InvalidPlan::TaskCycle(task.name.clone())))
}

fn check_edges(action: &Action, known: &HashMap<ActionId, &Action>) -> Result<(), InvalidPlan> {
    for first in &action.after {
        let Some(&first) = known.get(first) else {
            return Err(InvalidPlan::UnknownEdge { action: action.id, missing: *first });
        };
        if first.task != action.task || first.phase > action.phase {
            return Err(InvalidPlan::WrongEdge { action: action.id, then: first.id });
        }
    }
    Ok(())
}

fn check_action(action: &Action) -> Result<(), InvalidPlan> {
    let expected = action.identity();
    if action.id != expected {
        return Err(InvalidPlan::WrongId { found: action.id, expected, path: action.path.clone() });
    }
    check_shape(action).map_err(|problem| InvalidPlan::Malformed { action: action.id, problem })?;
    let reserved = |path: &RelPath| path.is_reserved();
    let path_ok = !reserved(&action.path) || (action.op == Op::Stage && is_staged(&action.path));
    if !path_ok {
        return Err(InvalidPlan::Reserved { action: action.id, path: action.path.clone() });
    }
    if let Some(trash) = action.trash.as_ref().filter(|trash| !is_in_trash(trash)) {
        return Err(InvalidPlan::Reserved { action: action.id, path: trash.clone() });
    }
    match &action.from {
        Some(from) if reserved(from) && !may_come_from(action.op, from) => {
            Err(InvalidPlan::Reserved { action: action.id, path: from.clone() })
        }
        _ => Ok(()),
    }
}

/// What is staged is installed, what is kept is moved back.
fn may_come_from(op: Op, from: &RelPath) -> bool {
    match op {
        Op::Install => is_staged(from),
        Op::Move => is_in_trash(from),
        _ => false,
    }
}

fn check_shape(action: &Action) -> Result<(), &'static str> {
    let op = action.op;
    let (from, expect) = (action.from.is_some(), &action.expect);
    if op.has_from() && !from {
        return Err("it has no `from`");
    }
    if from && !op.has_from() && !op.transfers() {
        return Err("it cannot have a `from`");
    }
    if (op.has_from() || op.transfers() || op == Op::Run)
        && expect.from.as_ref().and_then(super::Expectation::facts).is_none()
    {
        return Err("it does not say what it expects to read");
    }
    if matches!(op, Op::Copy | Op::Move | Op::Stage | Op::Install | Op::Upload | Op::Download)
        && action.result.is_none()
    {
        return Err("it does not say what it leaves behind");
    }
    if matches!(op, Op::Delete | Op::Rmdir | Op::SetMetadata | Op::Run) && expect.path.facts().is_none() {
        return Err("it does not say what it expects to find");
    }
    if op == Op::SetMetadata && action.result.is_none() {
        return Err("it does not say what it sets");
    }
    if op == Op::Upload && action.side != super::Side::Remote
        || op == Op::Download && action.side != super::Side::Local
    {
        return Err("it is on the wrong side");
    }
    let trashes = op.transfers() || op.removes() || matches!(op, Op::Copy | Op::Move | Op::Install | Op::Run);
    if action.trash.is_some() && !(trashes && expect.path.facts().is_some()) {
        return Err("it has nothing to put into the trash");
    }
    if op == Op::Stage && !is_staged(&action.path) {
        return Err("it does not stage to a reserved name");
    }
    if op == Op::Install && !action.from.as_ref().is_some_and(is_staged) {
        return Err("it does not install from a reserved name");
    }
    Ok(())
}

fn is_in_trash(path: &RelPath) -> bool {
    path.as_bytes().strip_prefix(TRASH_DIR.as_bytes()).is_some_and(|below| below.starts_with(b"/"))
}

fn is_staged(path: &RelPath) -> bool {
    path.parent().is_some_and(|parent| parent.as_bytes() == STAGE_DIR.as_bytes())
}
