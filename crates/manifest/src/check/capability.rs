use syncplan_model::spec::{DeletePolicy, Place, StoreAccess, StoreKind, Symlinks, Task};

use super::Manifest;
use crate::code;
use crate::decode::Context;
use crate::problem::Problem;

/// Tasks that ask of a store what it cannot do.
pub(super) fn check(context: &mut Context, manifest: &Manifest<'_>) {
    for task in &manifest.spec.tasks {
        for target in task.targets() {
            writes(context, manifest, task, target);
        }
        follows(context, manifest, task);
    }
}

fn writes(context: &mut Context, manifest: &Manifest<'_>, task: &Task, target: &Place) {
    let Some(store) = manifest.spec.store(&target.store) else { return };
    let name = task.name.as_str();
    let side = match task.as_files() {
        Some(files) if files.local == *target => "local",
        _ => "remote",
    };
    match store.access {
        StoreAccess::ReadWrite => {}
        StoreAccess::ReadOnly => {
            let Some(span) = manifest.span(name, side) else { return };
            let why = if matches!(store.kind, StoreKind::Http(_)) {
                "a store of kind http can only be read"
            } else {
                "it is `access read-only`"
            };
            let two_way = task.as_files().is_some_and(|files| files.source_and_target().is_none());
            let help = if two_way {
                "a two-way task writes to both sides: choose another mode, or another store"
            } else if side == "remote" {
                "write `direction fetch`, or choose another store"
            } else {
                "write `direction push`, or choose another store"
            };
            context.tell(
                Problem::new(
                    code::STORE_LACKS,
                    format!("the task `{name}` writes to the store `{}`, which takes nothing", store.name),
                )
                .label(span, why)
                .help(help),
            );
        }
        StoreAccess::AppendOnly => append_only(context, manifest, task, side),
    }
}

/// Only the system of this machine resolves links below a root, and nowhere else.
fn follows(context: &mut Context, manifest: &Manifest<'_>, task: &Task) {
    let Some(files) = task.as_files().filter(|files| files.symlinks == Symlinks::Follow) else { return };
    let Some((source, _)) = files.source_and_target() else { return };
    let Some(store) = manifest.spec.store(&source.store) else { return };
    let Some(span) = manifest.span(task.name.as_str(), "symlinks") else { return };
    if matches!(store.kind, StoreKind::Local(_)) {
        return;
    }
    context.tell(
        Problem::new(
            code::STORE_LACKS,
            format!("the links of the store `{}` cannot be followed", store.name),
        )
        .label(span, format!("its source is a store of kind {}", store.kind.as_str()))
        .help("links are followed in folders of this machine: leave it out here, or write `symlinks skip`"),
    );
}

fn append_only(context: &mut Context, manifest: &Manifest<'_>, task: &Task, side: &str) {
    let name = task.name.as_str();
    let deletes = task.as_files().is_some_and(|files| files.delete.policy != DeletePolicy::Never);
    if !deletes {
        return;
    }
    // The mode decides where nothing states what may be deleted.
    let stated =
        ["delete", "mode"].into_iter().find(|setting| manifest.task_setting(name, setting).is_some());
    let (Some(span), Some(place)) =
        (manifest.span(name, stated.unwrap_or("delete")), manifest.span(name, side))
    else {
        return;
    };
    context.tell(
        Problem::new(
            code::CANNOT_DELETE,
            format!("the task `{name}` deletes in a store that is append-only"),
        )
        .label(span, if stated == Some("mode") { "this mode deletes" } else { "deletes" })
        .label(place, "append-only")
        .help("write `delete never`"),
    );
}
