//! Guards, when a plan is about to be applied: nothing that a plan says of itself is believed.

use std::collections::BTreeSet;

use syncplan_manifest::{FilterScope, check_supported, parse_action_filter};
use syncplan_model::plan::guard::{Protected, judge};
use syncplan_model::plan::{Finding, Level, Plan};
use syncplan_model::{ActionFilter, TaskName};
use syncplan_plan::limits;
use syncplan_state::State;

use crate::base::{places, protected_before, still_parsed};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::survey::now;

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
    Ok(findings)
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
        let base = state.load_base(&found.name, &places(project, files)).await?;
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
