use std::collections::{BTreeMap, BTreeSet};

use syncplan_model::{Digest, ProfileName, SyncSpec};

use crate::code::{self, Code};
use crate::decode::{self, Context, Use};
use crate::diagnostics::{Diagnostics, Report};
use crate::problem::Problem;
use crate::source::{SourceFile, Sources};
use crate::tree::Node;
use crate::variables::{Outside, Variables};
use crate::{check, include, profile};

/// What is to be loaded, and what from outside of the manifest takes part.
pub struct LoadRequest<'a> {
    /// The manifest, relative to its folder.
    pub entry: &'a str,
    /// Where files are read from.
    pub sources: &'a dyn Sources,
    /// The profile to apply.
    pub profile: Option<&'a str>,
    /// Variables given as `--var NAME=VALUE`.
    pub vars: BTreeMap<String, String>,
    /// Looks a variable of the environment up; asked for `SYNCPLAN_VAR_…` only.
    pub env_vars: &'a dyn Fn(&str) -> Option<String>,
}

/// A manifest without mistakes.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub spec: SyncSpec,
    /// What is worth telling about it.
    pub warnings: Report,
    pub(crate) uses: Vec<Use>,
    pub(crate) files: Vec<SourceFile>,
}

impl<'a> LoadRequest<'a> {
    /// A manifest with nothing from outside.
    pub fn new(entry: &'a str, sources: &'a dyn Sources) -> Self {
        Self { entry, sources, profile: None, vars: BTreeMap::new(), env_vars: &|_| None }
    }
}

/// Loads a manifest with all that it includes, or tells everything that is wrong with it.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, Diagnostics> {
    let mut included = include::read(request.sources, request.entry);
    let mut context = Context { problems: std::mem::take(&mut included.problems), ..Context::default() };
    let mut spec = read_nodes(&mut context, included.nodes, request);
    if included.incomplete {
        context.problems.retain(|problem| !CONSEQUENCES.contains(&problem.code));
    }
    let Context { problems, secrets, uses, .. } = context;
    let (warnings, errors): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.warning);
    if errors.is_empty() {
        spec.digest = digest(&included.digests);
        spec.files = included.digests;
        let warnings = Report::new(distinct(warnings), &included.files, &secrets);
        return Ok(Loaded { spec, warnings, uses, files: included.files });
    }
    Err(Diagnostics::some(distinct(errors), &included.files, &secrets))
}

/// What is told only because a file could not be read: the file may define it.
const CONSEQUENCES: [&Code; 10] = [
    code::UNKNOWN_STORE,
    code::UNKNOWN_DATABASE,
    code::UNKNOWN_TASK,
    code::UNKNOWN_PROFILE,
    code::UNKNOWN_VARIABLE,
    code::PROFILE_ADDS,
    code::FILTER_UNKNOWN_NAME,
    code::MISSING_VARIABLE,
    code::UNUSED_VARIABLE,
    code::UNUSED_FILTER,
];

fn read_nodes(context: &mut Context, mut nodes: Vec<Node>, request: &LoadRequest<'_>) -> SyncSpec {
    let chosen = profile::choose(context, &nodes, request.profile).cloned();
    let outside = Outside { flags: &request.vars, environment: request.env_vars };
    let mut variables = Variables::read(context, &nodes, chosen.as_ref(), &outside);
    variables.replace_all(context, &mut nodes);
    // Applied after variables are replaced, so that a variable used by any profile counts as used.
    let chosen = chosen.and_then(|chosen| nodes.iter().find(|node| node.head == chosen.head).cloned());
    if let Some(chosen) = &chosen {
        profile::apply(&mut nodes, chosen);
    }
    let mut spec = decode::decode(context, &nodes);
    spec.profile = chosen.and_then(|chosen| ProfileName::new(&chosen.text()?.value).ok());
    check::all(context, &spec, &nodes);
    variables.warn_unused(context);
    spec.variables = variables.into_values();
    spec
}

/// One mistake in a text that is read twice is told once.
fn distinct(problems: Vec<Problem>) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let key = |problem: &Problem| (problem.code.id, problem.place(), problem.message.clone());
    problems.into_iter().filter(|problem| seen.insert(key(problem))).collect()
}

fn digest(files: &[syncplan_model::spec::ManifestFile]) -> Digest {
    let listing: String = files.iter().map(|file| format!("{}\0{}\n", file.path, file.digest)).collect();
    Digest::of(listing.as_bytes())
}
