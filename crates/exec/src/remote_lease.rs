use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{pending, select_all};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use syncplan_model::{Capability, RESERVED_DIR, RelPath, TEMPORARY_PREFIX, TaskName, Token};
use syncplan_state::{Process, RunId};
use syncplan_store::{
    Enforcement, Guarded, Metadata, Precondition, Store, StoreError, StoreErrorKind, WriteOptions,
};

use crate::error::{ExecError, chain};
use crate::expiry::remove_file;
use crate::job::{Document, Job};
use syncplan_store::{Failure, Retry, insist};

const FORMAT: &str = "syncplan.lease";
const NAME: &str = "lease";

/// More than any lease of ours is long.
const LONGEST: u64 = 64 << 10;

/// A lease is renewed so often before it is over.
const RENEWALS: u32 = 3;

/// How often somebody else may come first while one is taken.
const RACES: usize = 5;

/// Who may write to a store that several machines write to, as an object there says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteLease {
    format: String,
    /// Like no other.
    id: String,
    /// On which machine, for people.
    pub host: String,
    /// In which process.
    process: Process,
    /// The run, in the state of its machine.
    pub run: i64,
    /// The plan.
    pub plan: String,
    /// The tasks.
    pub tasks: Vec<TaskName>,
    /// Since when, in milliseconds since 1970, by the holder's clock.
    pub since: i64,
    /// When it was last renewed, in milliseconds since 1970, by the holder's clock.
    pub heartbeat: i64,
    /// How long it may be silent, in milliseconds: it is renewed before.
    pub period: u64,
}

impl RemoteLease {
    /// Whether its holder certainly does nothing any more. How long it was silent proves nothing.
    fn is_over(&self) -> bool {
        self.process.is_gone(false)
    }
}

impl fmt::Display for RemoteLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = now().saturating_sub(self.heartbeat) / 1000;
        let Self { run, host, .. } = self;
        write!(f, "run {run}, process {} on {host}, last heard of {age} s ago", self.process.pid())
    }
}

/// The lease on a store, if somebody has it.
///
/// What stands there and is no lease of ours is an error of the kind
/// [`Changed`](StoreErrorKind::Changed).
pub async fn read_lease(store: &dyn Store) -> Result<Option<RemoteLease>, StoreError> {
    Ok(find(store).await?.map(|(lease, _)| lease))
}

/// Takes the lease on a store away from whoever has it: a person knows that they are gone. Answers whose it
/// was, as far as that can be read.
pub async fn break_lease(store: &dyn Store) -> Result<Option<RemoteLease>, StoreError> {
    let held = match find(store).await {
        Err(error) if error.kind == StoreErrorKind::Changed => None,
        held => held?.map(|(lease, _)| lease),
    };
    remove_file(store, &path("remove")?).await?;
    store.sync().await?;
    Ok(held)
}

/// The leases that a run holds on the remote sides of its tasks.
pub(crate) struct RemoteLeases {
    held: Vec<Held>,
    retry: Retry,
}

/// A lease that is ours.
struct Held {
    /// The first of its tasks.
    task: TaskName,
    store: Arc<dyn Store>,
    lease: RemoteLease,
}

/// Why a lease is not, or no longer, ours.
enum Denial {
    /// Somebody else has it.
    Taken(Option<Box<RemoteLease>>),
    Store(StoreError),
}

impl From<StoreError> for Denial {
    fn from(error: StoreError) -> Self {
        // Something stands there that nobody can read: it is not ours to remove.
        if error.kind == StoreErrorKind::Changed { Self::Taken(None) } else { Self::Store(error) }
    }
}

impl Failure for Denial {
    fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Taken(_) => None,
        }
    }
}

impl RemoteLeases {
    /// Takes a lease on each remote side that is to have one. Where only is read, there is none.
    pub(crate) async fn take(
        job: &Job,
        document: &Document<'_>,
        run: RunId,
        tag: &str,
    ) -> Result<Self, ExecError> {
        let mut leases = Self { held: wanted(job, document, run, tag), retry: job.options.retry };
        for at in 0..leases.held.len() {
            let Held { task, store, lease } = &leases.held[at];
            let Err(denial) = insist(&leases.retry, || take(store.as_ref(), lease).boxed()).await else {
                continue;
            };
            let (store, task) = (store.location().to_owned(), task.clone());
            leases.held.truncate(at);
            leases.release().await;
            return Err(match denial {
                Denial::Taken(holder) => ExecError::Leased { task, store, holder },
                Denial::Store(error) => ExecError::Lease(error),
            });
        }
        Ok(leases)
    }

