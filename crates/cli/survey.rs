//! Looks at both sides of a task: what is there, what is known, and what has to be known.

use std::collections::HashSet;
use std::sync::Arc;

use syncplan_model::plan::{Enforce, Side, SideHeader};
use syncplan_model::spec::{Direction, FilesTask, Place, StoreKind, Task};
use syncplan_model::{Capability, Digest, Entry, EntryKind, Mtime, Snapshot, TaskName};
use syncplan_plan::{Enforcements, SideInput, TaskInput, questions};
use syncplan_scan::{IgnoreRules, Inquiry, Question, Scan, ScanRequest, inquire, scan};
use syncplan_state::State;
use syncplan_store::{Enforcement, Guarded, Store};

use crate::failure::Failure;
use crate::project::Project;
use crate::render::progress::Scanning;
use crate::stores::{self, Purpose};

/// How often the planner may ask: three rounds answer everything that one answer can raise.
const ROUNDS: usize = 4;

/// Both sides of a task, as the planner takes them.
pub(crate) struct Survey {
    /// The task, with the direction that was asked for.
    pub(crate) name: TaskName,
    pub(crate) after: Vec<TaskName>,
    pub(crate) spec: FilesTask,
    pub(crate) local: Surveyed,
    pub(crate) remote: Surveyed,
}

/// One side of a task.
pub(crate) struct Surveyed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) header: SideHeader,
    pub(crate) snapshot: Snapshot,
}

/// The task with its files, in the direction that was asked for.
pub(crate) fn files_task(task: &Task, direction: Option<Direction>) -> Result<FilesTask, Failure> {
    let files = task.as_files();
    let files =
        files.ok_or_else(|| Failure::usage(format!("the task `{}` is no task of files", task.name)))?;
    Ok(FilesTask { direction: direction.unwrap_or(files.direction), ..files.clone() })
}

/// Scans both sides, and looks closer where the planner has questions.
pub(crate) async fn survey(
    project: &Project,
    state: &State,
    task: &Task,
    direction: Option<Direction>,
    scanning: &Scanning,
) -> Result<Survey, Failure> {
    let spec = files_task(task, direction)?;
    let source = source_side(&spec);
    let local = Looker::new(project, task, &spec, Side::Local, source, scanning)?;
    let remote = Looker::new(project, task, &spec, Side::Remote, source, scanning)?;
    let (local_found, remote_found) = tokio::try_join!(local.look(state), remote.look(state))?;

    let (local_rules, remote_rules) = (local_found.scan.rules.clone(), remote_found.scan.rules.clone());
    let mut survey = Survey {
        name: task.name.clone(),
        after: task.after.clone(),
        spec: spec.clone(),
        local: local.surveyed(&local_found, &remote_rules),
        remote: remote.surveyed(&remote_found, &local_rules),
    };
    survey.look_at_suspects(&local_found, &remote_found).await?;
    survey.ask(project).await?;
    local.remember(state, &local_found, &survey.local.snapshot).await?;
    remote.remember(state, &remote_found, &survey.remote.snapshot).await?;
    Ok(survey)
}

/// Scans one side, with what its own files and the other side's ignore files leave out, and looks
/// closer at every file, at its samples or at what the store keeps beside it: a snapshot that travels
/// has to answer by itself.
pub(crate) async fn look_closely(
    project: &Project,
    state: &State,
    task: &Task,
    side: Side,
    scanning: &Scanning,
) -> Result<Snapshot, Failure> {
    let spec = files_task(task, None)?;
    let source = source_side(&spec);
    let looker = Looker::new(project, task, &spec, side, source, scanning)?;
    let found = looker.look(state).await?;
    let rules = if spec.ignore_files.is_empty() {
        IgnoreRules::default()
    } else {
        Looker::new(project, task, &spec, side.other(), source, scanning)?.look(state).await?.scan.rules
    };
    let snapshot = looker.surveyed(&found, &rules).snapshot;
    let cheap = looker.store.capabilities().has(Capability::CheapReads);
    let questions = unknown(&snapshot, if cheap { Inquiry::Sampled } else { Inquiry::Stat });
    let snapshot = inquire(Arc::clone(&looker.store), snapshot, questions, spec.sample).await?;
    looker.remember(state, &found, &snapshot).await?;
    Ok(snapshot)
}

