use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use syncplan_model::plan::{ActionId, Op, Side, TRASH_DIR};
use syncplan_model::{Capability, RelPath, TaskName};
use syncplan_state::{State, TrashEntry};
use syncplan_store::{Store, StoreError, StoreErrorKind};

use crate::error::{ExecError, chain};
use crate::job::{Job, Sides};

/// Removes what the trash of a job's tasks held for as long as it is to be kept.
///
/// It goes by what the state knows, and lists nothing.
pub(crate) async fn expire(job: &Job, state: &State) -> Result<(), ExecError> {
    for (task, sides) in &job.sides {
        if let Some(keep) = sides.trash {
            let entries = state.trash(task).await?;
            let over = entries.into_iter().filter(|entry| is_over(entry.since, keep)).collect::<Vec<_>>();
            for &side in Side::ALL {
                remove(task, sides, side, &over, state).await?;
            }
        }
    }
    Ok(())
}

/// Forgets what actions took out of the trash, and removes the folders that held it.
pub(crate) async fn forget_returned(
    job: &Job,
    undone: &HashSet<ActionId>,
    state: &State,
) -> Result<(), ExecError> {
    let below_trash = format!("{TRASH_DIR}/");
    let is_below_trash = |from: &&RelPath| from.as_bytes().starts_with(below_trash.as_bytes());
    let mut returned: HashMap<(&TaskName, Side), Vec<RelPath>> = HashMap::new();
    for action in job.plan.actions().iter().filter(|it| it.op == Op::Move && !undone.contains(&it.id)) {
        if let Some(from) = action.from.as_ref().filter(is_below_trash) {
            returned.entry((&action.task, action.side)).or_default().push(from.clone());
        }
    }
    for ((task, side), from) in returned {
        if let Some(sides) = job.sides.get(task) {
            remove_folders(sides.store(side).as_ref(), &from).await;
            state.forget_trash(task, side, &from).await?;
        }
    }
    Ok(())
}

async fn remove(
    task: &TaskName,
    sides: &Sides,
    side: Side,
    over: &[TrashEntry],
    state: &State,
) -> Result<(), ExecError> {
    let store = sides.store(side).as_ref();
    let mut gone = Vec::new();
    for path in over.iter().filter(|entry| entry.trashed.side == side).map(|entry| &entry.trashed.path) {
        match remove_file(store, path).await {
            Ok(()) => gone.push(path.clone()),
            // The next run tries again.
            Err(error) => tracing::warn!(error = chain(&error), "what was kept long enough is left"),
        }
    }
    if !gone.is_empty() {
        remove_folders(store, &gone).await;
        state.forget_trash(task, side, &gone).await?;
    }
    Ok(())
}

/// Whether what is kept since then, in milliseconds since 1970, was kept long enough.
pub(crate) fn is_over(since: i64, keep: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = i64::try_from(now.as_millis()).unwrap_or(i64::MAX).saturating_sub(since);
    u128::try_from(age).is_ok_and(|age| age >= keep.as_millis())
}

/// Removes a file; one that is gone already is no error.
pub(crate) async fn remove_file(store: &dyn Store, path: &RelPath) -> Result<(), StoreError> {
    match store.delete(path, None).await {
        Err(error) if matches!(error.kind, StoreErrorKind::NotFound | StoreErrorKind::NotDirectory) => Ok(()),
        result => result,
    }
}

/// Removes the folders around what was removed, as far as nothing else is in them.
pub(crate) async fn remove_folders(store: &dyn Store, removed: &[RelPath]) {
    if !store.capabilities().has(Capability::Directories) {
        return;
    }
    for path in removed {
        for folder in path.ancestors().map(RelPath::new) {
            // What is not empty stays, and so do those around it.
            let Ok(folder) = folder else { break };
            if store.remove_dir(&folder).await.is_err() {
                break;
            }
        }
    }
}
