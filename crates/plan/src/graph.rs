//! The order in which actions have to happen: the fewest edges that say it.
//!
//! The letters are those of the design. What is transferred stays where it is read, but for the losers
//! of conflicts, which are read where they were moved to. So only reads on the same side have to come
//! before something (E4), and those are copies: content that goes is only ever moved, or copied from
//! where it was moved to.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use syncplan_model::plan::{Action, Op, Reason, Side};
use syncplan_model::{Capability, RelPath};

use crate::draft::{Drafter, carried};
use crate::fold::Fold;
use crate::identity::Origin;
use crate::sides::Sides;
use crate::work::Work;

/// Actions by position, and who waits for whom.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) actions: Vec<Action>,
    pub(crate) edges: Vec<Edge>,
    /// Which names are one name on each side.
    pub(crate) folds: Sides<Fold>,
    /// Which sides have no folders.
    is_flat: Sides<bool>,
}

/// One action comes before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Edge {
    pub(crate) first: usize,
    pub(crate) then: usize,
    pub(crate) need: Need,
}

/// What the second needs of the first. A move does two things, and whoever waits for it mostly waits
/// for one of them: that is what lets it be split.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// That it takes something away (E1, E3).
    Vacated,
    /// That it brings something (E2, E8, and copies of what was moved).
    Filled,
    /// Nothing but to come later (E4).
    Order,
}

impl Graph {
    /// The actions on one side, and their edges.
    pub(crate) fn of(drafter: &Drafter<'_>, work: &Work, origins: &[Origin]) -> Self {
        let mut graph = Self { actions: draft(drafter, work, origins), ..Self::default() };
        graph.folds[drafter.way.side] = Fold::of(drafter.way.target.capabilities);
        graph.is_flat[drafter.way.side] = !drafter.way.target_has(Capability::Directories);
        let first_touch = graph.actions.len();
        graph.touch(drafter, work, origins);
        let edges = graph.edges_of(drafter.way.side, work, origins, first_touch);
        graph.edges.extend(edges);
        graph
    }

    /// The actions on both sides, and what waits for the other side.
    pub(crate) fn join(local: Self, remote: Self) -> Self {
        let folds = Sides { local: local.folds.local, remote: remote.folds.remote };
        let offset = local.actions.len();
        let is_flat = Sides { local: local.is_flat.local, remote: remote.is_flat.remote };
        let mut graph = Self { folds, is_flat, ..local };
        graph.actions.extend(remote.actions);
        let shifted = |edge: Edge| Edge { first: edge.first + offset, then: edge.then + offset, ..edge };
        graph.edges.extend(remote.edges.into_iter().map(shifted));
        graph.wait_for_what_is_made();
        graph
    }

