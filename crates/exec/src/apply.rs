use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use syncplan_model::plan::{ActionId, Op, STAGE_DIR, Side};
use syncplan_model::{Capability, RESERVED_DIR, RelPath};
use syncplan_state::{Begun, Intent, Journal, NewRun, Progress, State};
use syncplan_store::StoreErrorKind;

use crate::driver::Driver;
use crate::error::{ExecError, chain};
use crate::job::{Document, Job};
use crate::known::{Known, Trace};
use crate::report::Report;
use crate::worker::Worker;

/// Applies a plan, and records every step.
///
/// A plan that an earlier run began is gone on with; one that is fully applied is left alone.
/// Everything that single actions meet is in the report; an error means that the run as a whole
/// could not begin or go on. Dropping the future is like a crash: the next run goes on.
pub async fn apply(job: Job, state: &State, document: &Document<'_>) -> Result<Report, ExecError> {
    job.check()?;
    let actions = job.plan.actions();
    let progress = state.progress(&document.plan_id, document.instance).await?;
    if actions.iter().all(|action| progress.done.contains_key(&action.id)) {
        let mut report = Report::new(actions.len() as u64);
        report.already_applied = !actions.is_empty();
        return Ok(report);
    }
    let new = NewRun {
        plan_id: document.plan_id,
        instance: document.instance,
        plan: document.bytes,
        tasks: job.plan.header().tasks.iter().map(|task| task.name.clone()).collect(),
        actions: actions.len() as u64,
        tool: document.tool,
        overrides: document.overrides,
    };
    let Begun { journal, progress, open, .. } = state.begin(&new).await?;
    let worker = Arc::new(Worker {
        known: Known::of(&job.plan),
        begun_before: open.iter().map(|intent| intent.action).collect(),
        tag: tag(document, &journal),
        job,
    });
    clear_away(&worker, &open).await;
    recall(&worker, state, &progress).await?;
    let report = Driver::new(Arc::clone(&worker), &journal, &progress).run().await?;
    remove_stages(&worker).await;
    remove_trash_folders(&worker, &report).await;
    journal.finish(report.ending).await?;
    Ok(report)
}

/// Twelve digits that no other run has.
fn tag(document: &Document<'_>, journal: &Journal) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let parts = format!("{} {} {} {}", document.plan_id, journal.run(), std::process::id(), now.as_nanos());
    blake3::hash(parts.as_bytes()).to_hex()[..12].to_owned()
}

/// Removes the temporaries that earlier runs may have left; they are ours by their names.
async fn clear_away(worker: &Worker, open: &[Intent]) {
    let leftovers: HashMap<ActionId, &RelPath> =
        open.iter().filter_map(|intent| Some((intent.action, intent.temporary.as_ref()?))).collect();
    if leftovers.is_empty() {
        return;
    }
    for action in worker.job.plan.actions() {
        let (Some(path), Some(sides)) = (leftovers.get(&action.id), worker.sides(action)) else { continue };
        match sides.store(action.side).delete(path, None).await {
            Ok(()) => tracing::debug!(%path, "removed what an interrupted run left"),
            Err(error) if matches!(error.kind, StoreErrorKind::NotFound | StoreErrorKind::NotDirectory) => {}
            // It is no content, only a waste of room; `gc` collects it some day.
            Err(error) => tracing::warn!(error = chain(&error), "a temporary is left"),
        }
    }
}

/// Removes the folders in which files were staged, where nothing is left in them.
async fn remove_stages(worker: &Worker) {
    let folders = [STAGE_DIR, RESERVED_DIR].map(RelPath::new);
    let mut seen = HashSet::new();
    for action in worker.job.plan.actions().iter().filter(|action| action.op == Op::Stage) {
        let Some(sides) = worker.sides(action) else { continue };
        let store = sides.store(action.side);
        if seen.insert((&action.task, action.side)) && store.capabilities().has(Capability::Directories) {
            // What is not empty stays, and an empty one that stays harms nobody.
            for folder in folders.iter().flatten() {
                let _ = store.remove_dir(folder).await;
            }
        }
    }
}

/// Removes the folders that were to hold what some action would have replaced or removed, had it been
/// done; what holds something stays.
///
/// Only at the end: an action that goes on may be about to fill them.
async fn remove_trash_folders(worker: &Worker, report: &Report) {
    let undone: HashSet<ActionId> = report.problems.iter().map(|problem| problem.action).collect();
    for action in worker.job.plan.actions().iter().filter(|action| undone.contains(&action.id)) {
        let (Some(trash), Some(sides)) = (&action.trash, worker.sides(action)) else { continue };
        let store = sides.store(action.side);
        if store.capabilities().has(Capability::Directories) {
            for folder in trash.ancestors().map(RelPath::new) {
                let Ok(folder) = folder else { break };
                if store.remove_dir(&folder).await.is_err() {
                    break;
                }
            }
        }
    }
}

/// Brings back what earlier runs left at places that actions to come rely on.
async fn recall(worker: &Worker, state: &State, progress: &Progress) -> Result<(), ExecError> {
    if progress.done.is_empty() {
        return Ok(());
    }
    worker.known.forget(&worker.job.plan, progress);
    for task in &worker.job.plan.header().tasks {
        for &side in Side::ALL {
            for (path, facts) in state.learned(&task.name, side).await? {
                if worker.known.get(&task.name, side, &path).is_some() {
                    worker.known.put(&task.name, side, &path, Trace::from(facts));
                }
            }
        }
    }
    Ok(())
}