    /// Renews all of them for ever; ends when one is lost.
    pub(crate) async fn keep(&self) -> ExecError {
        if self.held.is_empty() {
            return pending().await;
        }
        let keep = |held| keep(held, &self.retry).boxed();
        select_all(self.held.iter().map(keep)).await.0
    }

    /// Lets go of them.
    pub(crate) async fn release(&self) {
        for held in &self.held {
            let released = insist(&self.retry, || release(held).boxed()).await;
            if let Err(Denial::Store(error)) = released {
                tracing::warn!(error = chain(&error), "the lease on a store is left");
            }
        }
    }
}

/// One lease for each store, whichever tasks share it.
fn wanted(job: &Job, document: &Document<'_>, run: RunId, tag: &str) -> Vec<Held> {
    let mut wanted: Vec<Held> = Vec::new();
    let mut known = HashMap::new();
    for task in &job.plan.header().tasks {
        let Some(sides) = job.sides.get(&task.name) else { continue };
        let (store, Some(period)) = (&sides.remote, sides.lease) else { continue };
        if store.capabilities().has(Capability::ReadOnly) {
            continue;
        }
        let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        let at = *known.entry(task.remote.address()).or_insert(wanted.len());
        if let Some(held) = wanted.get_mut(at) {
            held.lease.tasks.push(task.name.clone());
            held.lease.period = held.lease.period.min(period);
            continue;
        }
        let lease = RemoteLease {
            format: FORMAT.to_owned(),
            id: tag.to_owned(),
            host: host(),
            process: Process::this(),
            run: run.number(),
            plan: document.plan_id.to_string(),
            tasks: vec![task.name.clone()],
            since: now(),
            heartbeat: now(),
            period,
        };
        wanted.push(Held { task: task.name.clone(), store: Arc::clone(store), lease });
    }
    wanted
}

async fn take(store: &dyn Store, lease: &RemoteLease) -> Result<(), Denial> {
    clear(store).await?;
    for _ in 0..RACES {
        let now = RemoteLease { heartbeat: now(), ..lease.clone() };
        match put(store, &now, Precondition::Absent).await {
            Err(error) if error.kind == StoreErrorKind::Precondition => {}
            written => {
                written?;
                return check(store, lease).await;
            }
        }
        let Some((found, token)) = find(store).await? else { continue };
        if found.id == lease.id {
            // It was written, and only the answer was lost.
            return Ok(());
        }
        if !found.is_over() {
            return Err(Denial::Taken(Some(Box::new(found))));
        }
        tracing::info!(holder = %found, "a lease is taken over from a run that is gone");
        match put(store, &now, token.map_or(Precondition::Any, Precondition::Token)).await {
            Err(error) if error.kind == StoreErrorKind::Precondition => {}
            written => return Ok(written?),
        }
    }
    Err(Denial::Taken(None))
}

/// Where two may create the same object at once, only a look afterwards tells whose it became.
async fn check(store: &dyn Store, lease: &RemoteLease) -> Result<(), Denial> {
    match store.enforcement(Guarded::Create) {
        Enforcement::Atomic => Ok(()),
        _ => match find(store).await? {
            Some((found, _)) if found.id == lease.id => Ok(()),
            Some((found, _)) => Err(Denial::Taken(Some(Box::new(found)))),
            // Nobody has it: some servers do not show at once what is put beside something that goes.
            None => {
                let error =
                    StoreError::new(StoreErrorKind::Transient, "write the lease", path("write the lease")?);
                Err(Denial::Store(error.because("the lease that was just written is not there")))
            }
        },
    }
}

async fn keep(held: &Held, retry: &Retry) -> ExecError {
    let Held { store, lease, .. } = held;
    loop {
        tokio::time::sleep(Duration::from_millis(lease.period) / RENEWALS).await;
        match insist(retry, || renew(store.as_ref(), lease).boxed()).await {
            Ok(()) => {}
            Err(Denial::Taken(holder)) => {
                return ExecError::LeaseLost { store: store.location().to_owned(), holder };
            }
            // Nobody else can take it from a run that goes on: there is time until it answers again.
            Err(Denial::Store(error)) => {
                tracing::warn!(error = chain(&error), "the lease on a store could not be renewed");
            }
        }
    }
}

