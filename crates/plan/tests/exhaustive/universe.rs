//! 144 trees: each of two names is absent, one of two files, or a folder of two such names.

use syncplan_model::Snapshot;
use syncplan_testkit::simulator::Stock;
use syncplan_testkit::{Node, Tree, tree};

use crate::shape::{Folder, shape};

/// Trees with all that is made of them, made once.
pub(crate) struct Universe {
    pub(crate) worlds: Vec<Side>,
}

/// One tree.
pub(crate) struct Side {
    pub(crate) tree: Tree,
    pub(crate) stock: Stock,
    pub(crate) snapshot: Snapshot,
    pub(crate) shape: Folder,
}

pub(crate) const TREES: usize = 144;

impl Universe {
    pub(crate) fn new() -> Self {
        Self { worlds: trees().into_iter().map(Side::of).collect() }
    }
}

impl Side {
    pub(crate) fn of(tree: Tree) -> Self {
        let stock = Stock::new(&tree);
        Self { snapshot: stock.snapshot(), shape: shape(&stock), stock, tree }
    }
}

fn trees() -> Vec<Tree> {
    let leaves = |name: &str| [String::new(), format!("{name}1@1"), format!("{name}2@2")];
    let of_name = |name: &str| -> Vec<String> {
        let folder = |x: &String, y: &String| format!("{name}/ {x} {y}");
        let (xs, ys) = (leaves(&format!("{name}/x")), leaves(&format!("{name}/y")));
        let folders = xs.iter().flat_map(|x| ys.iter().map(move |y| folder(x, y)));
        leaves(name).into_iter().chain(folders).collect()
    };
    let (of_a, of_b) = (of_name("a"), of_name("b"));
    of_a.iter().flat_map(|a| of_b.iter().map(move |b| tree(&format!("{a} {b}")))).collect()
}

/// Which of the trees it is, by what stands at each name.
pub(crate) fn position(stock: &Stock) -> Option<usize> {
    let (mut a, mut b) = ([0; 3], [0; 3]);
    for (path, thing) in stock.iter() {
        let kind = match &thing.node {
            Node::File { content, mtime: 1 } if content == b"1" => 1,
            Node::File { content, mtime: 2 } if content == b"2" => 2,
            Node::Dir => 3,
            _ => return None,
        };
        let name = match path.as_bytes() {
            b"a" => &mut a[0],
            b"a/x" => &mut a[1],
            b"a/y" => &mut a[2],
            b"b" => &mut b[0],
            b"b/x" => &mut b[1],
            b"b/y" => &mut b[2],
            _ => return None,
        };
        *name = kind;
    }
    let of_name = |[itself, x, y]: [usize; 3]| if itself == 3 { 3 + 3 * x + y } else { itself };
    Some(of_name(a) * 12 + of_name(b))
}

#[test]
fn every_tree_knows_its_position() {
    let universe = Universe::new();
    assert_eq!(universe.worlds.len(), TREES);
    for (at, side) in universe.worlds.iter().enumerate() {
        assert_eq!(position(&side.stock), Some(at), "{}", side.tree);
    }
}
