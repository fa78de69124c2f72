//! A simulator: it carries out a plan on two trees, in any order that the plan allows, and checks
//! every precondition and every postcondition on the way.

use std::collections::BTreeMap;

use syncplan_model::plan::{Action, Expectation, Gates, Graph, Op, Plan, STAGE_DIR, Side};
use syncplan_model::{Capabilities, Capability, Facts, RelPath};
use syncplan_testkit::{Known, Node, Tree, facts};

/// Two trees, and whether there are directories on each side.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) local: Tree,
    pub(crate) remote: Tree,
    pub(crate) local_dirs: bool,
    pub(crate) remote_dirs: bool,
}

/// A small generator of numbers, so that an order can be tried again by its seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

impl World {
    pub(crate) fn new(
        local: &Tree,
        remote: &Tree,
        local_store: &Capabilities,
        remote_store: &Capabilities,
    ) -> Self {
        Self {
            local: local.clone(),
            remote: remote.clone(),
            local_dirs: local_store.has(Capability::Directories),
            remote_dirs: remote_store.has(Capability::Directories),
        }
    }

    /// Carries out all of a plan in an order drawn by the dice.
    pub(crate) fn apply(&mut self, plan: &Plan, dice: &mut Dice) -> Result<(), String> {
        let actions = plan.actions();
        let (graph, gates) = (Graph::of(actions), Gates::of(plan.header(), actions));
        let mut waits: Vec<u32> = (0..actions.len()).map(|at| graph.waits_for(at)).collect();
        let mut left: Vec<usize> = gates.gates().iter().map(|gate| gate.actions).collect();
        let mut open: Vec<usize> = (0..actions.len()).collect();
        while !open.is_empty() {
            let passed = passed(&gates, &left);
            let ready: Vec<usize> = (0..open.len())
                .filter(|&at| waits[open[at]] == 0)
                .filter(|&at| {
                    gates.gates()[gates.of_action(open[at])].after.iter().all(|&before| passed[before])
                })
                .collect();
            if ready.is_empty() {
                return Err("nothing is ready, and not all is done".to_owned());
            }
            let at = open.swap_remove(ready[dice.below(ready.len())]);
            self.act(&actions[at]).map_err(|problem| format!("{problem}\nin {}", line(&actions[at])))?;
            left[gates.of_action(at)] -= 1;
            graph.dependents(at).iter().for_each(|&then| waits[then as usize] -= 1);
        }
        let staged =
            |tree: &Tree| tree.0.keys().any(|path| path.as_bytes().starts_with(STAGE_DIR.as_bytes()));
        if staged(&self.local) || staged(&self.remote) {
            Err("something is still staged".to_owned())
        } else {
            Ok(())
        }
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        let side = action.side;
        self.check(side, &action.path, &action.expect.path)?;
        if let Some(expected) = &action.expect.from {
            let from_side = if action.op.transfers() { side.other() } else { side };
            self.check(from_side, action.from.as_ref().unwrap_or(&action.path), expected)?;
        }
        if !action.op.removes() {
            self.check_folder(side, &action.path)?;
        }
        let node = self.node_of(action)?;
        if let (Op::Move | Op::Stage | Op::Install, Some(from)) = (action.op, &action.from) {
            self.tree(side).0.remove(from);
        }
        match node {
            Some(node) => drop(self.tree(side).0.insert(action.path.clone(), node)),
            None => {
                if self.tree(side).0.keys().any(|path| path.is_below(&action.path)) && action.op == Op::Rmdir
                {
                    return Err("the directory is not empty".to_owned());
                }
                self.tree(side).0.remove(&action.path);
            }
        }
        match (&action.result, self.tree(side).0.get(&action.path)) {
            (Some(expected), Some(node)) => {
                agrees(expected, node).map_err(|why| format!("the result: {why}"))
            }
            (Some(_), None) => Err("there is no result".to_owned()),
            (None, _) => Ok(()),
        }
    }

