use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use syncplan_failpoint::hit;
use syncplan_model::plan::{ActionId, Address, Op, STAGE_DIR, Side};
use syncplan_model::{Capability, EntryKind, RESERVED_DIR, RelPath};
use syncplan_state::{Begun, Ending, Intent, Journal, NewRun, Progress, State, StateError, Transfer};
use syncplan_store::{OpenDraft, Store, StoreError, StoreErrorKind};

use crate::aside::Aside;
use crate::bandwidth::Bandwidth;
use crate::draft::Drafts;
use crate::driver::Driver;
use crate::endpoint::Endpoints;
use crate::error::{ExecError, chain};
use crate::event::Event;
use crate::expiry::{expire, forget_returned, remove_file, remove_folders};
use crate::job::{Document, Job};
use crate::known::{Known, Trace};
use crate::remote_lease::RemoteLeases;
use crate::report::Report;
use crate::worker::Worker;

/// How often a run says that it goes on.
const HEARTBEAT: Duration = Duration::from_secs(10);

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
        // Whoever did the last of it may have been killed right after.
        remove_stages(&job).await;
        let mut report = Report::new(actions.len() as u64);
        report.already_applied = !actions.is_empty();
        (job.events)(Event::RunStarted { run: None, actions: 0, bytes: 0 });
        (job.events)(Event::RunFinished { report: &report });
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
    let Begun { journal, progress, open, transfers } = state.begin(&new).await?;
    if !open.is_empty() || !progress.done.is_empty() {
        hit("exec/recovering");
    }
    let (tag, journal) = (tag(document, &journal), Arc::new(journal));
    let leases = RemoteLeases::take(&job, document, journal.run(), &tag).await?;
    let run = run(job, tag, state, &journal, Earlier { progress, open, transfers });
    let result = tokio::select! {
        biased;
        error = beat(&journal) => Err(error),
        error = leases.keep() => Err(error),
        report = run => report,
    };
    leases.release().await;
    let report = result?;
    // Nothing is under way any more that could still use it.
    if let Some(journal) = Arc::into_inner(journal) {
        journal.finish(report.ending).await?;
    }
    Ok(report)
}

/// What earlier runs of the plan did and left.
struct Earlier {
    progress: Progress,
    open: Vec<Intent>,
    transfers: HashMap<ActionId, Transfer>,
}

async fn run(
    job: Job,
    tag: String,
    state: &State,
    journal: &Arc<Journal>,
    earlier: Earlier,
) -> Result<Report, ExecError> {
    let Earlier { progress, open, transfers } = earlier;
    clear_away(&job, &open, &transfers).await;
    abandon_unknown(&job, &open, &transfers).await;
    hit("exec/cleared");
    let worker = Arc::new(Worker {
        journal: Arc::downgrade(journal),
        known: Known::of(&job.plan),
        begun_before: open.iter().map(|intent| intent.action).collect(),
        tag,
        endpoints: Endpoints::of(&job),
        bandwidth: Bandwidth::of(&job),
        drafts: Drafts::of(transfers),
        aside: Aside::default(),
        job,
    });
    recall(&worker, state, &progress).await?;
    let report = Driver::new(Arc::clone(&worker), journal, &progress).run().await?;
    remove_stages(&worker.job).await;
    let undone: HashSet<ActionId> = report.problems.iter().map(|problem| problem.action).collect();
    remove_trash_folders(&worker, &undone).await;
    // Only so many problems are listed: then nobody knows of all that was not done.
    if report.counts.not_begun == 0 && undone.len() < Report::MAX_PROBLEMS {
        forget_returned(&worker.job, &undone, state).await?;
    }
    if report.ending == Ending::Done {
        expire(&worker.job, state).await?;
    }
    Ok(report)
}

/// Says every now and then that the run goes on; ends when it must not.
async fn beat(journal: &Journal) -> ExecError {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match journal.beat().await {
            Err(error @ StateError::LeaseLost { .. }) => return error.into(),
            // Whatever has to be put on record next tells whether it is serious.
            Err(error) => {
                tracing::warn!(error = chain(&error), "the state cannot be told that the run goes on")
            }
            Ok(()) => {}
        }
    }
}

