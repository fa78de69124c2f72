use std::sync::Arc;

use syncplan_model::{Entry, Facts, RelPath, Snapshot, SnapshotBuilder};

use crate::{Known, Node, Tree, facts};

/// A node together with what a scan that hashes everything knows of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Thing {
    /// What it is.
    pub node: Node,
    /// What is known of it.
    pub facts: Facts,
}

impl Thing {
    /// Hashes what it holds.
    pub fn new(node: Node) -> Arc<Self> {
        Arc::new(Self { facts: facts(&node, Known::Digests), node })
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.node == Node::Dir
    }

    /// Whether both are the same but for their times.
    pub fn is_like(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.facts.kind == other.facts.kind
                && self.facts.digest == other.facts.digest
                && self.facts.target == other.facts.target)
    }
}

/// What stands on one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    /// In the order of paths. Both halves are shared, since worlds are copied by the million.
    things: Vec<(Arc<RelPath>, Arc<Thing>)>,
    /// Names that differ only in the case of ASCII letters are one name.
    folds_case: bool,
}

impl Stock {
    /// All of a tree.
    pub fn new(tree: &Tree) -> Self {
        let things = tree.0.iter().map(|(path, node)| (Arc::new(path.clone()), Thing::new(node.clone())));
        Self { things: things.collect(), folds_case: false }
    }

    /// The same, where the case of letters does not tell names apart.
    #[must_use]
    pub fn folding_case(self, folds_case: bool) -> Self {
        Self { folds_case, ..self }
    }

    /// As a tree.
    pub fn tree(&self) -> Tree {
        Tree(self.iter().map(|(path, thing)| (path.clone(), thing.node.clone())).collect())
    }

    /// What a scan would find, except for what syncplan keeps for itself.
    pub fn snapshot(&self) -> Snapshot {
        let mut builder = SnapshotBuilder::new();
        for (path, thing) in self.iter().filter(|(path, _)| !path.is_reserved()) {
            let entry = Entry { path: path.clone(), facts: thing.facts.clone() };
            builder.push(&entry).unwrap_or_else(|error| panic!("{error}"));
        }
        builder.finish()
    }

    /// Everything, in the order of paths.
    pub fn iter(&self) -> impl Iterator<Item = (&RelPath, &Arc<Thing>)> {
        self.things.iter().map(|(path, thing)| (&**path, thing))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// What stands at a path.
    pub fn get(&self, path: &RelPath) -> Option<&Arc<Thing>> {
        self.position(path).ok().map(|at| &self.things[at].1)
    }

    /// What stands at a path that is spelled just so.
    pub fn get_spelled(&self, path: &RelPath) -> Option<&Arc<Thing>> {
        let at = self.things.binary_search_by(|(other, _)| (**other).cmp(path)).ok()?;
        Some(&self.things[at].1)
    }

    /// Whether two paths are names of one place.
    pub fn are_one(&self, one: &RelPath, other: &RelPath) -> bool {
        one == other || (self.folds_case && one.as_bytes().eq_ignore_ascii_case(other.as_bytes()))
    }

    /// Puts something at a path, in place of what stands there.
    pub fn put(&mut self, path: &RelPath, thing: Arc<Thing>) {
        self.take(path);
        if let Err(at) = self.position(path) {
            self.things.insert(at, (Arc::new(path.clone()), thing));
        }
    }

    /// Takes away what stands at a path.
    pub fn take(&mut self, path: &RelPath) -> Option<Arc<Thing>> {
        self.position(path).ok().map(|at| self.things.remove(at).1)
    }

    /// Whether something stands below a path.
    pub fn has_below(&self, folder: &RelPath) -> bool {
        self.things.iter().any(|(path, _)| path.is_below(folder))
    }

    /// Whether the same content stands anywhere.
    pub fn holds(&self, thing: &Thing) -> bool {
        self.things.iter().any(|(_, held)| held.is_like(thing))
    }

    /// Where a path stands, or would.
    fn position(&self, path: &RelPath) -> Result<usize, usize> {
        let exact = self.things.binary_search_by(|(other, _)| (**other).cmp(path));
        if !self.folds_case || exact.is_ok() {
            return exact;
        }
        let is_it =
            |(other, _): &(Arc<RelPath>, Arc<Thing>)| other.as_bytes().eq_ignore_ascii_case(path.as_bytes());
        self.things.iter().position(is_it).ok_or(exact.unwrap_or_else(|at| at))
    }
}