    /// What comes to stand at the action's path; nothing after a removal.
    fn node_of(&mut self, action: &Action) -> Result<Option<Node>, String> {
        let from = action.from.as_ref().unwrap_or(&action.path);
        let node = match action.op {
            Op::Delete | Op::Rmdir => return Ok(None),
            Op::Mkdir => Node::Dir,
            Op::Upload | Op::Download => self.get(action.side.other(), from)?,
            Op::Copy | Op::Move | Op::Stage | Op::Install => self.get(action.side, from)?,
            Op::SetMetadata => {
                let Node::File { content, mtime } = self.get(action.side, &action.path)? else {
                    return Err("metadata of something that is no file".to_owned());
                };
                let new = action.result.as_ref().and_then(|facts| facts.mtime);
                Node::File { content, mtime: new.map_or(mtime, |new| new.seconds) }
            }
            op => return Err(format!("the simulator cannot {op}")),
        };
        Ok(Some(node))
    }

    fn get(&mut self, side: Side, path: &RelPath) -> Result<Node, String> {
        self.tree(side).0.get(path).cloned().ok_or_else(|| format!("there is nothing at {path} to read"))
    }

    fn check(&mut self, side: Side, path: &RelPath, expected: &Expectation) -> Result<(), String> {
        match (expected.facts(), self.tree(side).0.get(path)) {
            (None, None) => Ok(()),
            (None, Some(node)) => Err(format!("{path} should be absent and is {node:?}")),
            (Some(_), None) => Err(format!("{path} should be there and is not")),
            (Some(facts), Some(node)) => agrees(facts, node).map_err(|why| format!("{path}: {why}")),
        }
    }

    /// Something can only stand in a directory, where there are any.
    fn check_folder(&mut self, side: Side, path: &RelPath) -> Result<(), String> {
        let dirs = if side == Side::Local { self.local_dirs } else { self.remote_dirs };
        match path.parent() {
            Some(parent) if dirs && !path.is_reserved() => match self.tree(side).0.get(&parent) {
                Some(Node::Dir) => Ok(()),
                other => Err(format!("{parent} should be a directory and is {other:?}")),
            },
            _ => Ok(()),
        }
    }

    pub(crate) fn tree(&mut self, side: Side) -> &mut Tree {
        match side {
            Side::Local => &mut self.local,
            Side::Remote => &mut self.remote,
        }
    }
}

/// Which gates nothing is left behind of, their predecessors included.
fn passed(gates: &Gates, left: &[usize]) -> Vec<bool> {
    let mut passed = vec![false; left.len()];
    for _ in 0..left.len() {
        for (at, gate) in gates.gates().iter().enumerate() {
            passed[at] = left[at] == 0 && gate.after.iter().all(|&before| passed[before]);
        }
    }
    passed
}

/// Whether everything that is stated holds.
fn agrees(stated: &Facts, node: &Node) -> Result<(), String> {
    let found = facts(node, Known::Digests);
    let fails = |what: &str| Err(format!("{what} is not as stated: {stated:?} against {found:?}"));
    if stated.kind != found.kind || stated.size != found.size || stated.target != found.target {
        return fails("kind, size or target");
    }
    if stated.token.is_some() && stated.token != found.token {
        return fails("the token");
    }
    if stated.mtime.is_some() && stated.mtime != found.mtime {
        return fails("the time");
    }
    if stated.digest.is_some() && stated.digest != found.digest {
        return fails("the digest");
    }
    Ok(())
}

/// An action in short: `move remote a -> b`.
pub(crate) fn line(action: &Action) -> String {
    let path = |path: &RelPath| match path.as_bytes().strip_prefix(STAGE_DIR.as_bytes()) {
        Some(_) => "*".to_owned(),
        None => path.to_string(),
    };
    let from = action.from.as_ref().map_or(String::new(), |from| format!("{} -> ", path(from)));
    format!("{} {}{}", action.op, from, path(&action.path))
}

/// All actions in short, in the plan's order.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    plan.actions().iter().map(line).collect()
}

/// What is on a tree, by content.
pub(crate) fn contents(tree: &Tree) -> BTreeMap<&[u8], usize> {
    let mut contents = BTreeMap::new();
    for node in tree.0.values() {
        if let Node::File { content, .. } = node {
            *contents.entry(content.as_slice()).or_default() += 1;
        }
    }
    contents
}
