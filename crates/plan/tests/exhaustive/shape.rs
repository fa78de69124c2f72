//! Trees as people see them: a folder holds what is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncplan_model::RelPath;
use syncplan_testkit::simulator::{Stock, Thing};

/// What is in a folder, by name.
pub(crate) type Folder = BTreeMap<Arc<[u8]>, Shape>;

/// What stands at one place, with all that is in it.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Leaf(Arc<Thing>),
    /// Shared, since it is copied by the million.
    Dir(Arc<Folder>),
}

impl Shape {
    /// Whether both hold the same, whatever their times.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(one), Self::Leaf(other)) => one.is_like(other),
            (Self::Dir(one), Self::Dir(other)) => are_alike(one, other),
            _ => false,
        }
    }

    pub(crate) fn dir(folder: Folder) -> Self {
        Self::Dir(Arc::new(folder))
    }

    pub(crate) fn folder(&self) -> Option<&Folder> {
        match self {
            Self::Leaf(_) => None,
            Self::Dir(folder) => Some(folder),
        }
    }
}

pub(crate) fn are_alike(one: &Folder, other: &Folder) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((a, one), (b, other))| a == b && one.is_like(other))
}

/// Both absent, or both the same.
pub(crate) fn same(one: Option<&Shape>, other: Option<&Shape>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is_like(other),
        _ => false,
    }
}

/// All of a side.
pub(crate) fn shape(stock: &Stock) -> Folder {
    let mut root = Folder::new();
    for (path, thing) in stock.iter().filter(|(path, _)| !path.is_reserved()) {
        let names: Vec<&[u8]> = path.components().collect();
        let leaf = if thing.is_dir() { Shape::dir(Folder::new()) } else { Shape::Leaf(thing.clone()) };
        put(&mut root, &names, leaf);
    }
    root
}

fn put(folder: &mut Folder, names: &[&[u8]], shape: Shape) {
    match names {
        [] => {}
        [name] => drop(folder.insert((*name).into(), shape)),
        [name, below @ ..] => {
            let place = folder.entry((*name).into()).or_insert_with(|| Shape::dir(Folder::new()));
            if let Shape::Dir(folder) = place {
                put(Arc::make_mut(folder), below, shape);
            }
        }
    }
}

/// What stands at a path below a folder.
pub(crate) fn find<'a>(folder: &'a Folder, path: &RelPath) -> Option<&'a Shape> {
    let (last, above) = (path.file_name(), path.components().count() - 1);
    let mut inside = folder;
    for name in path.components().take(above) {
        inside = inside.get(name)?.folder()?;
    }
    inside.get(last)
}

/// Whether a side is just so.
pub(crate) fn is_shaped(stock: &Stock, folder: &Folder) -> bool {
    stock.len() == count(folder)
        && stock.iter().all(|(path, thing)| match find(folder, path) {
            Some(Shape::Leaf(leaf)) => leaf.is_like(thing),
            Some(Shape::Dir(_)) => thing.is_dir(),
            None => false,
        })
}

fn count(folder: &Folder) -> usize {
    folder.values().map(|shape| 1 + shape.folder().map_or(0, count)).sum()
}

/// As a literal.
pub(crate) fn text(folder: &Folder) -> String {
    let mut words = Vec::new();
    collect(folder, "", &mut words);
    words.join(" ")
}

fn collect(folder: &Folder, above: &str, words: &mut Vec<String>) {
    for (name, shape) in folder {
        let path = format!("{above}{}", name.escape_ascii());
        match shape {
            Shape::Leaf(thing) => {
                let tree = syncplan_testkit::Tree::default().with(name, thing.node.clone());
                words.push(format!("{above}{tree}"));
            }
            Shape::Dir(below) => {
                words.push(format!("{path}/"));
                collect(below, &format!("{path}/"), words);
            }
        }
    }
}