/// The files of which no hash is known, and that were not looked at more closely before.
fn unknown(snapshot: &Snapshot, inquiry: Inquiry) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut cursor = snapshot.cursor();
    while let Some(Entry { path, facts }) = cursor.current() {
        let hashed = facts.digest.is_some() || facts.fingerprint.is_some();
        let known = hashed || (inquiry == Inquiry::Stat && facts.mtime.is_some());
        if facts.kind == EntryKind::File && !known {
            questions.push(Question { path: path.clone(), inquiry });
        }
        cursor.advance();
    }
    questions
}

/// The side that is read.
pub(crate) fn source_side(spec: &FilesTask) -> Side {
    match spec.direction {
        Direction::Push => Side::Local,
        Direction::Fetch => Side::Remote,
    }
}

impl Survey {
    /// Whether all of both sides could be read.
    pub(crate) fn is_complete(&self) -> bool {
        self.local.snapshot.is_complete() && self.remote.snapshot.is_complete()
    }

    /// The task as the planner takes it.
    pub(crate) fn input<'a>(&'a self, project: &'a Project) -> TaskInput<'a> {
        TaskInput {
            name: &self.name,
            after: &self.after,
            spec: &self.spec,
            guard: &project.loaded.spec.guard,
            local: self.local.input(),
            remote: self.remote.input(),
            base: None,
            only_side: None,
            resolution: None,
            protected_before: &[],
        }
    }

    /// Looks closer until the planner has no new question. An answer may raise another one: what is
    /// no move after all may be a copy.
    async fn ask(&mut self, project: &Project) -> Result<(), Failure> {
        let mut asked = HashSet::new();
        for _ in 0..ROUNDS {
            let questions = questions(&self.input(project));
            let mut new = |side: Side, questions: Vec<syncplan_plan::Question>| -> Vec<Question> {
                let questions = questions.into_iter().map(question);
                questions.filter(|it| asked.insert((side, it.path.clone(), it.inquiry))).collect()
            };
            let (local, remote) = (new(Side::Local, questions.local), new(Side::Remote, questions.remote));
            if local.is_empty() && remote.is_empty() {
                break;
            }
            self.answer(local, remote).await?;
        }
        Ok(())
    }

    /// A file that changed without looking like it is read, where that is cheap: its old hash is not
    /// carried over, and its old size and time would pass for the old content.
    async fn look_at_suspects(&mut self, local: &Found, remote: &Found) -> Result<(), Failure> {
        let questions = |side: &Surveyed, found: &Found| -> Vec<Question> {
            let cheap = side.store.capabilities().has(Capability::CheapReads);
            let suspects = found.scan.suspects.iter().filter(|_| cheap);
            suspects.map(|path| Question { path: path.clone(), inquiry: Inquiry::Sampled }).collect()
        };
        self.answer(questions(&self.local, local), questions(&self.remote, remote)).await
    }

    async fn answer(&mut self, local: Vec<Question>, remote: Vec<Question>) -> Result<(), Failure> {
        let sample = self.spec.sample;
        let answer = |side: &Surveyed, questions| {
            inquire(Arc::clone(&side.store), side.snapshot.clone(), questions, sample)
        };
        (self.local.snapshot, self.remote.snapshot) =
            tokio::try_join!(answer(&self.local, local), answer(&self.remote, remote))?;
        Ok(())
    }
}

fn question(question: syncplan_plan::Question) -> Question {
    let inquiry = match question.inquiry {
        syncplan_plan::Inquiry::Stat => Inquiry::Stat,
        syncplan_plan::Inquiry::Sampled => Inquiry::Sampled,
        syncplan_plan::Inquiry::Full => Inquiry::Full,
    };
    Question { path: question.path, inquiry }
}

impl Surveyed {
    pub(crate) fn input(&self) -> SideInput<'_> {
        SideInput {
            header: self.header.clone(),
            capabilities: self.store.capabilities(),
            enforcement: enforcements(&*self.store),
            snapshot: &self.snapshot,
        }
    }
}

fn enforcements(store: &dyn Store) -> Enforcements {
    let of = |operation| match store.enforcement(operation) {
        Enforcement::Atomic => Enforce::Atomic,
        Enforcement::Checked => Enforce::Checked,
        Enforcement::Weak => Enforce::Weak,
    };
    Enforcements {
        create: of(Guarded::Create),
        replace: of(Guarded::Replace),
        copy: of(Guarded::Copy),
        rename: of(Guarded::Rename),
        delete: of(Guarded::Delete),
    }
}

