use std::collections::BTreeMap;
use std::sync::Arc;

use syncplan_model::plan::{Action, Op, Plan, Reason, STAGE_DIR, Side};
use syncplan_model::{Capabilities, Capability, Facts, RelPath};

use super::{Dice, Order, Stock, Thing, line};
use crate::{Node, Tree};

/// Two sides, what they agreed on, and what was put aside.
#[derive(Clone)]
pub struct World {
    /// What stands on the local side, staged files included.
    pub local: Stock,
    /// What stands on the remote side, staged files included.
    pub remote: Stock,
    /// The base as it stands on the local side.
    pub base_local: Stock,
    /// The base as it stands on the remote side.
    pub base_remote: Stock,
    trash: BTreeMap<(Side, RelPath), Arc<Thing>>,
    /// Whether the local store has directories.
    local_dirs: bool,
    remote_dirs: bool,
    /// What was on a side and not in the base when it began, or all that was: it has to be somewhere at
    /// every instant.
    dear: Vec<Arc<Thing>>,
}

impl World {
    /// Two sides that agreed on nothing yet.
    pub fn new(local: &Tree, remote: &Tree, local_store: &Capabilities, remote_store: &Capabilities) -> Self {
        let nothing = Stock::default();
        let (local, remote) = (Stock::new(local), Stock::new(remote));
        Self::of_stocks([nothing.clone(), nothing], local, remote).in_stores(local_store, remote_store)
    }

    /// Two sides that agreed on a base, both with directories.
    pub fn of_stocks([base_local, base_remote]: [Stock; 2], local: Stock, remote: Stock) -> Self {
        let dear = dear(&local, &base_local).chain(dear(&remote, &base_remote)).collect();
        let (trash, local_dirs, remote_dirs) = (BTreeMap::new(), true, true);
        Self { local, remote, base_local, base_remote, trash, local_dirs, remote_dirs, dear }
    }

    /// The same in stores that can do so much.
    #[must_use]
    pub fn in_stores(mut self, local: &Capabilities, remote: &Capabilities) -> Self {
        self.local_dirs = local.has(Capability::Directories);
        self.remote_dirs = remote.has(Capability::Directories);
        self.local = self.local.folding_case(local.has(Capability::FoldsCase));
        self.remote = self.remote.folding_case(remote.has(Capability::FoldsCase));
        self
    }

    /// The same where all that stands on a side now is to be kept, whether the base has it or not.
    #[must_use]
    pub fn losing_nothing(mut self) -> Self {
        let nothing = Stock::default();
        self.dear = dear(&self.local, &nothing).chain(dear(&self.remote, &nothing)).collect();
        self
    }

    /// What stands on one side.
    pub fn stock(&self, side: Side) -> &Stock {
        match side {
            Side::Local => &self.local,
            Side::Remote => &self.remote,
        }
    }

    /// What stands on one side, as a tree.
    pub fn tree(&self, side: Side) -> Tree {
        self.stock(side).tree()
    }

    /// What was put into the trash.
    pub fn trash(&self) -> impl Iterator<Item = (&(Side, RelPath), &Arc<Thing>)> {
        self.trash.iter()
    }

    /// Carries out all of a plan in an order drawn by the dice.
    pub fn apply(&mut self, plan: &Plan, dice: &mut Dice) -> Result<(), String> {
        let order = Order::of(plan);
        let mut course = order.begin(plan);
        while let Some(at) = course.next(dice)? {
            self.act(&plan.actions()[at])?;
        }
        if self.is_staging() { Err("something is still staged".to_owned()) } else { Ok(()) }
    }

    /// Whether a file is out of sight.
    pub fn is_staging(&self) -> bool {
        let staged = |stock: &Stock| stock.iter().any(|(path, _)| is_staged(path));
        staged(&self.local) || staged(&self.remote)
    }

    /// Carries out one action, checking what it expects and what it promises.
    pub fn act(&mut self, action: &Action) -> Result<(), String> {
        self.try_act(action).map_err(|problem| format!("{problem}\nin {} ({})", line(action), action.side))
    }

