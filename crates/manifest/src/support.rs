//! What the manifest language has and this version does not carry out yet.

use std::collections::BTreeSet;

use syncplan_model::TaskName;

use crate::code;
use crate::decode::{Feature, Owner, Use};
use crate::diagnostics::Diagnostics;
use crate::load::Loaded;
use crate::problem::Problem;

/// Deleting a line enables what it names.
const NOT_YET: &[(Feature, &str)] = &[
    (Feature::Task("database"), "tasks of kind database"),
    (Feature::Task("command"), "tasks of kind command"),
    (Feature::Keyring, "secrets in a keyring"),
];

/// What this version does not carry out yet, for people.
pub fn not_supported_yet() -> impl Iterator<Item = &'static str> {
    NOT_YET.iter().map(|(_, what)| *what)
}

/// Checks that this version can carry out the selected tasks, and opens their stores. Without a
/// selection, all tasks count. What no selected task uses is no obstacle.
pub fn check_supported(loaded: &Loaded, selected: Option<&[TaskName]>) -> Result<(), Diagnostics> {
    let owners = owners(loaded, selected);
    let wanted = loaded.uses.iter().filter(|use_| owners.contains(&key(&use_.owner)));
    let problems: Vec<Problem> = wanted.filter_map(refusal).collect();
    if problems.is_empty() { Ok(()) } else { Err(Diagnostics::some(problems, &loaded.files, &[])) }
}

fn refusal(use_: &Use) -> Option<Problem> {
    let (_, what) = NOT_YET.iter().find(|(feature, _)| *feature == use_.feature)?;
    let help = match &use_.owner {
        Owner::Task(_) => "the manifest is right: leave this out for now, or select other tasks",
        Owner::Store(_) | Owner::Database(_) => "the manifest is right: select tasks that do not use it",
    };
    Some(
        Problem::new(code::NOT_SUPPORTED_YET, format!("this version does not carry out {what} yet"))
            .label(use_.span, "not supported yet")
            .help(help),
    )
}

type Key = (u8, String);

fn key(owner: &Owner) -> Key {
    let sort = match owner {
        Owner::Task(_) => 0,
        Owner::Store(_) => 1,
        Owner::Database(_) => 2,
    };
    (sort, name_of(owner).to_owned())
}

fn name_of(owner: &Owner) -> &str {
    match owner {
        Owner::Task(name) | Owner::Store(name) | Owner::Database(name) => name,
    }
}

/// The selected tasks, with the stores and databases they join.
fn owners(loaded: &Loaded, selected: Option<&[TaskName]>) -> BTreeSet<Key> {
    let tasks =
        loaded.spec.tasks.iter().filter(|task| selected.is_none_or(|names| names.contains(&task.name)));
    let mut owners = BTreeSet::new();
    for task in tasks {
        owners.insert(key(&Owner::Task(task.name.to_string())));
        owners.extend(task.places().into_iter().map(|place| key(&Owner::Store(place.store.to_string()))));
        if let syncplan_model::spec::TaskKind::Database(database) = &task.kind {
            owners.insert(key(&Owner::Database(database.database.to_string())));
        }
    }
    owners
}