/// A side as plan.json describes it.
pub(crate) fn side_header(project: &Project, place: &Place, store: &dyn Store) -> SideHeader {
    let kind = project.loaded.spec.store(&place.store).map_or("", |store| store.kind.as_str());
    SideHeader {
        store: place.store.clone(),
        kind: kind.to_owned(),
        location: store.location().to_owned(),
        service: stores::service(project, place),
        capabilities: store.capabilities().iter().map(|capability| capability.as_str().to_owned()).collect(),
    }
}

/// Looks at one side.
struct Looker<'a> {
    project: &'a Project,
    task: &'a TaskName,
    spec: &'a FilesTask,
    side: Side,
    place: &'a Place,
    store: Arc<dyn Store>,
    /// Which place it is and what is left out: what is known of another is not believed.
    source: Digest,
    scanning: &'a Scanning,
}

/// What was found, and what had been known.
struct Found {
    scan: Scan,
    known: Option<Digest>,
}

impl<'a> Looker<'a> {
    fn new(
        project: &'a Project,
        task: &'a Task,
        spec: &'a FilesTask,
        side: Side,
        source: Side,
        scanning: &'a Scanning,
    ) -> Result<Self, Failure> {
        let place = match side {
            Side::Local => &spec.local,
            Side::Remote => &spec.remote,
        };
        let purpose = if side == source { Purpose::Read } else { Purpose::Preview };
        let store = stores::open(project, place, purpose)?;
        let source = identity(project, place, spec);
        Ok(Self { project, task: &task.name, spec, side, place, store, source, scanning })
    }

    async fn look(&self, state: &State) -> Result<Found, Failure> {
        let previous = state.load_snapshot(self.task, self.side, &self.source).await?;
        let known = previous.as_ref().map(Snapshot::digest);
        let request = ScanRequest {
            select: self.spec.select.clone(),
            ignore_files: self.spec.ignore_files.clone(),
            ignore_markers: self.spec.ignore_markers.clone(),
            now: now(),
            previous,
            found: self.scanning.counter(),
            ..ScanRequest::default()
        };
        let scan = scan(Arc::clone(&self.store), request).await?;
        Ok(Found { scan, known })
    }

    fn surveyed(&self, found: &Found, rules_of_other: &IgnoreRules) -> Surveyed {
        let header = side_header(self.project, self.place, &*self.store);
        let snapshot = rules_of_other.apply(found.scan.snapshot.clone());
        Surveyed { store: Arc::clone(&self.store), header, snapshot }
    }

    /// An unchanged side costs no write.
    async fn remember(&self, state: &State, found: &Found, snapshot: &Snapshot) -> Result<(), Failure> {
        if found.known == Some(snapshot.digest()) {
            return Ok(());
        }
        Ok(state.save_snapshot(self.task, self.side, &self.source, snapshot).await?)
    }
}

fn identity(project: &Project, place: &Place, spec: &FilesTask) -> Digest {
    let at = match project.loaded.spec.store(&place.store).map(|store| &store.kind) {
        Some(StoreKind::S3(s3)) => format!("s3 {:?} {} {:?}", s3.endpoint, s3.bucket, s3.prefix),
        Some(StoreKind::Local(local)) => {
            let folder = stores::folder_of(project, local, place);
            // By its name alone: it may not exist before the first push.
            format!("local {:?}", std::path::absolute(&folder).unwrap_or(folder))
        }
        _ => String::new(),
    };
    let path = place.path.as_ref();
    let filter = filter_digest(spec);
    Digest::of(format!("{at}\n{path:?}\n{filter}").as_bytes())
}

/// What decides which entries are left out.
pub(crate) fn filter_digest(spec: &FilesTask) -> Digest {
    let FilesTask { select, ignore_files, ignore_markers, .. } = spec;
    Digest::of(format!("{select}\n{ignore_files:?}\n{ignore_markers:?}").as_bytes())
}

/// The clock, read once at the edge.
pub(crate) fn now() -> Mtime {
    let now = jiff::Timestamp::now();
    Mtime { seconds: now.as_second(), nanos: now.subsec_nanosecond().unsigned_abs() }
}