/// Twelve digits that no other run has.
fn tag(document: &Document<'_>, journal: &Journal) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let parts = format!("{} {} {} {}", document.plan_id, journal.run(), std::process::id(), now.as_nanos());
    blake3::hash(parts.as_bytes()).to_hex()[..12].to_owned()
}

/// Removes the temporaries that earlier runs may have left.
///
/// They are ours: each was put on record, with a name that no other run draws, before it was created where
/// nothing stood, and it holds a copy of what still stands elsewhere. A folder or a link somebody else put there: it stays.
async fn clear_away(job: &Job, open: &[Intent], transfers: &HashMap<ActionId, Transfer>) {
    let leftovers: HashMap<ActionId, &RelPath> = open
        .iter()
        .filter(|intent| !transfers.contains_key(&intent.action))
        .filter_map(|intent| Some((intent.action, intent.temporary.as_ref()?)))
        .collect();
    if leftovers.is_empty() {
        return;
    }
    for action in job.plan.actions() {
        let (Some(path), Some(sides)) = (leftovers.get(&action.id), job.sides.get(&action.task)) else {
            continue;
        };
        if let Err(error) = clear(sides.store(action.side).as_ref(), path).await {
            // It is no content, only a waste of room; `gc` collects it some day.
            tracing::warn!(error = chain(&error), "a temporary is left");
        }
    }
}

/// Abandons drafts that an earlier run may have begun without hearing their names.
///
/// A draft of somebody else for the same place cannot be told from it: whoever that is begins anew.
async fn abandon_unknown(job: &Job, open: &[Intent], transfers: &HashMap<ActionId, Transfer>) {
    let unknown: HashSet<ActionId> = open.iter().map(|intent| intent.action).collect();
    let mut listed: HashMap<Address, Vec<OpenDraft>> = HashMap::new();
    for action in job.plan.actions().iter().filter(|action| unknown.contains(&action.id)) {
        let Some(sides) = job.sides.get(&action.task) else { continue };
        let store = sides.store(action.side);
        let (Some(partial), Some(housekeeping)) = (store.partial_writes(), store.housekeeping()) else {
            continue;
        };
        let may_have_one = action.op.transfers() && action.bytes > partial.threshold();
        if !may_have_one || transfers.contains_key(&action.id) {
            continue;
        }
        let Some(address) = job.address(&action.task, action.side) else { continue };
        if !listed.contains_key(&address) {
            let drafts = housekeeping.drafts().await.unwrap_or_else(|error| {
                // `gc` finds it some day.
                tracing::warn!(error = chain(&error), "unfinished transfers could not be listed");
                Vec::new()
            });
            listed.insert(address.clone(), drafts);
        }
        for draft in listed[&address].iter().filter(|draft| draft.path == action.path) {
            if let Err(error) = partial.abandon(&draft.path, &draft.draft).await {
                tracing::warn!(error = chain(&error), "an unfinished transfer is left");
            }
        }
    }
}

async fn clear(store: &dyn Store, path: &RelPath) -> Result<(), StoreError> {
    let found = match store.stat(path).await {
        Err(error) if error.kind == StoreErrorKind::NotDirectory => None,
        found => found?,
    };
    let Some(found) = found else { return Ok(()) };
    if found.kind != EntryKind::File {
        tracing::warn!(%path, "it has a name of ours and is not ours: it is left alone");
        return Ok(());
    }
    tracing::debug!(%path, "removing what an interrupted run left");
    remove_file(store, path).await
}

/// Removes the folders in which files were staged, where nothing is left in them.
async fn remove_stages(job: &Job) {
    let folders = [STAGE_DIR, RESERVED_DIR].map(RelPath::new);
    let mut seen = HashSet::new();
    for action in job.plan.actions().iter().filter(|action| action.op == Op::Stage) {
        let Some(sides) = job.sides.get(&action.task) else { continue };
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
async fn remove_trash_folders(worker: &Worker, undone: &HashSet<ActionId>) {
    for action in worker.job.plan.actions().iter().filter(|action| undone.contains(&action.id)) {
        if let (Some(trash), Some(sides)) = (&action.trash, worker.sides(action)) {
            remove_folders(sides.store(action.side).as_ref(), std::slice::from_ref(trash)).await;
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
