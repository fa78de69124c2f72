use std::collections::BTreeSet;

use syncplan_model::RelPath;

/// Pairs paths of two lists, each sorted: those with the longest common suffix first, and among equals
/// those that come first. Answers positions, one of each list.
///
/// All paths stand in a tree of their reversed bytes, walked from its leaves: whatever is left over
/// below a node meets there, and what meets there shares exactly the node's suffix. It costs
/// O(n log² n) however alike the paths are.
pub(crate) fn pair(left: &[&RelPath], right: &[&RelPath]) -> Vec<(usize, usize)> {
    if let ([_], [_]) = (left, right) {
        return vec![(0, 0)];
    }
    let sides = [(left, true), (right, false)];
    let mut leaves: Vec<Leaf<'_>> = sides
        .iter()
        .flat_map(|(paths, is_left)| (0..).zip(*paths).map(|(at, path)| Leaf { path, at, is_left: *is_left }))
        .collect();
    leaves.sort_by(|a, b| a.path.as_bytes().iter().rev().cmp(b.path.as_bytes().iter().rev()));
    let mut tree = Tree::default();
    let mut previous: Option<&RelPath> = None;
    for leaf in &leaves {
        tree.close_below(previous.map_or(0, |previous| previous.common_suffix(leaf.path)));
        tree.open.push(Node::of(leaf));
        previous = Some(leaf.path);
    }
    tree.close_below(0);
    tree.open.iter_mut().for_each(|root| root.pair_up(&mut tree.pairs));
    tree.pairs.sort_unstable();
    tree.pairs
}

struct Leaf<'a> {
    path: &'a RelPath,
    at: usize,
    is_left: bool,
}

#[derive(Default)]
struct Tree {
    /// The nodes from the root to the last leaf, each deeper than the one before.
    open: Vec<Node>,
    pairs: Vec<(usize, usize)>,
}

struct Node {
    /// The length of the suffix that all below it share.
    depth: usize,
    left: BTreeSet<usize>,
    right: BTreeSet<usize>,
}

impl Tree {
    /// Closes all nodes that share more than `depth` bytes; what they leave over goes up.
    fn close_below(&mut self, depth: usize) {
        while let Some(mut node) = self.open.pop_if(|node| node.depth > depth) {
            node.pair_up(&mut self.pairs);
            match self.open.last_mut() {
                Some(parent) if parent.depth >= depth => parent.take(node),
                _ => self.open.push(Node { depth, ..node }),
            }
        }
    }
}

impl Node {
    fn of(leaf: &Leaf<'_>) -> Self {
        let mut node =
            Self { depth: leaf.path.as_bytes().len() + 1, left: BTreeSet::new(), right: BTreeSet::new() };
        if leaf.is_left {
            node.left.insert(leaf.at)
        } else {
            node.right.insert(leaf.at)
        };
        node
    }

    fn pair_up(&mut self, pairs: &mut Vec<(usize, usize)>) {
        while !self.left.is_empty() && !self.right.is_empty() {
            pairs.extend(self.left.pop_first().zip(self.right.pop_first()));
        }
    }

    fn take(&mut self, other: Self) {
        merge(&mut self.left, other.left);
        merge(&mut self.right, other.right);
    }
}

/// The smaller set goes into the larger one, whichever it is.
fn merge(into: &mut BTreeSet<usize>, mut from: BTreeSet<usize>) {
    if from.len() > into.len() {
        std::mem::swap(into, &mut from);
    }
    into.extend(from);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &[&str], right: &[&str], expected: &[&str]) {
        let paths = |names: &[&str]| names.iter().map(|name| RelPath::new(name).unwrap()).collect::<Vec<_>>();
        let (left, right) = (paths(left), paths(right));
        let pairs = pair(&left.iter().collect::<Vec<_>>(), &right.iter().collect::<Vec<_>>());
        let shown: Vec<_> = pairs.iter().map(|&(l, r)| format!("{} {}", left[l], right[r])).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_longest_common_suffix_wins() {
        check(&["a/x", "a/y"], &["b/y", "c/x"], &["a/x c/x", "a/y b/y"]);
        check(&["n/d/x", "n/e/x"], &["o/e/x", "p/d/x"], &["n/d/x p/d/x", "n/e/x o/e/x"]);
    }

    #[test]
    fn then_the_order_of_paths() {
        check(&["a", "b", "c"], &["d", "e"], &["a d", "b e"]);
        check(&["a"], &["b", "c", "d"], &["a b"]);
    }

    #[test]
    fn it_is_what_the_obvious_way_does() {
        let names: Vec<_> = (0..40).map(|n| format!("{}/{}{}", n % 3, "xyz".repeat(n % 4), n % 7)).collect();
        let mut paths: Vec<_> = names.iter().map(|name| RelPath::new(name).unwrap()).collect();
        paths.sort();
        paths.dedup();
        for split in 1..paths.len() {
            let left: Vec<_> = paths.iter().step_by(2).take(split).collect();
            let right: Vec<_> = paths.iter().skip(1).step_by(2).collect();
            assert_eq!(pair(&left, &right), greedy(&left, &right), "{left:?} {right:?}");
        }
    }

    fn greedy(left: &[&RelPath], right: &[&RelPath]) -> Vec<(usize, usize)> {
        let (mut free_left, mut free_right) =
            (BTreeSet::from_iter(0..left.len()), BTreeSet::from_iter(0..right.len()));
        let mut pairs = Vec::new();
        for suffix in (0..64).rev() {
            for l in free_left.clone() {
                let found = free_right.iter().copied().find(|&r| left[l].common_suffix(right[r]) == suffix);
                if let Some(r) = found {
                    free_right.remove(&r);
                    free_left.remove(&l);
                    pairs.push((l, r));
                }
            }
        }
        pairs.sort_unstable();
        pairs
    }
}
