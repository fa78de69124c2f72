//! From a plan to its outcome: guards, stores, recovery, the run itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use syncplan_exec::{self as exec, Cancel, Job, OnStale, Options, Report, Sides};
use syncplan_manifest::{FilterScope, check_supported, parse_action_filter};
use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{Finding, Level, Plan, Side, SideHeader, TaskHeader};
use syncplan_model::spec::{Direction, Place};
use syncplan_model::{ActionFilter, TaskName};
use syncplan_plan::limits;
use syncplan_state::State;
use syncplan_store::Store;

use crate::args::{self, Global, Running};
use crate::document::{self, Document, tool};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::project::Project;
use crate::render::{self, progress::Executing};
use crate::stores::{self, Purpose};
use crate::survey::{now, side_header};

/// How many actions run side by side unless told otherwise.
const JOBS: u16 = 16;

/// What a command brings to the execution of a plan.
pub(crate) struct Execution<'a> {
    pub(crate) project: &'a Project,
    pub(crate) state: &'a State,
    pub(crate) global: &'a Global,
    pub(crate) running: &'a Running,
    pub(crate) cancel: Cancel,
}

impl<'a> Execution<'a> {
    pub(crate) fn new(
        project: &'a Project,
        state: &'a State,
        global: &'a Global,
        running: &'a Running,
    ) -> Result<Self, Failure> {
        let cancel = interrupt::cancel().map_err(|error| {
            Failure::new("syncplan::cli::signals", "signals cannot be listened to").because(error)
        })?;
        Ok(Self { project, state, global, running, cancel })
    }

    /// Rolls forward what interrupted runs left half done on these tasks, before anything else is
    /// looked at. The plan that is about to be applied goes on by itself.
    pub(crate) async fn recover(&self, tasks: &[TaskName], unless: Option<&Document>) -> Result<(), Failure> {
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
            let report = self.run(&document, None).await?;
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
        let sides = self.open(&document.plan, Purpose::Write)?;
        let packed = document.packed().map_err(|error| {
            Failure::new("syncplan::apply::journal", "the plan cannot be put into the journal").because(error)
        })?;
        let progress = Executing::new(self.global, &document.plan);
        let job = self.job(document, sides, &progress);
        let tool = tool();
        let record = exec::Document { overrides, ..record(document, &packed, &tool) };
        let report = exec::apply(job, self.state, &record).await;
        progress.end();
        Ok(report?)
    }

    /// Says what applying the plan would do.
    pub(crate) async fn dry_run(&self, document: &Document) -> Result<Report, Failure> {
        let sides = self.open(&document.plan, Purpose::Preview)?;
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
        Job {
            options: Options { jobs, on_stale, ..Options::default() },
            events: progress.events(),
            cancel: self.cancel.clone(),
            ..Job::new(Arc::new(document.plan.clone()), sides)
        }
    }

    fn open(&self, plan: &Plan, target: Purpose) -> Result<HashMap<TaskName, Sides>, Failure> {
        let tasks = plan.header().tasks.iter();
        tasks.map(|task| Ok((task.name.clone(), self.open_task(task, target)?))).collect()
    }

    /// Opens both sides by the names in the manifest, and refuses when they are elsewhere by now.
    fn open_task(&self, header: &TaskHeader, target: Purpose) -> Result<Sides, Failure> {
        let spec = &self.project.loaded.spec;
        let task = spec.task(&header.name).and_then(|task| task.as_files());
        let task = task.ok_or_else(|| elsewhere(header, "the manifest has no such task any more"))?;
        let purpose = |side| match (header.direction, side) {
            (Some(Direction::Push), Side::Local) | (Some(Direction::Fetch), Side::Remote) => Purpose::Read,
            _ => target,
        };
        let open = |place: &Place, side| -> Result<Arc<dyn Store>, Failure> {
            let stated = header.side(side);
            let store = stores::open(self.project, place, purpose(side))?;
            let found = side_header(self.project, place, &*store);
            let same = (&found.store, &found.kind, &found.location, &found.service)
                == (&stated.store, &stated.kind, &stated.location, &stated.service);
            if same {
                Ok(store)
            } else {
                Err(elsewhere(
                    header,
                    &format!("its {side} side was {} and is {}", whereabouts(stated), whereabouts(&found)),
                ))
            }
        };
        let (local, remote) = (open(&task.local, Side::Local)?, open(&task.remote, Side::Remote)?);
        Ok(Sides { local, remote, sample: task.sample })
    }
}

