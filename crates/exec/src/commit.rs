use std::sync::Arc;
use std::time::{Duration, Instant};

use syncplan_state::{Conclusion, Intent, Journal, Outcome};
use syncplan_store::Store;

use crate::batch::Contents;
use crate::error::ExecError;
use crate::worker::{Performed, Rows, Worker};

/// Actions that are durable and on record.
pub(crate) struct Committed {
    pub(crate) actions: Vec<Settled>,
    /// How long it took.
    pub(crate) took: Duration,
}

/// An action and its outcome.
pub(crate) struct Settled {
    pub(crate) at: usize,
    pub(crate) outcome: Outcome,
}

/// Puts actions on record that are about to begin.
pub(crate) async fn intend(
    worker: Arc<Worker>,
    journal: &Journal,
    actions: Vec<usize>,
) -> Result<Vec<usize>, ExecError> {
    let intent = |&at: &usize| Intent { action: worker.action(at).id, temporary: worker.temporary(at) };
    journal.intend(&actions.iter().map(intent).collect::<Vec<_>>()).await?;
    Ok(actions)
}

/// Makes the effects of actions durable, and then puts them on record, with what was learned.
pub(crate) async fn commit(
    worker: Arc<Worker>,
    journal: &Journal,
    contents: Contents,
) -> Result<Committed, ExecError> {
    let began = Instant::now();
    let Contents { performed, left_open } = contents;
    for store in touched(&worker, &performed) {
        store.sync().await.map_err(ExecError::Sync)?;
    }
    if !left_open.is_empty() {
        // Before their stages are on record as done: from then on they are what is left to do.
        let intents = left_open.iter().map(|&at| Intent { action: worker.action(at).id, temporary: None });
        journal.intend(&intents.collect::<Vec<_>>()).await?;
    }
    let actions = performed.iter().map(|it| Settled { at: it.at, outcome: it.outcome }).collect();
    let on_record = performed.into_iter().filter(|it| !left_open.contains(&it.at));
    let conclusion = |Performed { at, outcome, message, effect }| {
        let action = worker.action(at);
        let Rows { learned, agreed, trashed } = effect.into_rows(action);
        Conclusion { action: action.id, outcome, message, learned, agreed, trashed }
    };
    journal.conclude(&on_record.map(conclusion).collect::<Vec<_>>()).await?;
    Ok(Committed { actions, took: began.elapsed() })
}

/// The stores on which something was done, each once.
fn touched(worker: &Worker, performed: &[Performed]) -> Vec<Arc<dyn Store>> {
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for it in performed.iter().filter(|it| it.outcome.is_done()) {
        let action = worker.action(it.at);
        if let Some(sides) = worker.sides(action) {
            let store = sides.store(action.side);
            if !stores.iter().any(|known| Arc::ptr_eq(known, store)) {
                stores.push(Arc::clone(store));
            }
        }
    }
    stores
}
