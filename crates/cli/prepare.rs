//! From a manifest to a plan.

use syncplan_manifest::{FilterScope, check_supported, parse_action_filter};
use syncplan_model::plan::{FileInfo, InvalidPlan, ManifestInfo, Plan, Selection};
use syncplan_model::spec::Direction;
use syncplan_model::{ActionFilter, TaskName};
use syncplan_plan::{CompileError, PlanInput, compile};
use syncplan_state::State;

use crate::args;
use crate::failure::Failure;
use crate::project::Project;
use crate::render::{self, progress::Scanning};
use crate::survey::{Quest, Survey, now, survey};

/// What to plan.
pub(crate) struct Wanted {
    pub(crate) tasks: Vec<TaskName>,
    pub(crate) only: Option<ActionFilter>,
    pub(crate) exclude: Option<ActionFilter>,
    pub(crate) direction: Option<Direction>,
    /// Whether what the sides agreed on before matters.
    pub(crate) with_base: bool,
}

impl Wanted {
    /// Checks what was asked for against the manifest, before anything is opened.
    pub(crate) fn new(
        project: &Project,
        selection: &args::Selection,
        direction: Option<Direction>,
    ) -> Result<Self, Failure> {
        let tasks = project.tasks(&selection.tasks)?;
        check_supported(&project.loaded, Some(&tasks)).map_err(Failure::diagnostic)?;
        let scope = FilterScope::of(&project.loaded.spec);
        let filter = |text: &Option<String>, name| {
            text.as_deref()
                .map(|text| parse_action_filter(text, name, &scope))
                .transpose()
                .map_err(Failure::diagnostic)
        };
        let (only, exclude) = (filter(&selection.only, "--only")?, filter(&selection.exclude, "--exclude")?);
        Ok(Self { tasks, only, exclude, direction, with_base: true })
    }

    /// The tasks as they stand to each other now, whatever they agreed on before.
    pub(crate) fn without_base(self) -> Self {
        Self { with_base: false, ..self }
    }

    fn selection(&self) -> Selection {
        Selection {
            tasks: self.tasks.clone(),
            only: self.only.as_ref().map(ToString::to_string),
            exclude: self.exclude.as_ref().map(ToString::to_string),
            undo: None,
        }
    }
}

/// Scans the tasks, in the order of the manifest.
pub(crate) async fn survey_all(
    project: &Project,
    state: &State,
    wanted: &Wanted,
    scanning: &Scanning,
) -> Result<Vec<Survey>, Failure> {
    let mut surveys = Vec::new();
    for task in project.loaded.spec.tasks.iter().filter(|task| wanted.tasks.contains(&task.name)) {
        scanning.begin(&task.name);
        let quest = Quest { task, direction: wanted.direction, with_base: wanted.with_base };
        surveys.push(survey(project, state, quest, scanning).await?);
    }
    scanning.end();
    Ok(surveys)
}

/// Scans the tasks and compiles the plan.
pub(crate) async fn prepare(
    project: &Project,
    state: &State,
    wanted: &Wanted,
    scanning: &Scanning,
) -> Result<Plan, Failure> {
    let surveys = survey_all(project, state, wanted, scanning).await?;
    tell_problems(&surveys);
    compile_surveys(project, wanted, &surveys)
}

/// What was met and left alone, on stderr.
pub(crate) fn tell_problems(surveys: &[Survey]) {
    for survey in surveys {
        render::problems(&survey.local.snapshot);
        render::problems(&survey.remote.snapshot);
    }
}

/// Compiles what was surveyed, in the order of the manifest.
pub(crate) fn compile_surveys(
    project: &Project,
    wanted: &Wanted,
    surveys: &[Survey],
) -> Result<Plan, Failure> {
    let input = PlanInput {
        manifest: manifest_info(project),
        selection: wanted.selection(),
        tasks: surveys.iter().map(|survey| survey.input(project)).collect(),
        only: wanted.only.as_ref(),
        exclude: wanted.exclude.as_ref(),
        now: now(),
    };
    compile(&input).map_err(compile_failure)
}

/// Why there is no plan.
pub(crate) fn compile_failure(error: CompileError) -> Failure {
    match error {
        CompileError::Invalid(error) => internal(error),
        other => Failure::usage(other.to_string()),
    }
}

fn internal(error: InvalidPlan) -> Failure {
    Failure::new("syncplan::plan::internal", "the plan that was compiled is not valid; nothing was changed")
            .because(error)
            .help("this is a mistake in syncplan: please report it with the portable snapshots of both sides (`syncplan scan -o`)")
}

/// The manifest, as a plan names it.
pub(crate) fn manifest_info(project: &Project) -> ManifestInfo {
    let spec = &project.loaded.spec;
    ManifestInfo {
        digest: spec.digest,
        files: spec
            .files
            .iter()
            .map(|file| FileInfo { path: file.path.clone(), digest: file.digest })
            .collect(),
        profile: spec.profile.clone(),
        variables: spec.variables.clone(),
    }
}
