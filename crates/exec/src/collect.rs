use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use syncplan_model::plan::{Address, STAGE_DIR, Side, TRASH_DIR};
use syncplan_model::{EntryKind, Facts, Mtime, RelPath, TEMPORARY_PREFIX, TaskName};
use syncplan_state::{State, TrashEntry};
use syncplan_store::{OpenDraft, Reserved, Store, StoreError};

use crate::error::{ExecError, chain};
use crate::expiry::{is_over, remove_file, remove_folders};

/// Where objects are that were put to find out what a store can do.
const PROBES: &str = ".syncplan/probe";

/// After so many removals the state hears of them.
const AT_ONCE: usize = 1000;

/// What is to be looked through for what syncplan left.
pub struct Collect {
    /// The sides of tasks.
    pub sides: Vec<Tended>,
    /// What nobody knows of is removed when it is older than this: it may be of a run that goes on elsewhere.
    pub older_than: Duration,
    /// Whether to say only what would be removed.
    pub dry_run: bool,
}

/// A side of a task.
pub struct Tended {
    /// The task.
    pub task: TaskName,
    /// Which side.
    pub side: Side,
    /// Where it is: several tasks may have their files there.
    pub address: Address,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// How long its trash is kept; `None` is for ever.
    pub keep: Option<Duration>,
}

/// Something that syncplan left.
#[derive(Debug)]
pub struct Found {
    /// The task; the first one, where several have their files there.
    pub task: TaskName,
    /// On which side.
    pub side: Side,
    /// Where, or where it would stand if it was finished.
    pub path: RelPath,
    /// What it is.
    pub what: Litter,
    /// How long it is; 0 where that is not known.
    pub bytes: u64,
    /// Since when it is there, by the store's clock.
    pub since: Option<Mtime>,
    /// What becomes of it.
    pub fate: Fate,
}

/// The kinds of things that syncplan leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Litter {
    /// A file that was not written to its end.
    Temporary,
    /// An upload in parts that was not finished.
    Draft,
    /// Content on its way from one place to another.
    Stage,
    /// What was replaced or removed.
    Trash,
    /// An object that was put to find out what a store can do.
    Probe,
}

/// What becomes of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is removed, or would be.
    Removed,
    /// It stays, because of this.
    Kept(String),
    /// It should have been removed, and could not be.
    Failed(String),
}

impl Litter {
    /// The name, for people and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Temporary => "temporary",
            Self::Draft => "draft",
            Self::Stage => "stage",
            Self::Trash => "trash",
            Self::Probe => "probe",
        }
    }

    /// What stands at a reserved path; nothing if it is in use, or not known.
    fn of(path: &RelPath) -> Option<Self> {
        let below = |folder: &str| path.as_bytes().starts_with(format!("{folder}/").as_bytes());
        if below(TRASH_DIR) {
            Some(Self::Trash)
        } else if below(STAGE_DIR) {
            Some(Self::Stage)
        } else if path.file_name().starts_with(TEMPORARY_PREFIX.as_bytes()) {
            Some(Self::Temporary)
        } else {
            path.as_bytes().starts_with(PROBES.as_bytes()).then_some(Self::Probe)
        }
    }
}

/// Finds what syncplan left in stores and nobody needs any more, and removes it.
///
/// What the state says that an unfinished run will go on with stays, whatever its age. So does content
/// on its way between two places: it may be the only copy.
///
/// Each thing is told of as soon as it is decided: there may be very many of them.
pub async fn collect(collect: &Collect, state: &State, mut tell: impl FnMut(Found)) -> Result<(), ExecError> {
    let open = Open::of(state).await?;
    for place in places(&collect.sides) {
        let trash = place.register(state).await?;
        Sweep { collect, state, open: &open, trash, place, tell: &mut tell }.run().await?;
    }
    Ok(())
}

/// What runs that are not settled will go on with.
struct Open {
    drafts: HashSet<String>,
    temporaries: HashSet<RelPath>,
}

