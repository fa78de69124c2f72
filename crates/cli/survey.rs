//! Looks at both sides of a task: what is there, what is known, and what has to be known.

use std::collections::HashSet;
use std::sync::Arc;

use syncplan_model::plan::{BaseHeader, Enforce, Side, SideHeader};
use syncplan_model::spec::{Direction, FilesTask, Mode, Task};
use syncplan_model::{Capabilities, Capability, Mtime, Snapshot, TaskName};
use syncplan_plan::{Enforcements, Resolution, SideInput, TaskInput, agreed, pairs, questions};
use syncplan_scan::{IgnoreRules, Inquiry, Question, Seen, inquire, vouch};
use syncplan_state::State;
use syncplan_store::{Enforcement, Guarded, Store};

use crate::base::{TaskBase, ask_for_marks, marked_sides, places};
use crate::failure::Failure;
use crate::looker::{Found, Looker};
use crate::project::Project;
use crate::render::{self, progress::Scanning};
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
    /// What both sides agreed on before.
    pub(crate) base: Option<TaskBase>,
    /// Of a two-way task, the one side that is changed.
    pub(crate) only_side: Option<Side>,
    /// What was decided about one conflict.
    pub(crate) resolution: Option<Resolution>,
}

/// One side of a task.
pub(crate) struct Surveyed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) header: SideHeader,
    /// What it can do, as far as that is known before anything is written.
    pub(crate) capabilities: Capabilities,
    pub(crate) snapshot: Snapshot,
    /// What its own ignore files and markers leave out.
    pub(crate) rules: IgnoreRules,
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quest<'a> {
    pub(crate) task: &'a Task,
    pub(crate) direction: Option<Direction>,
    /// Whether what the sides agreed on before matters, and what they agree on is remembered.
    pub(crate) with_base: bool,
}

/// The task with its files, in the direction that was asked for.
pub(crate) fn files_task(task: &Task, direction: Option<Direction>) -> Result<FilesTask, Failure> {
    let files = task.as_files();
    let files =
        files.ok_or_else(|| Failure::usage(format!("the task `{}` is no task of files", task.name)))?;
    Ok(FilesTask { direction: direction.unwrap_or(files.direction), ..files.clone() })
}

/// A direction asks a two-way task to change one of its sides only.
pub(crate) fn only_side(spec: &FilesTask, direction: Option<Direction>) -> Option<Side> {
    let side = |direction| match direction {
        Direction::Push => Side::Remote,
        Direction::Fetch => Side::Local,
    };
    direction.filter(|_| spec.mode == Mode::TwoWay).map(side)
}

/// Scans both sides, and looks closer where the planner has questions.
pub(crate) async fn survey(
    project: &Project,
    state: &State,
    quest: Quest<'_>,
    scanning: &Scanning,
) -> Result<Survey, Failure> {
    let task = quest.task;
    let spec = files_task(task, quest.direction)?;
    let known = match quest.with_base {
        true => state.load_base(&task.name, &places(project, &spec)).await?,
        false => None,
    };
    let synced = known.as_ref().is_some_and(|base| base.local.entries() > 0);
    let [local_store, remote_store] = open_sides(project, &spec, synced)?;
    let local = Looker::new(project, task, &spec, Side::Local, local_store, scanning);
    let remote = Looker::new(project, task, &spec, Side::Remote, remote_store, scanning);
    let (local_found, remote_found) = tokio::try_join!(local.look(state), remote.look(state))?;

    let protect = known.as_ref().map(|base| base.protect.clone()).unwrap_or_default();
    let base = match known {
        Some(base) => {
            let [here, there] = ask_for_marks(
                [&local.store, &remote.store],
                &task.name,
                &base.head(),
                marked_sides(&spec, None),
            )
            .await?;
            let base = TaskBase::of(base, project, &spec);
            let header = BaseHeader { local: here, remote: there, ..base.header.clone() };
            Some(TaskBase { header, ..base })
        }
        None => None,
    };
    let mut survey = Survey {
        name: task.name.clone(),
        after: task.after.clone(),
        only_side: only_side(&spec, quest.direction),
        resolution: None,
        local: local.surveyed(&local_found, &remote_found.scan.rules),
        remote: remote.surveyed(&remote_found, &local_found.scan.rules),
        base,
        spec: spec.clone(),
    };
    survey.look_at_suspects(&local_found, &remote_found).await?;
    survey.compare_checksums(project).await?;
    survey.ask(project).await?;
    local.remember(state, &local_found, &survey.local.snapshot).await?;
    remote.remember(state, &remote_found, &survey.remote.snapshot).await?;
    if quest.with_base {
        survey.begin_base(project, state, &protect).await?;
    }
    Ok(survey)
}

