use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use syncplan_model::TaskName;
use syncplan_model::plan::{Address, Side};
use syncplan_store::{Store, StoreError, StoreErrorKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::chain;
use crate::event::{Event, Events};
use crate::job::Job;
use crate::pace::Pace;
use syncplan_store::Retry;

/// How a store that is out of reach is asked whether it is back.
const PROBING: Retry =
    Retry { times: u32::MAX, base: Duration::from_millis(1000), cap: Duration::from_secs(30) };

/// So much may be asked of a store at once besides what jobs ask: the parts of large files.
pub(crate) const PARTS: usize = 16;

/// One store, however many tasks use it: how fast it is, and whether it can be reached.
pub(crate) struct Endpoint {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pace: Pace,
    /// Whether nothing needs to be tried there for now.
    offline: AtomicBool,
    /// When it could be reached again the last time. Only one at a time asks whether it is back; the
    /// others wait for that one.
    back: Mutex<Option<Instant>>,
    /// Why nothing is tried there any more.
    given_up: OnceLock<String>,
}

/// What became of a store that could not be reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It answers, and did all the time: something else is wrong.
    AtOnce,
    /// It answers again.
    Again,
    /// It was waited for as long as one is to wait; a clause says how long that was.
    Never(String),
}

/// The stores of a job, each once.
pub(crate) struct Endpoints {
    all: Vec<Arc<Endpoint>>,
    of_task: HashMap<TaskName, [usize; 2]>,
}

impl Endpoints {
    pub(crate) fn of(job: &Job) -> Self {
        let most = job.options.jobs.max(PARTS);
        let (mut all, mut known) = (Vec::new(), HashMap::new());
        let mut of = |address: Address, store: &Arc<dyn Store>| {
            *known.entry(address).or_insert_with(|| {
                all.push(Arc::new(Endpoint::new(store, most)));
                all.len() - 1
            })
        };
        let mut of_task = HashMap::new();
        for task in &job.plan.header().tasks {
            if let Some(sides) = job.sides.get(&task.name) {
                let both = [of(task.local.address(), &sides.local), of(task.remote.address(), &sides.remote)];
                of_task.insert(task.name.clone(), both);
            }
        }
        Self { of_task, all }
    }

    /// The store of one side of a task.
    pub(crate) fn get(&self, task: &TaskName, side: Side) -> Option<&Arc<Endpoint>> {
        let [local, remote] = self.of_task.get(task)?;
        self.all.get(match side {
            Side::Local => *local,
            Side::Remote => *remote,
        })
    }
}

impl Endpoint {
    fn new(store: &Arc<dyn Store>, most: usize) -> Self {
        Self {
            store: Arc::clone(store),
            pace: Pace::new(most),
            offline: AtomicBool::new(false),
            back: Mutex::default(),
            given_up: OnceLock::new(),
        }
    }

    /// Whether it is out of reach, and somebody waits for it already.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Acquire)
    }

    /// Why nothing is tried there any more, if it was waited for in vain.
    pub(crate) fn given_up(&self) -> Option<&str> {
        self.given_up.get().map(String::as_str)
    }

    /// Something failed at `failed` because the store could not be reached: waits until it can be.
    pub(crate) async fn wait_for(&self, failed: Instant, error: &StoreError, job: &Job) -> Reached {
        let mut back = self.back.lock().await;
        if let Some(why) = self.given_up() {
            return Reached::Never(why.to_owned());
        }
        if back.is_some_and(|back| failed <= back) {
            return Reached::Again;
        }
        if self.answers(None).await {
            return Reached::AtOnce;
        }
        let location = self.store.location();
        self.offline.store(true, Ordering::Release);
        (job.events)(Event::Offline { store: location, message: &chain(error) });
        let end = job.options.max_offline.map(|most| failed + most);
        let is_back = self.probe(end).await;
        self.offline.store(false, Ordering::Release);
        if !is_back {
            let most = job.options.max_offline.unwrap_or_default();
            let why = format!("{location} could not be reached for {}: {}", period(most), chain(error));
            return Reached::Never(self.given_up.get_or_init(|| why).clone());
        }
        let now = Instant::now();
        *back = Some(now);
        (job.events)(Event::Online { store: location, after: now - failed });
        Reached::Again
    }

    /// The store stumbled, or said that too much is asked of it.
    pub(crate) fn slow_down(&self, error: &StoreError, events: &Events) {
        let jobs = self.pace.slow_down(error.pause());
        if let (Some(jobs), StoreErrorKind::Throttled) = (jobs, error.kind) {
            let store = self.store.location();
            events(Event::Throttled { store, jobs, pause: error.pause() });
        }
    }

    /// Asks again and again; answers whether it is back before the end.
    async fn probe(&self, end: Option<Instant>) -> bool {
        for number in 0.. {
            // Half of the wait is certain: a dead line is not asked many times a second.
            let longest = PROBING.longest(number) / 2;
            sleep((longest + PROBING.wait(number) / 2).min(left(end))).await;
            if end.is_some_and(|end| Instant::now() >= end) {
                return false;
            }
            if self.answers(end).await {
                return true;
            }
        }
        false
    }

    /// Whether it answers, and be it with another error.
    async fn answers(&self, end: Option<Instant>) -> bool {
        let check = self.store.check();
        let answer = match end {
            Some(end) => timeout_at(end, check).await.ok(),
            None => Some(check.await),
        };
        match answer {
            Some(Ok(())) => true,
            Some(Err(error)) => !is_out_of_reach(error.kind),
            None => false,
        }
    }
}

/// Whether the store itself could not be reached, whatever was asked of it.
pub(crate) fn is_out_of_reach(kind: StoreErrorKind) -> bool {
    kind == StoreErrorKind::Unreachable
}

fn left(end: Option<Instant>) -> Duration {
    end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
}

fn period(period: Duration) -> String {
    match period.as_secs() {
        0 => format!("{} ms", period.as_millis()),
        1 => "1 second".to_owned(),
        seconds if seconds < 120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