    fn try_act(&mut self, action: &Action) -> Result<(), String> {
        // To let go of a path is right whatever stands there.
        let lets_go = action.op == Op::Record && action.result.is_none();
        if !self.respells(action) && !lets_go {
            self.check(action.side, &action.path, &action.expect.path)?;
        }
        // What a program makes of two files is not known before: the plan names the file it is made of.
        let is_made = action.op.transfers() && action.reason == Reason::MERGED;
        if let Some(expected) = action.expect.from.as_ref().filter(|_| !is_made) {
            let other_side = action.op.transfers() || action.op == Op::Run;
            let from_side = if other_side { action.side.other() } else { action.side };
            self.check(from_side, action.from.as_ref().unwrap_or(&action.path), expected)?;
        }
        if action.op != Op::Record {
            self.change(action)?;
        }
        self.learn(action)
    }

    /// Whether it gives a file another spelling of its name, which is not in its own way.
    fn respells(&self, action: &Action) -> bool {
        let from = action.from.as_ref().filter(|_| matches!(action.op, Op::Move | Op::Install));
        from.is_some_and(|from| self.stock(action.side).are_one(from, &action.path))
    }

    fn change(&mut self, action: &Action) -> Result<(), String> {
        if !action.op.removes() {
            self.check_folder(action.side, &action.path)?;
        }
        let thing = self.thing_of(action)?;
        if let (Op::Move | Op::Stage | Op::Install, Some(from)) = (action.op, &action.from) {
            self.stock_mut(action.side).take(from);
            self.trash.remove(&(action.side, from.clone()));
        }
        self.clear(action)?;
        if let Some(thing) = thing {
            let is_made = action.reason == Reason::MERGED;
            if let Some(expected) = action.result.as_ref().filter(|_| !is_made) {
                agrees(expected, &thing).map_err(|why| format!("the result: {why}"))?;
            }
            self.stock_mut(action.side).put(&action.path, thing);
        }
        Ok(())
    }

    /// Takes away what stands at the action's path, into the trash if it says so (I1).
    fn clear(&mut self, action: &Action) -> Result<(), String> {
        let side = action.side;
        let Some(old) = self.stock(side).get(&action.path).cloned() else { return Ok(()) };
        if action.op == Op::SetMetadata {
            return Ok(());
        }
        if old.is_dir() {
            let may = action.op == Op::Rmdir && !self.stock(side).has_below(&action.path);
            self.stock_mut(side).take(&action.path);
            return if may { Ok(()) } else { Err("a directory is in the way, or not empty".to_owned()) };
        }
        if action.op == Op::Rmdir {
            return Err("it is no directory".to_owned());
        }
        self.stock_mut(side).take(&action.path);
        match &action.trash {
            // The same content may be kept once more at one place.
            Some(place) => match self.trash.insert((side, place.clone()), old.clone()) {
                Some(kept) if !kept.is_like(&old) => {
                    Err(format!("I1: something else is in the trash at {place} already"))
                }
                _ => Ok(()),
            },
            None => self.check_lost(side, &action.path, &old),
        }
    }

    /// What goes for good has to be what the base has there, or it is not known to be anywhere else.
    fn check_lost(&self, side: Side, path: &RelPath, old: &Thing) -> Result<(), String> {
        let base = if side == Side::Local { &self.base_local } else { &self.base_remote };
        if !base.get(path).is_some_and(|known| known.is_like(old)) {
            return Err(format!(
                "I1: {path} is not in the base and does not go to the trash: {:?}",
                old.node
            ));
        }
        let is_dear = self.dear.iter().any(|dear| dear.is_like(old));
        if is_dear && !self.is_anywhere(old) {
            return Err(format!("I1: the last copy of new content is lost: {:?}", old.node));
        }
        Ok(())
    }

    fn is_anywhere(&self, thing: &Thing) -> bool {
        self.local.holds(thing)
            || self.remote.holds(thing)
            || self.trash.values().any(|kept| kept.is_like(thing))
    }

    /// The first content that was on a side and not in the base and is nowhere any more.
    pub fn lost(&self) -> Option<&Thing> {
        self.dear.iter().map(|dear| &**dear).find(|dear| !self.is_anywhere(dear))
    }

