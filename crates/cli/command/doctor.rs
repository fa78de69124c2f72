use std::path::Path;
use std::sync::Arc;

use syncplan_model::StoreName;
use syncplan_model::spec::{ConflictPolicy, Place, Store as StoreSpec, StoreAccess};
use syncplan_store::{Store, Verdict, examine};

use crate::args::{self, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;
use crate::stores::{self, Purpose};

/// Something that was looked into.
pub(crate) struct Looked {
    /// What it is, in data.
    pub(crate) subject: Subject,
    /// What was tried, in order, and how it ended.
    pub(crate) checks: Vec<Checked>,
}

/// What can be looked into.
pub(crate) enum Subject {
    /// A place of a store, with the tasks that use it.
    Place { store: StoreName, kind: &'static str, location: String, tasks: Vec<String> },
    /// What syncplan remembers.
    State,
    /// A program that a task runs.
    Tool { task: String },
}

/// One thing that was tried.
pub(crate) struct Checked {
    pub(crate) what: &'static str,
    pub(crate) how: How,
}

/// How it ended.
pub(crate) enum How {
    Good(String),
    Lacks(String),
    Weak(String),
    Failed(Failure),
}

/// Looks into stores, the state and tools, and says what is wrong and what to do about it.
pub(crate) async fn run(global: &Global, args: &args::Doctor) -> Result<Exit, Failure> {
    let project = Project::open(global)?;
    let mut looked = Vec::new();
    for store in named(&project, &args.stores)? {
        for place in places_of(&project, store) {
            looked.push(look_into(&project, store, &place).await);
        }
    }
    if args.stores.is_empty() {
        looked.push(state(&project).await);
        looked.extend(tools(&project));
    }
    render::stdout(&match args.json {
        true => render::doctor::machine(&looked),
        false => render::doctor::human(&looked),
    });
    let failed = looked.into_iter().flat_map(|it| it.checks).filter_map(|check| match check.how {
        How::Failed(failure) => Some(failure),
        _ => None,
    });
    let failed: Vec<Failure> = failed.collect();
    let exit = if failed.is_empty() { Exit::Done } else { Exit::Error };
    failed.into_iter().for_each(|failure| {
        failure.report();
    });
    Ok(exit)
}

fn named<'p>(project: &'p Project, named: &[StoreName]) -> Result<Vec<&'p StoreSpec>, Failure> {
    let all = &project.loaded.spec.stores;
    if let Some(unknown) = named.iter().find(|name| all.iter().all(|store| store.name != **name)) {
        let known: Vec<_> = all.iter().map(|store| store.name.as_str()).collect();
        return Err(Failure::usage(format!("there is no store `{unknown}`"))
            .help(format!("the manifest has: {}", known.join(", "))));
    }
    Ok(all.iter().filter(|store| named.is_empty() || named.contains(&store.name)).collect())
}

/// Where tasks use a store; the store itself if none does.
fn places_of(project: &Project, store: &StoreSpec) -> Vec<Place> {
    let tasks = project.loaded.spec.tasks.iter();
    let places = tasks.flat_map(|task| task.places()).filter(|place| place.store == store.name);
    let mut places: Vec<Place> = places.cloned().collect();
    places.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    places.dedup();
    if places.is_empty() {
        places.push(Place { store: store.name.clone(), path: None });
    }
    places
}

async fn look_into(project: &Project, store: &StoreSpec, place: &Place) -> Looked {
    let tasks = || project.loaded.spec.tasks.iter();
    let users = tasks().filter(|task| task.places().contains(&place)).map(|task| task.name.to_string());
    let is_used = tasks().any(|task| task.places().contains(&place));
    let is_target = tasks().any(|task| task.targets().contains(&place));
    let writes = store.access != StoreAccess::ReadOnly && (is_target || !is_used);
    let subject = Subject::Place {
        store: store.name.clone(),
        kind: store.kind.as_str(),
        location: stores::location(store, place),
        tasks: users.collect(),
    };
    let checks = match opened(project, place, is_target) {
        Err(failure) => vec![Checked { what: "open", how: How::Failed(failure) }],
        Ok(None) => {
            let says = "it is not there yet: the first run creates it".to_owned();
            vec![Checked { what: "open", how: How::Good(says) }]
        }
        Ok(Some(store)) => {
            let says = "its settings are complete, and its secrets are found".to_owned();
            let known = stores::capabilities(project, place, &*store);
            let found = examine(&*store, &known, writes).await;
            let opened = Checked { what: "open", how: How::Good(says) };
            std::iter::once(opened).chain(found.into_iter().map(told)).collect()
        }
    };
    Looked { subject, checks }
}

/// The place as it stands; `None` for a target that a first run creates.
fn opened(project: &Project, place: &Place, is_target: bool) -> Result<Option<Arc<dyn Store>>, Failure> {
    match stores::open(project, place, Purpose::Read) {
        Ok(store) => Ok(Some(store)),
        // Only what may be missing opens to be previewed and not to be read.
        Err(_) if is_target && stores::open(project, place, Purpose::Preview).is_ok() => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn told(examined: syncplan_store::Examined) -> Checked {
    let how = match examined.verdict {
        Verdict::Good(says) => How::Good(says),
        Verdict::Lacks(says) => How::Lacks(says),
        Verdict::Weak(says) => How::Weak(says),
        Verdict::Free(0) => How::Weak("nothing is free".to_owned()),
        Verdict::Free(bytes) => How::Good(format!("{} free", render::size(bytes))),
        Verdict::Failed(error) => How::Failed(error.into()),
    };
    Checked { what: examined.question.as_str(), how }
}

async fn state(project: &Project) -> Looked {
    let how = match project.open_state().await {
        Err(failure) => How::Failed(failure),
        Ok(state) => match state.unresolved().await {
            Err(error) => How::Failed(error.into()),
            Ok(open) => match open.first() {
                None => How::Good(format!("{} opens, and no run is unfinished", state.describe())),
                Some(open) => How::Weak(format!(
                    "run {} was interrupted: the next `push`, `fetch` or `sync` finishes it",
                    open.run
                )),
            },
        },
    };
    Looked { subject: Subject::State, checks: vec![Checked { what: "open", how }] }
}

/// The programs that tasks run.
fn tools(project: &Project) -> Vec<Looked> {
    let programs = project.loaded.spec.tasks.iter().filter_map(|task| match &task.as_files()?.conflict {
        ConflictPolicy::Merge(words) => Some((task.name.to_string(), words.first()?.clone())),
        _ => None,
    });
    programs
        .map(|(task, program)| {
            let how = match find(&project.folder, &program) {
                true => How::Good(format!("`{program}` is there")),
                false => How::Failed(
                    Failure::new("syncplan::doctor::tool", format!("the program `{program}` is not there"))
                        .help(format!("install it, or change `conflict merge` of the task `{task}`")),
                ),
            };
            Looked { subject: Subject::Tool { task }, checks: vec![Checked { what: "merge", how }] }
        })
        .collect()
}

/// Whether a program can be started: by its path, or from one of the usual folders.
fn find(folder: &Path, program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return runs(&folder.join(program));
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| runs(&path.join(program)))
}
