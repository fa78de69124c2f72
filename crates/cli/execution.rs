//! From a plan to its outcome: guards, stores, recovery, the run itself.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use syncplan_exec::{self as exec, Events, Job, OnStale, Options, Report, Sides};
use syncplan_model::plan::{Plan, Side, SideHeader, TaskHeader};
use syncplan_model::spec::{ConflictPolicy, Direction, FilesTask, Mode, Place, StoreAccess};
use syncplan_model::{Period, Snapshot, TaskName};
use syncplan_state::{BaseHead, State};
use syncplan_store::Store;

use crate::args::{self, Global, Patience, Running};
use crate::base::{ask_for_marks, leave_marks, marked_sides, places, protect_texts};
use crate::document::{self, Document, tool};
use crate::events::EventStream;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::judgement;
use crate::looker::{identity, side_header};
use crate::project::Project;
use crate::render::{
    self,
    progress::{Executing, Scanning},
};
use crate::shared::{may_be_indexed, tell};
use crate::stores::{self, Purpose};
use crate::survey::{Quest, survey};

/// How many actions run side by side unless told otherwise.
const JOBS: u16 = 16;

/// How long a run waits for a store that cannot be reached unless told otherwise.
const MAX_OFFLINE: Duration = Duration::from_secs(600);

/// What a command brings to the execution of a plan.
pub(crate) struct Execution<'a> {
    pub(crate) project: &'a Project,
    pub(crate) state: &'a State,
    pub(crate) global: &'a Global,
    pub(crate) running: &'a Running,
    interrupt: Interrupt,
    stream: EventStream,
}

impl<'a> Execution<'a> {
    pub(crate) fn new(
        project: &'a Project,
        state: &'a State,
        global: &'a Global,
        running: &'a Running,
    ) -> Result<Self, Failure> {
        let interrupt = Interrupt::listen().map_err(|error| {
            Failure::new("syncplan::cli::signals", "signals cannot be listened to").because(error)
        })?;
        Ok(Self { project, state, global, running, interrupt, stream: EventStream::open(global)? })
    }

    /// Rolls forward what interrupted runs left half done on these tasks, before anything else is
    /// looked at. The plan that is about to be applied goes on by itself.
    pub(crate) async fn recover(&self, tasks: &[TaskName], unless: Option<&Document>) -> Result<(), Failure> {
        self.state.refuse_while_locked(tasks).await?;
        let mut done = BTreeSet::new();
        for unresolved in self.state.unresolved().await? {
            let same = unless.is_some_and(|document| document.id.to_string() == unresolved.plan_id);
            let elsewhere = !unresolved.tasks.iter().any(|task| tasks.contains(task));
            if same || elsewhere || !done.insert(unresolved.plan_id.clone()) {
                continue;
            }
            render::stderr(&format!("finishing run {} first, which was interrupted", unresolved.run));
            let packed = self.state.plan_of(unresolved.run).await?.unwrap_or_default();
            let document = document::unpack(&packed)?;
            self.renew_first_bases(&document.plan).await?;
            let report = self.run(&document, None).await.map_err(unfinished)?;
            render::stderr(&render::outcome::human(&report));
            if report.ending == exec::Ending::Interrupted {
                return Err(
                    Failure::new("syncplan::apply::interrupted", "interrupted").exit(Exit::Interrupted)
                );
            }
        }
        match unless {
            Some(_) => Ok(()),
            None => self.project.refuse_unresolved(self.state, tasks).await,
        }
    }

    /// Applies the plan and records it, with what was overruled for its sake.
    pub(crate) async fn run(&self, document: &Document, overrides: Option<&str>) -> Result<Report, Failure> {
        let seen = self.open(&document.plan, Purpose::Preview)?;
        self.check_bases(&document.plan, &seen).await?;
        self.begin_bases(&document.plan).await?;
        let sides = self.open(&document.plan, Purpose::Write)?;
        let stores = sides.clone();
        let packed = document.packed().map_err(|error| {
            Failure::new("syncplan::apply::journal", "the plan cannot be put into the journal").because(error)
        })?;
        let progress = Executing::new(self.global, &document.plan);
        let job = self.job(document, sides, &progress);
        let tool = tool();
        let record = exec::Document { overrides, ..record(document, &packed, &tool) };
        let busy = self.interrupt.busy();
        let report = exec::apply(job, self.state, &record).await;
        progress.end();
        let report = report?;
        if report.ending != exec::Ending::Interrupted {
            self.conclude(&document.plan, &stores).await?;
        }
        drop(busy);
        Ok(report)
    }

