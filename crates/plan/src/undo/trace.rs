use std::collections::{BTreeMap, HashSet};

use rustc_hash::FxHashMap;
use syncplan_model::plan::{Action, ActionId, Expectation, Graph, Op, Plan, Reason, Side, TRASH_DIR};
use syncplan_model::{EntryKind, Facts, RelPath, TaskName, is_below};

/// What a run did to the places of one side, staging places included.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) places: BTreeMap<RelPath, Place>,
    /// Where what stood at a place before went: into the trash, or nowhere.
    pub(crate) gone: FxHashMap<RelPath, Option<RelPath>>,
}

/// One place.
pub(crate) struct Place {
    /// What stood there before the run.
    pub(crate) before: Option<Facts>,
    /// What the run left.
    pub(crate) left: Option<Content>,
}

/// Something that stands at a place when the run is over.
#[derive(Clone)]
pub(crate) struct Content {
    /// Where it stood before the run, if it stood on this side.
    pub(crate) origin: Option<RelPath>,
    /// What it is, as far as the plan knew: nothing of what a program made.
    pub(crate) facts: Option<Facts>,
    /// Whether it got other metadata on the way.
    pub(crate) touched: bool,
}

impl Content {
    fn brought(facts: Option<Facts>) -> Self {
        Self { origin: None, facts, touched: false }
    }

    pub(crate) fn kind(&self) -> EntryKind {
        self.facts.as_ref().map_or(EntryKind::File, |facts| facts.kind)
    }
}

impl Trace {
    /// Follows the actions of a run that were done, in the order in which they can have been.
    pub(crate) fn of(plan: &Plan, done: &HashSet<ActionId>, task: &TaskName, side: Side) -> Self {
        let mut trace = Self::default();
        for action in in_order(plan) {
            let counts = action.task == *task && action.side == side && action.op != Op::Record;
            if counts && done.contains(&action.id) {
                trace.follow(action);
            }
        }
        trace
    }

    fn follow(&mut self, action: &Action) {
        self.note(&action.path, action.expect.path.facts());
        match action.op {
            Op::Delete | Op::Rmdir => self.put(action, None),
            Op::Move | Op::Stage | Op::Install => {
                let moved = self.take_from(action);
                self.put(action, Some(moved));
            }
            Op::SetMetadata => self.touch(action),
            // What a program makes of two files nobody knew before.
            Op::Run => self.put(action, Some(Content::brought(None))),
            _ if action.reason == Reason::MERGED => self.put(action, Some(Content::brought(None))),
            _ => self.put(action, Some(Content::brought(action.result.as_deref().cloned()))),
        }
    }

    /// What an action found is what stood there before, unless an earlier action left it.
    fn note(&mut self, path: &RelPath, found: Option<&Facts>) {
        self.places.entry(path.clone()).or_insert_with(|| Place {
            before: found.cloned(),
            left: found.map(|facts| Content {
                origin: Some(path.clone()),
                facts: Some(facts.clone()),
                touched: false,
            }),
        });
    }

    fn take_from(&mut self, action: &Action) -> Content {
        let result = action.result.as_deref().cloned();
        let Some(from) = action.from.as_ref().filter(|from| !is_in_trash(from)) else {
            return Content::brought(result);
        };
        let found = action.expect.from.as_ref().and_then(Expectation::facts);
        self.note(from, found);
        match self.places.get_mut(from).and_then(|place| place.left.take()) {
            Some(content) => Content { facts: result.or(content.facts), ..content },
            None => Content::brought(result),
        }
    }

    fn put(&mut self, action: &Action, content: Option<Content>) {
        let Some(place) = self.places.get_mut(&action.path) else { return };
        let old = std::mem::replace(&mut place.left, content);
        if let Some(origin) = old.and_then(|old| old.origin) {
            self.gone.insert(origin, action.trash.clone());
        }
    }

    fn touch(&mut self, action: &Action) {
        let Some(content) = self.places.get_mut(&action.path).and_then(|place| place.left.as_mut()) else {
            return;
        };
        let digest = content.facts.as_ref().and_then(|facts| facts.digest);
        let result = action.result.as_deref().cloned();
        content.facts = result.map(|facts| Facts { digest: facts.digest.or(digest), ..facts });
        content.touched = true;
    }

    /// Where what stood at a path before the run stands now.
    pub(crate) fn whereabouts(&self) -> FxHashMap<&RelPath, &RelPath> {
        let places = self.places.iter();
        places.filter_map(|(path, place)| Some((place.left.as_ref()?.origin.as_ref()?, path))).collect()
    }
}

/// The actions of a plan, each behind those that it waited for.
fn in_order(plan: &Plan) -> impl Iterator<Item = &Action> {
    let actions = plan.actions();
    // A plan has no circles.
    let mut order = Graph::of(actions).topological().unwrap_or_default();
    order.sort_by_key(|&at| actions[at as usize].phase);
    order.into_iter().map(|at| &actions[at as usize])
}

pub(crate) fn is_in_trash(path: &RelPath) -> bool {
    is_below(path.as_bytes(), TRASH_DIR.as_bytes())
}
