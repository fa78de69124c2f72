//! The order in which actions have to happen: the fewest edges that say it.
//!
//! The letters are those of the design. In one direction the source is never changed, so that only
//! reads on the target have to come before something (E4), and those are copies: content that goes
//! is only ever moved, or copied from where it was moved to.

use rustc_hash::FxHashMap;
use syncplan_model::plan::{Action, Op};

use crate::draft::{Drafter, carried};
use crate::identity::Origin;
use crate::work::Work;

/// Actions by position, and who waits for whom.
pub(crate) struct Graph {
    pub(crate) actions: Vec<Action>,
    pub(crate) edges: Vec<Edge>,
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
    /// The actions of one task, and their edges.
    pub(crate) fn of(drafter: &Drafter<'_>, work: &Work, origins: &[Origin]) -> Self {
        let mut graph = Self { actions: draft(drafter, work, origins), edges: Vec::new() };
        let first_touch = graph.actions.len();
        graph.touch(drafter, work, origins);
        let edges = graph.edges_of(work, origins, first_touch);
        graph.edges.extend(edges);
        graph
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

    fn edges_of(&self, work: &Work, origins: &[Origin], first_touch: usize) -> Vec<Edge> {
        let places = Places::of(&self.actions, first_touch);
        let mut edges = Vec::new();
        let mut wait = |first: Option<usize>, then: usize, need| {
            edges.extend(first.filter(|&first| first != then).map(|first| Edge { first, then, need }));
        };
        for (at, action) in self.actions[..first_touch].iter().enumerate() {
            let path = action.path.as_bytes();
            if !action.op.removes() {
                // E1: what stands there goes first; E2: so that there is a folder to stand in.
                wait(places.vacates.get(path).copied(), at, Need::Vacated);
                wait(parent(path).and_then(|above| places.makes.get(above)).copied(), at, Need::Filled);
            }
            if let Some(vacated) = vacated_by(action) {
                // E3: a directory goes when nothing is left in it.
                let folder = parent(vacated).and_then(|above| places.unmakes.get(above));
                wait(Some(at), folder.copied().unwrap_or(at), Need::Vacated);
            }
            if let Some(from) = action.from.as_ref().filter(|_| action.op == Op::Copy) {
                // E4: a change of metadata changes what the copy expects to find.
                wait(Some(at), places.touches.get(from.as_bytes()).copied().unwrap_or(at), Need::Order);
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
    fills.chain(dirs).chain(removals).collect()
}

/// The origin whose facts tell what metadata came along.
fn origin_of_content(origins: &[Origin], at: usize) -> &Origin {
    match &origins[at] {
        Origin::CopyOfMoved { fill, .. } => &origins[*fill],
        origin => origin,
    }
}

/// Which action does what to a path.
struct Places<'a> {
    vacates: FxHashMap<&'a [u8], usize>,
    makes: FxHashMap<&'a [u8], usize>,
    unmakes: FxHashMap<&'a [u8], usize>,
    touches: FxHashMap<&'a [u8], usize>,
}

impl<'a> Places<'a> {
    fn of(actions: &'a [Action], first_touch: usize) -> Self {
        let of_op = |op: Op| {
            let own = actions.iter().enumerate().filter(move |(_, action)| action.op == op);
            own.map(|(at, action)| (action.path.as_bytes(), at)).collect()
        };
        let vacates = actions[..first_touch].iter().enumerate();
        Self {
            vacates: vacates.filter_map(|(at, action)| Some((vacated_by(action)?, at))).collect(),
            makes: of_op(Op::Mkdir),
            unmakes: of_op(Op::Rmdir),
            touches: of_op(Op::SetMetadata),
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

fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&byte| byte == b'/').map(|slash| &path[..slash])
}