    /// Adds an action that nothing waits for, and that waits for nothing.
    pub(crate) fn add(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// A loser of a conflict is sent from where it was moved to, a merged file when it is merged.
    fn wait_for_what_is_made(&mut self) {
        let makes = |action: &Action| action.op == Op::Run || action.reason == Reason::CONFLICT_KEPT;
        let actions = || self.actions.iter().enumerate();
        let made: FxHashMap<(Side, &RelPath), usize> = actions()
            .filter(|(_, action)| makes(action) && !action.op.transfers())
            .map(|(at, action)| ((action.side, &action.path), at))
            .collect();
        let sent = actions().filter(|(_, action)| !made.is_empty() && action.op.transfers());
        let waits = sent.filter_map(|(then, action)| {
            let first = *made.get(&(action.side.other(), &action.path))?;
            Some(Edge { first, then, need: Need::Filled })
        });
        let waits: Vec<Edge> = waits.collect();
        self.edges.extend(waits);
    }

    /// Whether a move is in its own way: it only spells a name otherwise, where both spellings are one
    /// name, or it goes into or out of its own name, which buckets that are kept in folders refuse.
    pub(crate) fn is_in_its_own_way(&self, at: usize) -> bool {
        let action = &self.actions[at];
        let Some(from) = action.from.as_ref().filter(|_| action.op == Op::Move) else { return false };
        let fold = self.folds[action.side];
        let nested = || from.is_below(&action.path) || action.path.is_below(from);
        (fold.is_some() && fold.key(from.as_bytes()) == fold.key(action.path.as_bytes()))
            || (self.is_flat[action.side] && nested())
    }

    /// E8: what is moved or copied gets the metadata of the source afterwards.
    fn touch(&mut self, drafter: &Drafter<'_>, work: &Work, origins: &[Origin]) {
        self.actions.extend(work.touches.iter().map(|touch| drafter.touch(touch)));
        for (at, fill) in work.fills.iter().enumerate() {
            if let Some(touch) = drafter.touch_moved(fill, origin_of_content(origins, at)) {
                self.edges.push(Edge { first: at, then: self.actions.len(), need: Need::Filled });
                self.actions.push(touch);
            }
        }
    }

    fn edges_of(&self, side: Side, work: &Work, origins: &[Origin], first_touch: usize) -> Vec<Edge> {
        let fold = self.folds[side];
        let places = Places::of(&self.actions, first_touch, fold, self.is_flat[side]);
        let mut edges = Vec::new();
        let mut wait = |first: Option<usize>, then: usize, need| {
            edges.extend(first.filter(|&first| first != then).map(|first| Edge { first, then, need }));
        };
        for (at, action) in self.actions[..first_touch].iter().enumerate() {
            let path = &*fold.key(action.path.as_bytes());
            if !action.op.removes() {
                // E1: what stands there goes first; E2: so that there is a folder to stand in.
                wait(places.vacates.get(path).copied(), at, Need::Vacated);
                wait(parent(path).and_then(|above| places.makes.get(above)).copied(), at, Need::Filled);
                // Buckets may be kept in folders: nothing is put below an object that goes.
                for above in ancestors(path).filter(|_| self.is_flat[side]) {
                    wait(places.vacates.get(above).copied(), at, Need::Vacated);
                }
            }
            if let Some(vacated) = vacated_by(action) {
                // E3: a directory goes when nothing is left in it.
                let vacated = fold.key(vacated);
                let folder = parent(&vacated).and_then(|above| places.unmakes.get(above));
                wait(Some(at), folder.copied().unwrap_or(at), Need::Vacated);
                // Nor is anything put in the place of a folder that is not empty yet.
                for above in ancestors(&vacated).filter(|_| self.is_flat[side]) {
                    wait(Some(at), places.fills.get(above).copied().unwrap_or(at), Need::Vacated);
                }
            }
            if let Some(from) = action.from.as_ref().filter(|_| action.op == Op::Copy) {
                // E4: a change of metadata changes what the copy expects to find.
                let touch = places.touches.get(&*fold.key(from.as_bytes())).copied();
                wait(Some(at), touch.unwrap_or(at), Need::Order);
            }
        }
        for (at, origin) in origins.iter().enumerate().take(work.fills.len()) {
            if let Origin::CopyOfMoved { fill, .. } = origin {
                wait(Some(*fill), at, Need::Filled);
            }
        }
        edges
    }
}

/// Fills first, in their order, so that a fill's position is that of its action.
fn draft(drafter: &Drafter<'_>, work: &Work, origins: &[Origin]) -> Vec<Action> {
    let left_by = |origin: &Origin| match origin {
        Origin::CopyOfMoved { fill, .. } => {
            let (moved, Origin::Move { facts, .. }) = (&work.fills[*fill], &origins[*fill]) else {
                return None;
            };
            Some((&moved.path, carried(facts, &moved.facts)))
        }
        _ => None,
    };
    let fills =
        work.fills.iter().zip(origins).map(|(fill, origin)| drafter.fill(fill, origin, left_by(origin)));
    let dirs = work.dirs.iter().map(|dir| drafter.mkdir(dir));
    let removals = work.removals.iter().map(|removal| drafter.removal(removal));
    let asides = work.asides.iter().map(|aside| drafter.aside(aside));
    let merges = work.merges.iter().map(|merge| drafter.merge(merge));
    fills.chain(dirs).chain(removals).chain(asides).chain(merges).collect()
}

/// The origin whose facts tell what metadata came along.
fn origin_of_content(origins: &[Origin], at: usize) -> &Origin {
    match &origins[at] {
        Origin::CopyOfMoved { fill, .. } => &origins[*fill],
        origin => origin,
    }
}

/// Which action does what to a path, by its folded name.
struct Places<'a> {
    vacates: FxHashMap<Cow<'a, [u8]>, usize>,
    makes: FxHashMap<Cow<'a, [u8]>, usize>,
    unmakes: FxHashMap<Cow<'a, [u8]>, usize>,
    touches: FxHashMap<Cow<'a, [u8]>, usize>,
    /// Only of a side without folders, where nothing else stands for what is below a name.
    fills: FxHashMap<Cow<'a, [u8]>, usize>,
}

impl<'a> Places<'a> {
    fn of(actions: &'a [Action], first_touch: usize, fold: Fold, is_flat: bool) -> Self {
        let of_op = |op: Op| {
            let own = actions.iter().enumerate().filter(move |(_, action)| action.op == op);
            own.map(|(at, action)| (fold.key(action.path.as_bytes()), at)).collect()
        };
        let vacates = actions[..first_touch].iter().enumerate();
        let fills = vacates.clone().filter(|(_, action)| is_flat && !action.op.removes());
        let fills = fills.map(|(at, action)| (fold.key(action.path.as_bytes()), at)).collect();
        Self {
            vacates: vacates.filter_map(|(at, action)| Some((fold.key(vacated_by(action)?), at))).collect(),
            makes: of_op(Op::Mkdir),
            unmakes: of_op(Op::Rmdir),
            touches: of_op(Op::SetMetadata),
            fills,
        }
    }
}

/// The path at which nothing stands after the action.
fn vacated_by(action: &Action) -> Option<&[u8]> {
    match action.op {
        Op::Delete | Op::Rmdir => Some(action.path.as_bytes()),
        Op::Move => action.from.as_ref().map(|from| from.as_bytes()),
        _ => None,
    }
}

/// The names above a path, nearest first.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(parent(path), |above| parent(above))
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&byte| byte == b'/').map(|slash| &path[..slash])
}