async fn renew(store: &dyn Store, lease: &RemoteLease) -> Result<(), Denial> {
    let token = ours(store, lease).await?;
    let renewed = RemoteLease { heartbeat: now(), ..lease.clone() };
    match put(store, &renewed, token.map_or(Precondition::Any, Precondition::Token)).await {
        Err(error) if error.kind == StoreErrorKind::Precondition => {
            // Either somebody else has it, or an earlier try went through after all.
            ours(store, lease).await.map(drop)
        }
        written => Ok(written?),
    }
}

async fn release(held: &Held) -> Result<(), Denial> {
    let Held { store, lease, .. } = held;
    let token = ours(store.as_ref(), lease).await?;
    match store.delete(&path("remove")?, token.as_ref()).await {
        Err(error) if error.kind == StoreErrorKind::NotFound => Ok(()),
        deleted => Ok(deleted?),
    }
}

/// The token of the lease, if it still is ours.
async fn ours(store: &dyn Store, lease: &RemoteLease) -> Result<Option<Token>, Denial> {
    match find(store).await? {
        Some((found, token)) if found.id == lease.id => Ok(token),
        found => Err(Denial::Taken(found.map(|(found, _)| Box::new(found)))),
    }
}

/// The lease that stands there, and its token.
async fn find(store: &dyn Store) -> Result<Option<(RemoteLease, Option<Token>)>, StoreError> {
    const OPERATION: &str = "read the lease";

    let path = path(OPERATION)?;
    let Some(found) = store.stat(&path).await? else { return Ok(None) };
    let read = async {
        let mut content = store.read(&path, Some(0..found.size.min(LONGEST)), found.token.as_ref()).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = content.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok::<_, StoreError>(bytes)
    };
    let bytes = match read.await {
        Ok(bytes) => bytes,
        Err(error) if error.kind == StoreErrorKind::NotFound => return Ok(None),
        // It is being renewed.
        Err(error) if matches!(error.kind, StoreErrorKind::Precondition | StoreErrorKind::Changed) => {
            return Err(StoreError::new(StoreErrorKind::Transient, OPERATION, &path).because(error));
        }
        Err(error) => return Err(error),
    };
    let not_ours = || StoreError::new(StoreErrorKind::Changed, OPERATION, &path);
    let lease: RemoteLease = serde_json::from_slice(&bytes).map_err(|error| not_ours().because(error))?;
    if lease.format != FORMAT {
        return Err(not_ours().because("it is no lease"));
    }
    Ok(Some((lease, found.token)))
}

async fn put(store: &dyn Store, lease: &RemoteLease, precondition: Precondition) -> Result<(), StoreError> {
    const OPERATION: &str = "write the lease";

    let path = path(OPERATION)?;
    let mut line = serde_json::to_vec(lease)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, OPERATION, &path).because(error))?;
    line.push(b'\n');
    let temporary = temporary(store, OPERATION)?;
    let options =
        WriteOptions { size: line.len() as u64, precondition, metadata: Metadata::default(), temporary };
    store.write(&path, futures::stream::iter([Ok(line.into())]).boxed(), options).await?;
    store.sync().await
}

/// Removes the temporary of somebody who was killed while writing the lease.
async fn clear(store: &dyn Store) -> Result<(), StoreError> {
    match temporary(store, "clear away")? {
        Some(temporary) => remove_file(store, &temporary).await,
        None => Ok(()),
    }
}

/// Always the same, so that one that is left is found.
fn temporary(store: &dyn Store, operation: &'static str) -> Result<Option<RelPath>, StoreError> {
    if !store.capabilities().has(Capability::Directories) {
        return Ok(None);
    }
    named(operation, &format!("{TEMPORARY_PREFIX}{NAME}")).map(Some)
}

fn path(operation: &'static str) -> Result<RelPath, StoreError> {
    named(operation, NAME)
}

fn named(operation: &'static str, name: &str) -> Result<RelPath, StoreError> {
    let refuse = |error| StoreError::new(StoreErrorKind::Other, operation, name).because(error);
    RelPath::new(format!("{RESERVED_DIR}/{name}")).map_err(refuse)
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
