use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use syncplan_manifest::{LoadRequest, Loaded, SourceError, Sources, load};
use syncplan_model::{RESERVED_DIR, TaskName};
use syncplan_state::{State, StateError};

use crate::args::Global;
use crate::failure::{self, Failure};
use crate::render;

/// A manifest on disk, what stands beside it, and how the command line reads it.
pub(crate) struct Project {
    /// The folder of the manifest: everything relative starts here.
    pub(crate) folder: PathBuf,
    /// The manifest's name in that folder.
    pub(crate) entry: String,
    /// What the manifest says.
    pub(crate) loaded: Loaded,
    quiet: bool,
    state: Option<String>,
}

impl Project {
    /// Reads the manifest; warnings go to stderr, errors come back all at once.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let (folder, entry) = locate(global)?;
        let files = Files(folder.clone());
        let environment = |name: &str| std::env::var(name).ok();
        let request = LoadRequest {
            profile: global.profile.as_deref(),
            vars: global.variables.iter().cloned().collect::<BTreeMap<_, _>>(),
            env_vars: &environment,
            ..LoadRequest::new(&entry, &files)
        };
        let loaded = load(&request).map_err(Failure::diagnostic)?;
        let project = Self { folder, entry, loaded, quiet: global.quiet, state: global.state.clone() };
        project.warn();
        Ok(project)
    }

    fn warn(&self) {
        for warning in self.loaded.warnings.iter().filter(|_| !self.quiet) {
            let mut text = String::new();
            if failure::handler().render_report(&mut text, warning).is_ok() {
                render::stderr(&text);
            }
        }
    }

    /// The tasks that were named, or all of them, in the order of the manifest.
    pub(crate) fn tasks(&self, named: &[TaskName]) -> Result<Vec<TaskName>, Failure> {
        let all: Vec<_> = self.loaded.spec.tasks.iter().map(|task| task.name.clone()).collect();
        for name in named {
            if !all.contains(name) {
                let known: Vec<_> = all.iter().map(TaskName::as_str).collect();
                let help = match known.is_empty() {
                    true => "the manifest has no tasks".to_owned(),
                    false => format!("the manifest has: {}", known.join(", ")),
                };
                return Err(Failure::usage(format!("there is no task `{name}`")).help(help));
            }
        }
        if all.is_empty() {
            return Err(Failure::usage("the manifest has no tasks")
                .help("a task joins two places: see docs/manifest.md"));
        }
        Ok(if named.is_empty() { all } else { all.into_iter().filter(|task| named.contains(task)).collect() })
    }

    /// Opens what syncplan remembers.
    pub(crate) async fn open_state(&self) -> Result<State, Failure> {
        Ok(match self.state.as_deref() {
            None => State::open(&self.folder.join(RESERVED_DIR).join("state.db")).await?,
            Some(address) => State::connect(address).await?,
        })
    }

    /// What a run has half done would be taken for changes: one that goes on is waited for, one that was
    /// interrupted is finished first.
    pub(crate) async fn refuse_unresolved(&self, state: &State, tasks: &[TaskName]) -> Result<(), Failure> {
        state.refuse_while_locked(tasks).await?;
        let unresolved = state.unresolved().await?;
        match unresolved.into_iter().find(|it| it.tasks.iter().any(|task| tasks.contains(task))) {
            Some(unresolved) => Err(StateError::Unresolved(unresolved).into()),
            None => Ok(()),
        }
    }
}

/// Goes on as if started in another folder.
pub(crate) fn enter(directory: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(directory).map_err(|error| {
        Failure::usage(format!("the folder `{}` cannot be entered", directory.display())).because(error)
    })
}

/// The folder of the manifest, and its name there.
pub(crate) fn locate(global: &Global) -> Result<(PathBuf, String), Failure> {
    let folder = match global.manifest.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = global.manifest.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::usage("the manifest needs a name that is UTF-8"))?;
    Ok((folder, name.to_owned()))
}

/// The file system below the manifest's folder.
pub(crate) struct Files(pub(crate) PathBuf);

impl Sources for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let relative = Path::new(path);
        if relative.components().any(|part| matches!(part, Component::RootDir | Component::Prefix(_))) {
            return Err(SourceError::Other("an absolute path is not allowed here".to_owned()));
        }
        let read = read_bounded(&self.0.join(relative));
        read.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SourceError::NotFound,
            _ => SourceError::Other(error.to_string()),
        })
    }
}

/// A manifest may have 1 MiB; what is larger is cut right behind that, for the loader to refuse.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let limit = syncplan_manifest::MAX_FILE_BYTES as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_end(&mut text)?;
    Ok(text)
}
