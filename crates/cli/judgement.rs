//! Guards, when a plan is about to be applied: nothing that a plan says of itself is believed.

use std::collections::BTreeSet;

use syncplan_manifest::{FilterScope, check_supported, parse_action_filter};
use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{BaseHeader, Finding, Header, Level, Plan, TaskHeader};
use syncplan_model::{ActionFilter, Digest, TaskName};
use syncplan_plan::limits;
use syncplan_state::{BaseHead, State};

use crate::base::{Marks, look_for_marks, marked_sides, places, protected_before, still_parsed};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::survey::now;

/// How the codes of the guards begin that notice another side than the one that was synced.
const REPLACED: &str = "replaced-";

/// What no action of a task may touch.
type Filters<'a> = (&'a TaskName, Vec<ActionFilter>);

/// Checks that this version can do what the tasks of a plan need.
pub(crate) fn check_tasks(project: &Project, plan: &Plan) -> Result<(), Failure> {
    let tasks: Vec<_> = plan.header().tasks.iter().map(|task| task.name.clone()).collect();
    check_supported(&project.loaded, Some(&tasks)).map_err(Failure::diagnostic)
}

/// Judges a plan by its actions: by the limits that it carries, and by those that the manifest has
/// now and had when it was applied last, so that neither an edited plan nor an older one gets past a
/// guard.
pub(crate) async fn findings(project: &Project, state: &State, plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let mut findings = judge_as_planned(project, plan)?;
    let manifested = judge_as_manifested(project, state, plan).await?;
    for finding in manifested.into_iter().chain(plan.findings().iter().cloned()) {
        if !findings.iter().any(|found| found.code == finding.code && found.task == finding.task) {
            findings.push(finding);
        }
    }
    // Nothing is at stake where nothing is done.
    findings.retain(|found| found.code != "protect-removed" || is_busy(plan, found.task.as_ref()));
    Ok(findings)
}

fn is_busy(plan: &Plan, task: Option<&TaskName>) -> bool {
    plan.actions().iter().any(|action| task.is_none_or(|task| action.task == *task))
}

/// A side that is not the one that was synced is left alone, whatever a plan says.
pub(crate) fn refuse_replaced(
    plan: &Plan,
    task: &TaskHeader,
    base: &BaseHead,
    marks: Marks,
) -> Result<(), Failure> {
    let base = marked(Some(bare(base)), marks);
    let header = Header { tasks: vec![TaskHeader { base, ..task.clone() }], ..plan.header().clone() };
    let mut findings = judge(&header, &[], &[], now());
    findings.retain(|found| found.code.starts_with(REPLACED));
    pass(&findings, &[], "")
}

/// A base that is judged by its marks alone: what it holds is not looked at.
fn bare(base: &BaseHead) -> BaseHeader {
    let (lineage, digest) = (base.lineage.clone(), Digest::of(b""));
    BaseHeader { lineage, serial: base.serial, digest, entries: 0, left: None, local: None, remote: None }
}

fn marked(base: Option<BaseHeader>, [local, remote]: Marks) -> Option<BaseHeader> {
    base.map(|base| BaseHeader { local, remote, ..base })
}

fn judge_as_planned(project: &Project, plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let scope = FilterScope::of(&project.loaded.spec);
    let mut filters: Vec<Filters<'_>> = Vec::new();
    for task in &plan.header().tasks {
        let parse = |text: &String| parse_action_filter(text, "protect", &scope).map_err(Failure::diagnostic);
        let mut own = task.limits.protect.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        own.extend(task.limits.protected_before.iter().filter_map(|text| still_parsed(text, &scope)));
        filters.push((&task.name, own));
    }
    Ok(judge(plan.header(), plan.actions(), &protected(&filters), now()))
}

async fn judge_as_manifested(project: &Project, state: &State, plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let spec = &project.loaded.spec;
    let mut header = plan.header().clone();
    let mut filters: Vec<Filters<'_>> = Vec::new();
    for task in &mut header.tasks {
        let Some((found, files)) = spec.task(&task.name).and_then(|found| Some((found, found.as_files()?)))
        else {
            continue;
        };
        let base = state.base_head(&found.name, &places(project, files)).await?;
        if let Some(base) = &base {
            // What the sides say now, whatever they said when the plan was made.
            let marks =
                look_for_marks(project, &found.name, files, base, marked_sides(files, task.direction))
                    .await?;
            task.base = marked(Some(task.base.take().unwrap_or_else(|| bare(base))), marks);
        }
        let before = base.map_or_else(Vec::new, |base| protected_before(&base.protect, project, files));
        task.limits = limits(files, &spec.guard);
        task.limits.protected_before = before.iter().map(ToString::to_string).collect();
        filters.push((&found.name, files.protect.iter().cloned().chain(before).collect()));
    }
    Ok(judge(&header, plan.actions(), &protected(&filters), now()))
}

fn protected<'a>(filters: &'a [Filters<'a>]) -> Vec<Protected<'a>> {
    filters.iter().map(|(task, filters)| Protected { task, filters }).collect()
}

/// What can be done about a hard guard.
fn way_out(finding: &Finding) -> String {
    let task = finding.task.as_ref().map_or("TASK", TaskName::as_str);
    match finding.code.as_str() {
        code if code.starts_with(REPLACED) => {
            format!("look at that side; if it is the right one: syncplan forget {task}")
        }
        "empty-source" => {
            "look at that side; if it is meant to be empty, say `guard { empty-source soft; }` in the manifest, and plan \
             again"
                .to_owned()
        }
        "protected" => "if it is meant, change `protect` in the manifest, and plan again".to_owned(),
        _ => "look at both sides; a hard guard cannot be overridden, only the manifest changes it".to_owned(),
    }
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
                .help(way_out(finding))
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
        Level::Hard => way_out(first),
        _ => format!("if it is meant: {how} --override {} --reason TEXT", codes.join(" --override ")),
    };
    Err(Failure::new("syncplan::guard::blocked", format!("nothing was changed: {}", first.message))
        .help(help)
        .exit(Exit::Blocked))
}