    /// Concludes a plan that has nothing to do.
    pub(crate) async fn conclude_idle(&self, plan: &Plan) -> Result<(), Failure> {
        self.begin_bases(plan).await?;
        self.conclude(plan, &self.open(plan, Purpose::Preview)?).await
    }

    /// What the next plan has to know besides what the run itself taught: what is protected by now, and,
    /// on both sides, how far the base has come.
    async fn conclude(&self, plan: &Plan, sides: &HashMap<TaskName, Sides>) -> Result<(), Failure> {
        let busy: HashSet<_> = plan.actions().iter().map(|action| &action.task).collect();
        for header in &plan.header().tasks {
            let Some(spec) = self.files(header) else { continue };
            let Some(mut base) = self.base(header, spec).await? else { continue };
            let mut protect = protect_texts(spec);
            if !busy.contains(&header.name) {
                // Nothing was at stake yet: what is not protected any more is still to be seen.
                let gone: Vec<_> = base.protect.iter().filter(|text| !protect.contains(text)).collect();
                protect.extend(gone.into_iter().cloned().collect::<Vec<_>>());
                if base.serial == 0 && is_whole(plan, header) {
                    self.state.settle_base(&header.name).await?;
                    base.serial = 1;
                }
            }
            self.state.protect(&header.name, &protect).await?;
            if let Some(Sides { local, remote, .. }) = sides.get(&header.name) {
                let (stores, sides) = ([local, remote], marked_sides(spec, header.direction));
                leave_marks(self.project, self.state, &header.name, spec, &base, stores, sides).await?;
                if sides.contains(&Side::Remote) {
                    self.tell_others(header, spec, remote).await?;
                }
            }
        }
        Ok(())
    }

    /// Where the task writes to its remote side, what is known of it goes there for other machines.
    async fn tell_others(
        &self,
        header: &TaskHeader,
        spec: &FilesTask,
        remote: &Arc<dyn Store>,
    ) -> Result<(), Failure> {
        let store = self.project.loaded.spec.store(&spec.remote.store);
        let is_ours = store.is_some_and(|store| store.access == StoreAccess::ReadWrite);
        if !is_ours || !may_be_indexed(&**remote) {
            return Ok(());
        }
        let source = identity(self.project, &spec.remote, spec);
        tell(self.state, &**remote, &header.name, &source).await
    }

    /// A plan that was made with another base says nothing about what was synced since; and a side that
    /// is not the one that was synced is left alone.
    async fn check_bases(&self, plan: &Plan, sides: &HashMap<TaskName, Sides>) -> Result<(), Failure> {
        for header in &plan.header().tasks {
            let Some(spec) = self.files(header) else { continue };
            let known = self.base(header, spec).await?;
            if let Some(planned) = header.base.as_ref().filter(|planned| planned.serial > 0)
                && known.as_ref().is_none_or(|known| known.lineage != planned.lineage)
            {
                return Err(other_base(header));
            }
            if let (Some(base), Some(Sides { local, remote, .. })) = (known, sides.get(&header.name)) {
                let marks =
                    ask_for_marks([local, remote], &header.name, &base, marked_sides(spec, header.direction))
                        .await?;
                judgement::refuse_replaced(plan, header, &base, marks)?;
            }
        }
        Ok(())
    }