    /// What comes to stand at the action's path; nothing after a removal.
    fn thing_of(&self, action: &Action) -> Result<Option<Arc<Thing>>, String> {
        let from = action.from.as_ref().unwrap_or(&action.path);
        Ok(Some(match action.op {
            Op::Delete | Op::Rmdir => return Ok(None),
            Op::Mkdir if self.stock(action.side).get(&action.path).is_some() => {
                return Err("something stands where a directory is made".to_owned());
            }
            Op::Mkdir => Thing::new(Node::Dir),
            Op::Upload | Op::Download => self.leaf(action.side.other(), from)?,
            Op::Copy | Op::Move | Op::Stage | Op::Install => self.leaf(action.side, from)?,
            Op::SetMetadata => touched(&*self.leaf(action.side, &action.path)?, action.result.as_deref())?,
            Op::Run => merged(&*self.leaf(Side::Local, from)?, &*self.leaf(Side::Remote, from)?)?,
            op => return Err(format!("the simulator cannot {op}")),
        }))
    }

    /// What stands at a path, or is kept there.
    pub(super) fn find(&self, side: Side, path: &RelPath) -> Option<&Arc<Thing>> {
        self.stock(side).get(path).or_else(|| self.trash.get(&(side, path.clone())))
    }

    fn leaf(&self, side: Side, path: &RelPath) -> Result<Arc<Thing>, String> {
        match self.find(side, path) {
            Some(thing) if !thing.is_dir() => Ok(thing.clone()),
            found => Err(format!("there should be a file at {path} to read, and is {found:?}")),
        }
    }

    /// Something can only stand in a directory, where there are any.
    fn check_folder(&self, side: Side, path: &RelPath) -> Result<(), String> {
        let dirs = if side == Side::Local { self.local_dirs } else { self.remote_dirs };
        match path.parent() {
            Some(parent) if dirs && !path.is_reserved() => match self.stock(side).get(&parent) {
                Some(thing) if thing.is_dir() => Ok(()),
                other => Err(format!("{parent} should be a directory and is {other:?}")),
            },
            _ => Ok(()),
        }
    }

    pub(super) fn both_have_dirs(&self) -> bool {
        self.local_dirs && self.remote_dirs
    }

    fn stock_mut(&mut self, side: Side) -> &mut Stock {
        match side {
            Side::Local => &mut self.local,
            Side::Remote => &mut self.remote,
        }
    }
}

/// Files and links that the base does not have where they stand.
fn dear<'a>(side: &'a Stock, base: &'a Stock) -> impl Iterator<Item = Arc<Thing>> + 'a {
    let is_known = |path: &RelPath, thing: &Thing| base.get(path).is_some_and(|known| known.is_like(thing));
    let leaves = side.iter().filter(|(_, thing)| matches!(thing.node, Node::File { .. } | Node::Link(_)));
    leaves.filter(move |(path, thing)| !is_known(path, thing)).map(|(_, thing)| thing.clone())
}

fn is_staged(path: &RelPath) -> bool {
    path.as_bytes().starts_with(STAGE_DIR.as_bytes())
}

fn touched(thing: &Thing, result: Option<&Facts>) -> Result<Arc<Thing>, String> {
    let Node::File { content, mtime } = &thing.node else {
        return Err("metadata of something that is no file".to_owned());
    };
    let mtime = result.and_then(|facts| facts.mtime).map_or(*mtime, |new| new.seconds);
    Ok(Thing::new(Node::File { content: content.clone(), mtime }))
}

/// What a program makes of two files.
fn merged(ours: &Thing, theirs: &Thing) -> Result<Arc<Thing>, String> {
    let (Node::File { content: one, mtime: a }, Node::File { content: other, mtime: b }) =
        (&ours.node, &theirs.node)
    else {
        return Err("only files can be merged".to_owned());
    };
    let mut both = [one.as_slice(), other.as_slice()];
    both.sort_unstable();
    Ok(Thing::new(Node::File { content: both.join(b"+".as_slice()), mtime: a.max(b) + 1 }))
}

/// Whether everything that is stated holds.
pub(super) fn agrees(stated: &Facts, thing: &Thing) -> Result<(), String> {
    let found = &thing.facts;
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