/// Opens the local and the remote side to be looked at. What is read has to be there: a side that is missing is never
/// taken for an empty one. A folder that a first sync would fill may be missing.
pub(crate) fn open_sides(
    project: &Project,
    spec: &FilesTask,
    synced: bool,
) -> Result<[Arc<dyn Store>; 2], Failure> {
    let open = |side, purpose| stores::open_side(project, spec, None, side, purpose);
    let (local, remote) = match (spec.mode, spec.direction) {
        (Mode::TwoWay, _) if synced => (Purpose::Read, Purpose::Read),
        (Mode::TwoWay, _) if open(Side::Remote, Purpose::Read).is_ok() => (Purpose::Preview, Purpose::Read),
        (Mode::TwoWay, _) | (_, Direction::Push) => (Purpose::Read, Purpose::Preview),
        (_, Direction::Fetch) => (Purpose::Preview, Purpose::Read),
    };
    Ok([open(Side::Local, local)?, open(Side::Remote, remote)?])
}

impl Survey {
    /// Whether all of both sides could be read.
    pub(crate) fn is_complete(&self) -> bool {
        self.local.snapshot.is_complete() && self.remote.snapshot.is_complete()
    }

    /// One side.
    pub(crate) fn side(&self, side: Side) -> &Surveyed {
        match side {
            Side::Local => &self.local,
            Side::Remote => &self.remote,
        }
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
            base: self.base.as_ref().map(TaskBase::input),
            only_side: self.only_side,
            resolution: self.resolution.as_ref(),
            protected_before: self.base.as_ref().map_or(&[], |base| &base.protected_before),
        }
    }

    /// Takes a decision on one conflict, which may raise questions of its own.
    pub(crate) async fn resolve(&mut self, project: &Project, resolution: Resolution) -> Result<(), Failure> {
        self.resolution = Some(resolution);
        self.ask(project).await
    }

    /// Remembers what is the same on both sides: the first base, until a run is based on it. To look at
    /// other places than those that were synced is no reason to forget what was.
    async fn begin_base(
        &mut self,
        project: &Project,
        state: &State,
        protect: &[String],
    ) -> Result<(), Failure> {
        if self.base.as_ref().is_some_and(|base| base.header.serial > 0) {
            return Ok(());
        }
        if self.base.is_none() && state.base_exists(&self.name).await? {
            render::stderr(&format!(
                "{} was synced with other places before: both sides are joined, and nothing is deleted",
                self.name
            ));
            return Ok(());
        }
        let (local, remote) = agreed(&self.input(project));
        if let Some(base) = &self.base {
            let same = |before: &Snapshot, now: &Snapshot| before.digest() == now.digest();
            if same(&base.local, &local) && same(&base.remote, &remote) {
                return Ok(());
            }
            state.forget_base(&self.name).await?;
        }
        let base = state.mint_base(&self.name, &places(project, &self.spec), &local, &remote).await?;
        state.protect(&self.name, protect).await?;
        let before = self.base.take().map(|base| base.protected_before);
        let base = TaskBase::of(base, project, &self.spec);
        self.base = Some(TaskBase { protected_before: before.unwrap_or_default(), ..base });
        Ok(())
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

    /// What others brought to a store is known by the checksums that it keeps, before anything is asked of
    /// it or read there.
    async fn compare_checksums(&mut self, project: &Project) -> Result<(), Failure> {
        let pairs = pairs(&self.input(project));
        if pairs.is_empty() {
            return Ok(());
        }
        let seen = |side: &Surveyed| Seen { store: Arc::clone(&side.store), snapshot: side.snapshot.clone() };
        let sides = [seen(&self.local), seen(&self.remote)];
        [self.local.snapshot, self.remote.snapshot] = vouch(sides, pairs, self.spec.sample).await?;
        Ok(())
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
            capabilities: &self.capabilities,
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

/// The clock, read once at the edge.
pub(crate) fn now() -> Mtime {
    let now = jiff::Timestamp::now();
    Mtime { seconds: now.as_second(), nanos: now.subsec_nanosecond().unsigned_abs() }
}