impl Open {
    async fn of(state: &State) -> Result<Self, ExecError> {
        let transfers = state.transfers().await?;
        let intents = state.open_intents().await?;
        Ok(Self {
            drafts: transfers.into_iter().map(|open| open.transfer.draft).collect(),
            temporaries: intents.into_iter().filter_map(|intent| intent.temporary).collect(),
        })
    }

    /// Whether a draft goes by the name of this temporary, or a run put it on record.
    fn has(&self, path: &RelPath) -> bool {
        let name = std::str::from_utf8(path.file_name());
        self.temporaries.contains(path) || name.is_ok_and(|name| self.drafts.contains(name))
    }
}

/// A store, and the sides that have their files there.
struct Place<'a> {
    address: &'a Address,
    store: &'a Arc<dyn Store>,
    sides: Vec<&'a Tended>,
}

fn places(sides: &[Tended]) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for side in sides {
        match places.iter_mut().find(|place| *place.address == side.address) {
            Some(place) => place.sides.push(side),
            None => {
                places.push(Place { address: &side.address, store: &side.store, sides: vec![side] });
            }
        }
    }
    places
}

impl<'a> Place<'a> {
    /// What the state knows of the trash there, and whose it is.
    async fn register(
        &self,
        state: &State,
    ) -> Result<HashMap<RelPath, Vec<(&'a Tended, TrashEntry)>>, ExecError> {
        let mut register: HashMap<RelPath, Vec<(&Tended, TrashEntry)>> = HashMap::new();
        for &side in &self.sides {
            for entry in state.trash(&side.task).await? {
                if entry.trashed.side == side.side {
                    register.entry(entry.trashed.path.clone()).or_default().push((side, entry));
                }
            }
        }
        Ok(register)
    }
}

/// One store on the way through all.
struct Sweep<'a, F> {
    collect: &'a Collect,
    state: &'a State,
    open: &'a Open,
    place: Place<'a>,
    trash: HashMap<RelPath, Vec<(&'a Tended, TrashEntry)>>,
    tell: &'a mut F,
}

