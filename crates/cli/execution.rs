//! From a plan to its outcome: guards, stores, recovery, the run itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use syncplan_exec::{self as exec, Cancel, Job, OnStale, Options, Report, Sides};
use syncplan_manifest::{FilterScope, check_supported, parse_action_filter};
use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{Finding, Level, Plan, Side, TaskHeader};
use syncplan_model::spec::{Direction, Place};
use syncplan_model::{ActionFilter, TaskName};
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

    /// Rolls forward what interrupted runs left half done, before anything else is looked at.
    pub(crate) async fn recover(&self, unless: Option<&Document>) -> Result<(), Failure> {
        let mut done = BTreeSet::new();
        for unresolved in self.state.unresolved().await? {
            let same = unless.is_some_and(|document| document.id.to_string() == unresolved.plan_id);
            if same || !done.insert(unresolved.plan_id.clone()) {
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
        Ok(())
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
            let same =
                found.store == stated.store && found.kind == stated.kind && found.location == stated.location;
            if same {
                Ok(store)
            } else {
                Err(elsewhere(
                    header,
                    &format!(
                        "its {side} side was {}:{} and is {}:{}",
                        stated.store, stated.location, found.store, found.location
                    ),
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

/// Judges a plan by its actions, whatever it says of itself.
pub(crate) fn findings(project: &Project, plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let scope = FilterScope::of(&project.loaded.spec);
    let mut filters: Vec<(&TaskName, Vec<ActionFilter>)> = Vec::new();
    for task in &plan.header().tasks {
        let parse = |text: &String| parse_action_filter(text, "protect", &scope).map_err(Failure::diagnostic);
        filters.push((&task.name, task.limits.protect.iter().map(parse).collect::<Result<_, _>>()?));
    }
    let protected: Vec<_> = filters.iter().map(|(task, filters)| Protected { task, filters }).collect();
    let mut findings = judge(plan.header(), plan.actions(), &protected, now());
    // What a plan says against itself counts, too.
    for finding in plan.findings() {
        if !findings.iter().any(|found| found.code == finding.code && found.task == finding.task) {
            findings.push(finding.clone());
        }
    }
    Ok(findings)
}

/// Whether the guards let a plan pass, given what is overridden; else which exit it means.
pub(crate) fn pass(findings: &[Finding], overrides: &[String], saved: bool) -> Result<(), Failure> {
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
    let help = match (first.level, saved) {
        (Level::Hard, _) => {
            "look at both sides; a hard guard cannot be overridden, only the manifest changes it".to_owned()
        }
        (_, true) => format!("if it is meant: --override {} --reason TEXT", codes.join(" --override ")),
        (_, false) => format!(
            "if it is meant: syncplan plan -o plan.json, then syncplan apply plan.json --override {} --reason TEXT",
            codes.join(" --override ")
        ),
    };
    Err(Failure::new("syncplan::guard::blocked", format!("nothing was changed: {}", first.message))
        .help(help)
        .exit(Exit::Blocked))
}

/// How a run ends for scripts: conflicts that are held are something left to do.
pub(crate) fn exit(report: &Report, plan: &Plan) -> Exit {
    match report.ending {
        exec::Ending::Done if plan.conflicts().is_empty() => Exit::Done,
        exec::Ending::Done | exec::Ending::Partial => Exit::Partial,
        exec::Ending::Stale => Exit::Stale,
        exec::Ending::Interrupted => Exit::Interrupted,
    }
}