    /// Has every task a base of its places, to learn what both sides agree on. One of other places ends
    /// here.
    async fn begin_bases(&self, plan: &Plan) -> Result<(), Failure> {
        for header in &plan.header().tasks {
            let Some(spec) = self.files(header) else { continue };
            if self.base(header, spec).await?.is_none() {
                let (source, nothing) = (places(self.project, spec), Snapshot::empty());
                self.state.mint_base(&header.name, &source, &nothing, &nothing).await?;
            }
        }
        Ok(())
    }

    /// What was the same on both sides when a first plan was made may have gone since, without anybody
    /// having deleted it: before a run is based on it, both sides are looked at once more.
    pub(crate) async fn renew_first_bases(&self, plan: &Plan) -> Result<(), Failure> {
        // Nothing is written beside a run that goes on.
        let tasks: Vec<_> = plan.header().tasks.iter().map(|header| header.name.clone()).collect();
        self.state.refuse_while_locked(&tasks).await?;
        let scanning = Scanning::new(self.global);
        for header in &plan.header().tasks {
            let (Some(spec), Some(task)) = (self.files(header), self.project.loaded.spec.task(&header.name))
            else {
                continue;
            };
            if self.base(header, spec).await?.is_some_and(|base| base.serial == 0) {
                scanning.begin(&header.name);
                let quest = Quest { task, direction: header.direction, with_base: true };
                survey(self.project, self.state, quest, &scanning).await?;
            }
        }
        scanning.end();
        Ok(())
    }

    async fn base(&self, header: &TaskHeader, spec: &FilesTask) -> Result<Option<BaseHead>, Failure> {
        Ok(self.state.base_head(&header.name, &places(self.project, spec)).await?)
    }

    fn files(&self, header: &TaskHeader) -> Option<&'a FilesTask> {
        self.project.loaded.spec.task(&header.name)?.as_files()
    }

    /// Says what applying the plan would do.
    pub(crate) async fn dry_run(&self, document: &Document) -> Result<Report, Failure> {
        let sides = self.open(&document.plan, Purpose::Preview)?;
        self.check_bases(&document.plan, &sides).await?;
        let progress = Executing::hidden();
        let tool = tool();
        let record = record(document, &[], &tool);
        Ok(exec::dry_run(self.job(document, sides, &progress), Some((self.state, &record))).await?)
    }

    fn job(&self, document: &Document, sides: HashMap<TaskName, Sides>, progress: &Executing) -> Job {
        let jobs = usize::from(self.running.jobs.unwrap_or(JOBS));
        let on_stale = match self.running.on_stale {
            args::OnStale::Skip => OnStale::Skip,
            args::OnStale::Abort => OnStale::Abort,
        };
        let bandwidth = self.running.bandwidth;
        let max_offline = match self.running.max_offline {
            None => Some(MAX_OFFLINE),
            Some(Patience::For(period)) => Some(period.as_duration()),
            Some(Patience::Unlimited) => None,
        };
        Job {
            options: Options { jobs, on_stale, bandwidth, max_offline, ..Options::default() },
            events: self.told(progress.events()),
            cancel: self.interrupt.cancel(),
            ..Job::new(Arc::new(document.plan.clone()), sides)
        }
    }

    /// What a run says goes to whoever watches, and to the stream.
    fn told(&self, shown: Events) -> Events {
        match self.stream.events() {
            None => shown,
            Some(written) => Arc::new(move |event| {
                shown(event);
                written(event);
            }),
        }
    }

    fn open(&self, plan: &Plan, target: Purpose) -> Result<HashMap<TaskName, Sides>, Failure> {
        let tasks = plan.header().tasks.iter();
        tasks.map(|task| Ok((task.name.clone(), self.open_task(task, target)?))).collect()
    }

    /// Opens both sides by the names in the manifest, and refuses when they are elsewhere by now.
    fn open_task(&self, header: &TaskHeader, target: Purpose) -> Result<Sides, Failure> {
        let task = self.files(header);
        let task = task.ok_or_else(|| elsewhere(header, "the manifest has no such task any more"))?;
        let purpose = |side| match (header.direction, side) {
            (Some(Direction::Push), Side::Local) | (Some(Direction::Fetch), Side::Remote) => Purpose::Read,
            _ => target,
        };
        let open = |place: &Place, side| -> Result<Arc<dyn Store>, Failure> {
            let store = stores::open_side(self.project, task, header.direction, side, purpose(side))?;
            if let Some(why) = moved(header, side, &side_header(self.project, place, &*store)) {
                return Err(elsewhere(header, &why));
            }
            Ok(store)
        };
        let (local, remote) = (open(&task.local, Side::Local)?, open(&task.remote, Side::Remote)?);
        let merge = match &task.conflict {
            ConflictPolicy::Merge(command) => command.clone(),
            _ => Vec::new(),
        };
        let lease = task.lease.map(Period::as_duration);
        let trash = task.trash.map(|trash| trash.keep.as_duration());
        Ok(Sides { local, remote, sample: task.sample, merge, bandwidth: task.bandwidth, lease, trash })
    }
}