fn record<'a>(document: &'a Document, bytes: &'a [u8], tool: &'a str) -> exec::Document<'a> {
    exec::Document { plan_id: document.id, instance: &document.meta.created_at, bytes, tool, overrides: None }
}

fn whereabouts(side: &SideHeader) -> String {
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

/// Checks that this version can do what the tasks of a plan need.
pub(crate) fn check_tasks(project: &Project, plan: &Plan) -> Result<(), Failure> {
    let tasks: Vec<_> = plan.header().tasks.iter().map(|task| task.name.clone()).collect();
    check_supported(&project.loaded, Some(&tasks)).map_err(Failure::diagnostic)
}

/// Judges a plan by its actions: by the limits that it carries, and by those that the manifest has
/// now, so that neither an edited plan nor an older one gets past a guard.
pub(crate) fn findings(project: &Project, plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let mut findings = judge_as_planned(project, plan)?;
    for finding in judge_as_manifested(project, plan).into_iter().chain(plan.findings().iter().cloned()) {
        if !findings.iter().any(|found| found.code == finding.code && found.task == finding.task) {
            findings.push(finding);
        }
    }
    Ok(findings)
}

fn judge_as_planned(project: &Project, plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let scope = FilterScope::of(&project.loaded.spec);
    let mut filters: Vec<(&TaskName, Vec<ActionFilter>)> = Vec::new();
    for task in &plan.header().tasks {
        let parse = |text: &String| parse_action_filter(text, "protect", &scope).map_err(Failure::diagnostic);
        filters.push((&task.name, task.limits.protect.iter().map(parse).collect::<Result<_, _>>()?));
    }
    let protected: Vec<_> = filters.iter().map(|(task, filters)| Protected { task, filters }).collect();
    Ok(judge(plan.header(), plan.actions(), &protected, now()))
}

fn judge_as_manifested(project: &Project, plan: &Plan) -> Vec<Finding> {
    let spec = &project.loaded.spec;
    let mut header = plan.header().clone();
    let mut protected = Vec::new();
    for task in &mut header.tasks {
        let Some((found, files)) = spec.task(&task.name).and_then(|found| Some((found, found.as_files()?)))
        else {
            continue;
        };
        task.limits = limits(files, &spec.guard);
        protected.push(Protected { task: &found.name, filters: &files.protect });
    }
    judge(&header, plan.actions(), &protected, now())
}

/// Whether the guards let a plan pass, given what is overridden. `how` is what comes before
/// `--override` on the command line that would go ahead.
pub(crate) fn pass(findings: &[Finding], overrides: &[String], how: &str) -> Result<(), Failure> {
    for code in overrides {
        match findings.iter().find(|finding| finding.code == *code) {
            Some(finding) if finding.level == Level::Hard => {
                return Err(Failure::new(
                    "syncplan::guard::hard",
                    format!("the guard `{code}` cannot be overridden: {}", finding.message),
                )
                .help("change what the manifest protects or limits, and plan again")
                .exit(Exit::Blocked));
            }
            Some(_) => {}
            None => return Err(Failure::usage(format!("no guard `{code}` objects to this plan"))),
        }
    }
    let blocking: Vec<_> = findings
        .iter()
        .filter(|finding| finding.level != Level::Advisory && !overrides.contains(&finding.code))
        .collect();
    let Some(first) = blocking.first() else { return Ok(()) };
    let codes: BTreeSet<_> = blocking.iter().map(|finding| finding.code.as_str()).collect();
    let codes = codes.into_iter().collect::<Vec<_>>();
    let help = match first.level {
        Level::Hard => {
            "look at both sides; a hard guard cannot be overridden, only the manifest changes it".to_owned()
        }
        _ => format!("if it is meant: {how} --override {} --reason TEXT", codes.join(" --override ")),
    };
    Err(Failure::new("syncplan::guard::blocked", format!("nothing was changed: {}", first.message))
        .help(help)
        .exit(Exit::Blocked))
}

/// How a command ends when nothing of the plan is left to do: conflicts that are held, and what could
/// not be read, are left all the same.
pub(crate) fn exit_done(plan: &Plan) -> Exit {
    if plan.conflicts().is_empty() && plan.is_complete() { Exit::Done } else { Exit::Partial }
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
