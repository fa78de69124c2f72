//! Trees that have something to do with each other: a base, changed twice.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::Index;
use syncplan_model::{EntryKind, RelPath};
use syncplan_testkit::{Node, Tree};

/// Names whose order as bytes is not their order as components; two differ in case alone.
const NAMES: [&str; 7] = ["a", "b", "a!", "a.x", "b0", "c", "A"];

type Path = Vec<u8>;

/// What, of which entry, to where, and with what.
type Change = (u8, Index, Path, u8);

/// On which side something changes.
type Where = u8;

/// A base and both sides.
#[derive(Clone)]
pub(crate) struct Grown {
    pub(crate) base: Tree,
    pub(crate) local: Tree,
    pub(crate) remote: Tree,
}

/// A base of 10 to 200 entries, and up to 16 changes of it, some of them the same on both sides.
pub(crate) fn grown() -> impl Strategy<Value = Grown> {
    let few = prop::collection::vec((path(), 0..16_u8), 10..40);
    let many = prop::collection::vec((path(), 0..16_u8), 40..200);
    let entries = prop_oneof![8 => few, 1 => many];
    let change = (0..9_u8, any::<Index>(), path(), 0..16_u8);
    let changes = prop::collection::vec((0..5_u8, change), 0..16);
    (entries, changes).prop_map(|(entries, changes)| grow(&entries, &changes))
}

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(0..NAMES.len() as u8, 1..4)
}

pub(crate) fn rel(path: &[u8]) -> RelPath {
    let names: Vec<_> = path.iter().map(|&name| NAMES[usize::from(name)]).collect();
    RelPath::new(names.join("/")).unwrap()
}

fn grow(entries: &[(Path, u8)], changes: &[(Where, Change)]) -> Grown {
    let mut base = Tree::default();
    entries.iter().for_each(|(path, kind)| put(&mut base, &rel(path), node(*kind)));
    let (mut local, mut remote) = (base.clone(), base.clone());
    for (place, change) in changes {
        if matches!(place, 0 | 1 | 4) {
            alter(&mut local, change);
        }
        if matches!(place, 2..) {
            alter(&mut remote, change);
        }
    }
    Grown { base, local, remote }
}

fn node(kind: u8) -> Node {
    match kind {
        0..12 => Node::File {
            content: vec![b'0' + kind % 5; 1 + usize::from(kind % 2)],
            mtime: i64::from(kind % 3),
        },
        12 => Node::File { content: Vec::new(), mtime: 1 },
        13 => Node::Link(b"somewhere".to_vec()),
        14 => Node::Link(b"elsewhere".to_vec()),
        _ => Node::Dir,
    }
}

/// Makes room and puts something there.
fn put(tree: &mut Tree, path: &RelPath, node: Node) {
    tree.0.retain(|other, old| !other.is_below(path) && (*old == Node::Dir || !path.is_below(other)));
    *tree = std::mem::take(tree).with(path, node);
}

/// Everything at and below a path, as it is named from there.
fn cut(tree: &mut Tree, path: &RelPath) -> Vec<(Vec<u8>, Node)> {
    let is_inside = |other: &RelPath| other == path || other.is_below(path);
    let inside: Vec<_> = tree.0.keys().filter(|other| is_inside(other)).cloned().collect();
    let suffix = |other: &RelPath| other.as_bytes()[path.as_bytes().len()..].to_vec();
    inside.iter().filter_map(|other| Some((suffix(other), tree.0.remove(other)?))).collect()
}

fn paste(tree: &mut Tree, path: &RelPath, nodes: Vec<(Vec<u8>, Node)>) {
    for (suffix, node) in nodes {
        put(tree, &RelPath::new([path.as_bytes(), &suffix].concat()).unwrap(), node);
    }
}

fn alter(tree: &mut Tree, (what, which, to, kind): &Change) {
    if tree.0.is_empty() {
        return;
    }
    let path = which.get(&tree.0.keys().cloned().collect::<Vec<_>>()).clone();
    let to = rel(to);
    match what {
        // Renamed or moved, a folder with all that is in it.
        0..3 => {
            let nodes = cut(tree, &path);
            paste(tree, &to, nodes);
        }
        // Two things change places.
        3 => {
            let (here, there) = (cut(tree, &path), cut(tree, &to));
            paste(tree, &to, here);
            paste(tree, &path, there);
        }
        4 => {
            let nodes = cut(&mut tree.clone(), &path);
            paste(tree, &to, nodes);
        }
        5 => drop(cut(tree, &path)),
        6 => put(tree, &path, node(*kind)),
        // Only its time changes.
        7 => {
            if let Some(Node::File { mtime, .. }) = tree.0.get_mut(&path) {
                *mtime = i64::from(*kind);
            }
        }
        _ => put(tree, &to, node(*kind)),
    }
}

/// Something hidden: on which side, where, and what.
pub(crate) type Hidden = (bool, Path, usize);

pub(crate) fn hidden() -> impl Strategy<Value = Vec<Hidden>> {
    prop::collection::vec((any::<bool>(), path(), 0..3_usize), 1..4)
}

impl fmt::Debug for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.base, self.local, self.remote)
    }
}

impl Grown {
    /// With something in it that nobody may look at.
    pub(crate) fn hiding(mut self, hidden: &[Hidden]) -> Self {
        for (on_local, path, kind) in hidden {
            let kind = [EntryKind::Ignored, EntryKind::Unreadable, EntryKind::Special][*kind];
            put(if *on_local { &mut self.local } else { &mut self.remote }, &rel(path), Node::Opaque(kind));
        }
        self
    }

    /// Whether a path is, or stands below, something that nobody may look at.
    pub(crate) fn covers(&self, path: &RelPath) -> bool {
        let opaque = |at: &[u8]| {
            [&self.local, &self.remote].iter().any(|tree| matches!(tree.0.get(at), Some(Node::Opaque(_))))
        };
        opaque(path.as_bytes()) || path.ancestors().any(opaque)
    }
}

/// Without what differs from something before it in case alone.
pub(crate) fn folded(tree: &Tree) -> Tree {
    let mut kept = Tree::default();
    let mut names = std::collections::BTreeSet::new();
    for (path, node) in &tree.0 {
        let has_folder = path.parent().is_none_or(|parent| kept.0.contains_key(&parent));
        if has_folder && names.insert(path.as_bytes().to_ascii_lowercase()) {
            kept.0.insert(path.clone(), node.clone());
        }
    }
    kept
}
