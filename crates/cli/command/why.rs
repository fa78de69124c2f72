use std::os::unix::ffi::OsStrExt as _;

use syncplan_model::plan::{Action, Side};
use syncplan_model::{EntryKind, Plan, RelPath};
use syncplan_plan::{LeftOut, Why, why};
use syncplan_scan::IgnoreRule;

use crate::args::{self, Global};
use crate::command::resolve::relative;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prepare::{Wanted, compile_surveys, survey_all};
use crate::project::Project;
use crate::render::why::{Answer, Rule};
use crate::render::{self, progress::Scanning};
use crate::survey::Survey;

/// Says what is known of one path, and what the plan does about it.
pub(crate) async fn run(global: &Global, args: &args::Plan) -> Result<Exit, Failure> {
    let path = relative(args.why.as_deref().unwrap_or_default().as_bytes())?;
    let project = Project::open(global)?;
    let wanted = Wanted::new(&project, &args.selection, args.direction)?;
    let state = project.open_state().await?;
    project.refuse_unresolved(&state, &wanted.tasks).await?;
    let surveys = survey_all(&project, &state, &wanted, &Scanning::new(global)).await?;
    let plan = compile_surveys(&project, &wanted, &surveys)?;

    let mut answers: Vec<_> =
        surveys.iter().map(|survey| (survey, why(&survey.input(&project), &path))).collect();
    if answers.len() > 1 {
        answers.retain(|(_, why)| is_known(why));
    }
    if answers.is_empty() {
        return Err(nowhere(&path));
    }
    for (survey, why) in &answers {
        let answer = Answer {
            task: &survey.name,
            path: &path,
            why,
            rule: why.left_out.as_ref().and_then(|left_out| rule(survey, left_out)),
            actions: actions(&plan, survey, &path),
        };
        render::stdout(&if args.json { answer.json() } else { answer.human() });
    }
    Ok(Exit::Done)
}

fn is_known(why: &Why) -> bool {
    why.local.is_some() || why.remote.is_some() || why.base.is_some() || why.left_out.is_some()
}

fn nowhere(path: &RelPath) -> Failure {
    Failure::usage(format!("no task has anything at `{path}`"))
        .help("a path is relative to the root of its task; name the task to be told why it has nothing there")
}

/// What leaves it out: a rule of the side on which it was seen, or one of the other that holds there as
/// well, and else the `select` of the task.
fn rule(survey: &Survey, left_out: &LeftOut) -> Option<Rule> {
    let side = left_out.side?;
    let facts = survey.side(side).snapshot.get(&left_out.path)?;
    if facts.kind != EntryKind::Ignored {
        return problem(survey, side, &left_out.path);
    }
    let of = |side: Side| {
        // What it was before it was left out is not kept: a folder's rules end in a slash.
        let rules = &survey.side(side).rules;
        let found = rules.why(&left_out.path, false).or_else(|| rules.why(&left_out.path, true))?;
        Some(match found {
            IgnoreRule::Marker { file } => Rule::Marker { side, file },
            IgnoreRule::Pattern { file, line, pattern } => Rule::Pattern { side, file, line, pattern },
        })
    };
    let select = || Rule::Select(survey.spec.select.to_string());
    Some(of(side).or_else(|| of(side.other())).unwrap_or_else(select))
}

/// What the scan said of it.
fn problem(survey: &Survey, side: Side, path: &RelPath) -> Option<Rule> {
    let problems = survey.side(side).snapshot.problems();
    let problem = problems.iter().find(|problem| problem.name == path.as_bytes())?;
    Some(Rule::Problem(problem.message.clone()))
}

/// The actions that touch the path, or something below it.
fn actions<'a>(plan: &'a Plan, survey: &Survey, path: &RelPath) -> Vec<&'a Action> {
    let touches =
        |place: &RelPath| place == path || syncplan_model::is_below(place.as_bytes(), path.as_bytes());
    let own = plan.actions().iter().filter(|action| action.task == survey.name);
    own.filter(|action| touches(&action.path) || action.from.as_ref().is_some_and(touches)).collect()
}