impl<F: FnMut(Found)> Sweep<'_, F> {
    async fn run(mut self) -> Result<(), ExecError> {
        let Some(housekeeping) = self.place.store.housekeeping() else { return Ok(()) };
        let mut all = housekeeping.reserved();
        let mut removed = Vec::new();
        while let Some(next) = all.next().await {
            match next {
                Ok(reserved) => removed.extend(self.take(reserved).await),
                Err(error) => tracing::warn!(error = chain(&error), "not everything could be looked at"),
            }
            if removed.len() >= AT_ONCE {
                self.forget(&std::mem::take(&mut removed)).await?;
            }
        }
        self.forget(&removed).await?;
        for draft in housekeeping.drafts().await.map_err(ExecError::Collect)? {
            self.take_draft(draft).await;
        }
        Ok(())
    }

    /// Decides about one object; answers where it was, if it was removed.
    async fn take(&mut self, Reserved { path, facts, since }: Reserved) -> Option<RelPath> {
        let what = Litter::of(&path).filter(|_| facts.kind != EntryKind::Dir)?;
        let fate = match self.reason_to_keep(what, &path, &facts, since) {
            Some(reason) => Fate::Kept(reason),
            None if self.collect.dry_run => Fate::Removed,
            None => fate(remove_file(self.place.store.as_ref(), &path).await),
        };
        let removed = (fate == Fate::Removed && !self.collect.dry_run).then(|| path.clone());
        self.note(path, what, facts.size, since, fate);
        removed
    }

    async fn take_draft(&mut self, OpenDraft { path, draft, since }: OpenDraft) {
        let Some(partial) = self.place.store.partial_writes() else { return };
        let is_open = self.open.drafts.contains(&draft);
        let fate = match is_open.then(|| IN_USE.to_owned()).or_else(|| self.too_young(since)) {
            Some(reason) => Fate::Kept(reason),
            None if self.collect.dry_run => Fate::Removed,
            None => fate(partial.abandon(&path, &draft).await),
        };
        self.note(path, Litter::Draft, 0, since, fate);
    }

    fn reason_to_keep(
        &self,
        what: Litter,
        path: &RelPath,
        facts: &Facts,
        since: Option<Mtime>,
    ) -> Option<String> {
        match what {
            Litter::Trash => self.reason_to_keep_trash(path, since),
            Litter::Stage => Some("it may be the only copy of something that was to be moved".to_owned()),
            _ if self.open.has(path) => Some(IN_USE.to_owned()),
            _ if facts.kind != EntryKind::File => Some("it is no file, and so none of ours".to_owned()),
            _ => self.too_young(since),
        }
    }

    /// Trash goes by the register; what is not in there goes by its age, where trash is not kept for ever.
    fn reason_to_keep_trash(&self, path: &RelPath, since: Option<Mtime>) -> Option<String> {
        let forever = || Some("it is kept for ever".to_owned());
        let Some(entries) = self.trash.get(path) else {
            let Some(keeps) = self.place.sides.iter().map(|side| side.keep).collect::<Option<Vec<_>>>()
            else {
                return forever();
            };
            let Some(since) = since.and_then(milliseconds) else { return Some(AGELESS.to_owned()) };
            let is_kept = keeps.into_iter().any(|keep| !is_over(since, keep));
            return is_kept.then(|| NOT_YET.to_owned());
        };
        if entries.iter().any(|(side, _)| side.keep.is_none()) {
            return forever();
        }
        let kept =
            |(side, entry): &(&Tended, TrashEntry)| side.keep.is_none_or(|keep| !is_over(entry.since, keep));
        entries.iter().any(kept).then(|| NOT_YET.to_owned())
    }

    /// What nobody knows of may be of a run that goes on elsewhere, as long as it is young.
    fn too_young(&self, since: Option<Mtime>) -> Option<String> {
        match since.and_then(milliseconds) {
            None => Some(AGELESS.to_owned()),
            Some(since) if is_over(since, self.collect.older_than) => None,
            Some(_) => Some("it may belong to a run that goes on elsewhere".to_owned()),
        }
    }

    fn note(&mut self, path: RelPath, what: Litter, bytes: u64, since: Option<Mtime>, fate: Fate) {
        let known = self.trash.get(&path).and_then(|entries| entries.first()).map(|(side, _)| *side);
        let Some(side) = known.or_else(|| self.place.sides.first().copied()) else { return };
        (self.tell)(Found { task: side.task.clone(), side: side.side, path, what, bytes, since, fate });
    }

    /// What is gone is in nobody's register any more.
    async fn forget(&self, removed: &[RelPath]) -> Result<(), ExecError> {
        for side in &self.place.sides {
            let is_of_side = |path: &&RelPath| {
                let entries = self.trash.get(*path);
                entries.is_some_and(|all| all.iter().any(|(of, _)| of.task == side.task))
            };
            let paths: Vec<RelPath> = removed.iter().filter(is_of_side).cloned().collect();
            if !paths.is_empty() {
                self.state.forget_trash(&side.task, side.side, &paths).await?;
            }
        }
        remove_folders(self.place.store.as_ref(), removed).await;
        Ok(())
    }
}

const IN_USE: &str = "a run that was interrupted goes on with it";
const NOT_YET: &str = "it is not kept for long enough yet";
const AGELESS: &str = "nobody knows how old it is";

fn fate(result: Result<(), StoreError>) -> Fate {
    match result {
        Ok(()) => Fate::Removed,
        Err(error) => Fate::Failed(chain(&error)),
    }
}

fn milliseconds(time: Mtime) -> Option<i64> {
    time.seconds.checked_mul(1000)?.checked_add(i64::from(time.nanos / 1_000_000))
}
