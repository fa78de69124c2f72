use syncplan_model::RelPath;
use syncplan_model::spec::{LocalStore, Place, StoreKind, Task};

use super::Manifest;
use crate::code;
use crate::decode::Context;
use crate::problem::Problem;

/// Tasks that sync into themselves, and tasks that write where others write.
pub(super) fn check(context: &mut Context, manifest: &Manifest<'_>) {
    for task in &manifest.spec.tasks {
        if let Some(files) = task.as_files() {
            sides(context, manifest, task, &files.local, &files.remote);
        }
    }
    overlaps(context, manifest);
}

/// Sorted by the way down, a place stands right behind those that hold it.
fn overlaps(context: &mut Context, manifest: &Manifest<'_>) {
    let all = manifest.spec.tasks.iter().enumerate();
    let written =
        all.flat_map(|(index, task)| task.targets().into_iter().map(move |place| (index, task, place)));
    let mut written: Vec<Written<'_>> = written
        .filter_map(|(index, task, place)| {
            let (store, way) = absolute(manifest, place)?;
            Some(Written { store, way, index, task, place })
        })
        .collect();
    written.sort_by(|a, b| (&a.store, &a.way, a.index).cmp(&(&b.store, &b.way, b.index)));
    let mut holding: Vec<&Written<'_>> = Vec::new();
    for one in &written {
        while holding.last().is_some_and(|outer| !outer.holds(one)) {
            holding.pop();
        }
        if let Some(outer) = holding.last().filter(|outer| outer.index != one.index) {
            let (earlier, later) = if outer.index < one.index { (*outer, one) } else { (one, *outer) };
            overlap(context, manifest, earlier, later);
        }
        holding.push(one);
    }
}

struct Written<'a> {
    store: String,
    way: Vec<Vec<u8>>,
    index: usize,
    task: &'a Task,
    place: &'a Place,
}

impl Written<'_> {
    fn holds(&self, other: &Self) -> bool {
        self.store == other.store && other.way.starts_with(&self.way)
    }
}

fn overlap(context: &mut Context, manifest: &Manifest<'_>, earlier: &Written<'_>, later: &Written<'_>) {
    let (first, second) = (&earlier.task.name, &later.task.name);
    let message = match earlier.way == later.way {
        true => format!("the tasks `{first}` and `{second}` write to the same place"),
        false => format!("the tasks `{first}` and `{second}` write one inside the other"),
    };
    let mut problem = Problem::new(code::OVERLAP, message);
    for Written { task, place, .. } in [later, earlier] {
        if let Some(span) = manifest.span(task.name.as_str(), side_of(task, place)) {
            problem = problem.label(span, format!("`{}` writes to {place}", task.name));
        }
    }
    context.tell(problem.help("give each task a `path=` of its own, or join them into one task"));
}

fn sides(context: &mut Context, manifest: &Manifest<'_>, task: &Task, local: &Place, remote: &Place) {
    let relation = relation(manifest, local, remote);
    let message = match relation {
        Relation::Apart => return,
        Relation::Same => format!("the task `{}` syncs a place with itself", task.name),
        Relation::Holds => format!("the remote side of the task `{}` lies inside the local one", task.name),
        Relation::Within => format!("the local side of the task `{}` lies inside the remote one", task.name),
    };
    let mut problem = Problem::new(code::SAME_PLACE, message);
    for (side, other) in [("remote", "local"), ("local", "remote")] {
        if let Some(span) = manifest.span(task.name.as_str(), side) {
            let text = if side == "remote" {
                format!("this and the {other} side overlap")
            } else {
                "the local side".to_owned()
            };
            problem = problem.label(span, text);
        }
    }
    context.tell(problem.help("give each side a store or a `path=` of its own"));
}

fn side_of(task: &Task, place: &Place) -> &'static str {
    match task.as_files() {
        Some(files) if files.local == *place => "local",
        _ => "remote",
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Relation {
    Apart,
    Same,
    /// The first holds the second.
    Holds,
    /// The first lies within the second.
    Within,
}

fn relation(manifest: &Manifest<'_>, a: &Place, b: &Place) -> Relation {
    let (Some((a_store, a)), Some((b_store, b))) = (absolute(manifest, a), absolute(manifest, b)) else {
        return Relation::Apart;
    };
    match () {
        () if a_store != b_store => Relation::Apart,
        () if a == b => Relation::Same,
        () if b.starts_with(&a) => Relation::Holds,
        () if a.starts_with(&b) => Relation::Within,
        () => Relation::Apart,
    }
}

/// What tells two stores apart, and the way down from there. Two stores of the manifest may well be
/// one folder, or one bucket.
fn absolute(manifest: &Manifest<'_>, place: &Place) -> Option<(String, Vec<Vec<u8>>)> {
    let store = manifest.spec.store(&place.store)?;
    let (identity, mut way) = match &store.kind {
        StoreKind::Local(LocalStore { root }) => root_of(root),
        StoreKind::S3(s3) => (
            format!("s3 {} {}", s3.endpoint.as_deref().unwrap_or(s3.provider.as_str()), s3.bucket),
            parts(s3.prefix.as_ref()),
        ),
        StoreKind::Azure(azure) => {
            (format!("azure {} {}", azure.account, azure.container), parts(azure.prefix.as_ref()))
        }
        StoreKind::Gcs(gcs) => (format!("gcs {}", gcs.bucket), parts(gcs.prefix.as_ref())),
        _ => (format!("store {}", store.name), Vec::new()),
    };
    way.extend(parts(place.path.as_ref()));
    Some((identity, way))
}

/// A root as it is written: without the file system, links stay unknown and `..` is only resolved as
/// text.
fn root_of(root: &str) -> (String, Vec<Vec<u8>>) {
    let start = if root.starts_with('/') {
        "local /"
    } else if root.starts_with('~') {
        "local ~"
    } else {
        "local ."
    };
    let mut way: Vec<Vec<u8>> = Vec::new();
    for part in root.split('/').filter(|part| !matches!(*part, "" | "." | "~")) {
        let up = part == ".." && way.last().is_some_and(|last| last != b"..");
        if up {
            way.pop();
        } else {
            way.push(part.as_bytes().to_vec());
        }
    }
    (start.to_owned(), way)
}

fn parts(path: Option<&RelPath>) -> Vec<Vec<u8>> {
    path.map(|path| path.components().map(<[u8]>::to_vec).collect()).unwrap_or_default()
}