/// Whether somebody asked for a part of a task only.
pub(crate) fn is_restricted(plan: &Plan, task: &TaskHeader) -> bool {
    let selection = &plan.header().selection;
    let one_side = task.mode == Mode::TwoWay && task.direction.is_some();
    selection.only.is_some() || selection.exclude.is_some() || one_side
}

/// Whether a plan has all that both sides of a task differ in.
fn is_whole(plan: &Plan, task: &TaskHeader) -> bool {
    let seen = &task.snapshots;
    !is_restricted(plan, task) && seen.local.complete && seen.remote.complete
}

fn record<'a>(document: &'a Document, bytes: &'a [u8], tool: &'a str) -> exec::Document<'a> {
    exec::Document { plan_id: document.id, instance: &document.meta.created_at, bytes, tool, overrides: None }
}

/// How a side is not the one that a plan was made for, if it is not.
pub(crate) fn moved(header: &TaskHeader, side: Side, found: &SideHeader) -> Option<String> {
    let stated = header.side(side);
    if found.store == stated.store && found.address() == stated.address() {
        return None;
    }
    let (was, is) = (told_place(stated), told_place(found));
    Some(format!("its {side} side was {was} and is {is}"))
}

/// A side for people.
fn told_place(side: &SideHeader) -> String {
    let server = side.service.as_ref().map(|service| format!(" on the server {service}")).unwrap_or_default();
    format!("{}:{}{server}", side.store, side.location)
}

fn elsewhere(header: &TaskHeader, why: &str) -> Failure {
    Failure::new(
        "syncplan::apply::elsewhere",
        format!("the plan was made for another `{}`: {why}", header.name),
    )
    .help("plan again with this manifest, or apply the plan with the manifest it was made from")
    .exit(Exit::Stale)
}

/// What is half done keeps a base from being forgotten.
fn unfinished(failure: Failure) -> Failure {
    match failure.ends_with() {
        Exit::Blocked | Exit::Stale => failure.help(
            "the run that was interrupted can be finished only with both sides as they were: bring them back; or move \
             the state (`.syncplan/state.db`) away, and both sides are joined without deleting anything",
        ),
        _ => failure,
    }
}

fn other_base(header: &TaskHeader) -> Failure {
    Failure::new(
        "syncplan::apply::other-base",
        format!("the plan for `{}` was made with another base than the one there is now", header.name),
    )
    .help("plan again: what was synced was forgotten, or lost, since the plan was made")
    .exit(Exit::Stale)
}

/// How a command ends when nothing of the plan is left to do: conflicts that are held, and what could
/// not be read, are left all the same.
pub(crate) fn exit_done(plan: &Plan) -> Exit {
    if plan.held().next().is_none() && plan.is_complete() { Exit::Done } else { Exit::Partial }
}

/// How a run ends for scripts.
pub(crate) fn exit(report: &Report, plan: &Plan) -> Exit {
    match report.ending {
        exec::Ending::Done => exit_done(plan),
        exec::Ending::Partial => Exit::Partial,
        exec::Ending::Stale => Exit::Stale,
        exec::Ending::Interrupted => Exit::Interrupted,
    }
}
