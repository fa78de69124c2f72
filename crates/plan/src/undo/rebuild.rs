use rustc_hash::FxHashSet;
use syncplan_model::plan::{Action, Agreement, Evidence, Expectation, Finding, Op, Reason};
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::collision::collisions;
use crate::draft::Drafter;
use crate::graph::Graph;
use crate::identity::{Origin, wanted};
use crate::parents::add_missing;
use crate::survey::Survey;
use crate::undo::reverse::{Before, Reversal, Source, Step};
use crate::undo::trace::is_in_trash;
use crate::way::Way;
use crate::work::{Fill, NewDir, Removal, Touch, Work};

/// What has to happen on one side, and where content comes from.
#[derive(Default)]
pub(crate) struct Rework {
    work: Work,
    /// Of each fill.
    origins: Vec<Origin>,
}

/// What is planned for one side.
pub(crate) struct Rebuilt {
    pub(crate) graph: Graph,
    pub(crate) collision: Option<Finding>,
}

/// The actions on one side; `other_going` are the paths of the other one that the plan changes as well.
pub(crate) fn rebuild(
    way: &Way<'_>,
    rework: Rework,
    reversal: &Reversal,
    other_going: &FxHashSet<RelPath>,
) -> Rebuilt {
    let Rework { mut work, origins } = rework;
    if work.is_empty() {
        return Rebuilt { graph: Graph::default(), collision: None };
    }
    keep(&mut work);
    let moved = origins.iter().filter_map(Origin::moved_from);
    let survey = Survey::of(way, &wanted(&work, &[]), &work, moved, other_going);
    let mut graph = Graph::of(&Drafter { way: *way, survey: &survey }, &work, &origins);
    for action in &mut graph.actions {
        action.reason = Reason::UNDONE;
        action.base = agreement(way, action, reversal);
    }
    Rebuilt { graph, collision: collisions(way, &work, &origins) }
}

/// What the run brought goes to the trash. That it stands elsewhere as well may not be so any more when the plan
/// is applied.
fn keep(work: &mut Work) {
    let is_kept = |facts: &Facts| facts.kind != EntryKind::Dir;
    for removal in &mut work.removals {
        removal.trash = is_kept(&removal.facts);
    }
    for fill in &mut work.fills {
        fill.trash = fill.replaced.as_deref().is_some_and(is_kept);
    }
}

/// Where the base goes back to what stood there before: whatever the other side has now, it shows as
/// changed since. What the base did not know it lets go of.
fn agreement(way: &Way<'_>, action: &Action, reversal: &Reversal) -> Option<Agreement> {
    let becomes = |path: &RelPath| reversal.steps.get(path).and_then(|step| step.before.as_ref());
    let path = match becomes(&action.path) {
        // Something else comes there, and says so.
        Some(_) if action.op.removes() => None,
        // No base has the folders of one side alone.
        Some(before) if is_dir(&before.facts) && !way.both_have(Capability::Directories) => None,
        Some(before) if before.was_agreed => Some(Expectation::present(before.facts.clone())),
        _ => Some(Expectation::ABSENT),
    };
    let from = action.from.as_ref().filter(|from| action.op == Op::Move && !is_in_trash(from));
    let from = from.filter(|from| becomes(from).is_none()).map(|_| Expectation::ABSENT);
    Some(Agreement { from, path }).filter(|it| it.from.is_some() || it.path.is_some())
}

impl Rework {
    pub(crate) fn of(reversal: &Reversal, way: &Way<'_>) -> Self {
        let mut rework = Self::default();
        // In the order of paths, so that fills and their origins stay side by side.
        for (path, step) in &reversal.steps {
            rework.add(path, step);
        }
        if way.target_has(Capability::Directories) {
            add_missing(&mut rework.work);
        }
        rework
    }

    /// The paths that hold something else afterwards, or nothing.
    pub(crate) fn going(&self) -> FxHashSet<RelPath> {
        let moved = self.origins.iter().filter_map(Origin::moved_from);
        self.work.going().chain(moved).cloned().collect()
    }

    fn add(&mut self, path: &RelPath, step: &Step) {
        let (before, found) = (step.before.as_ref(), step.found.as_ref());
        let stays = |found: &Facts| is_dir(found) && step.is_dir_after();
        // What goes back to where it came from is taken along by its move.
        let leaving = found.filter(|found| step.returns.is_none() && !stays(found));
        match before {
            Some(before) if !is_dir(&before.facts) => self.bring_back(path, before, step, leaving),
            _ => {
                self.work.removals.extend(leaving.map(|facts| removal(path, facts, before.is_none())));
                if before.is_some() && !found.is_some_and(stays) {
                    let (path, reason) = (path.clone(), Reason::UNDONE);
                    self.work.dirs.push(NewDir { path, reason, home: step.home, is_listed: true });
                }
            }
        }
    }

    /// A file or link comes back; what stands there now is replaced, or goes before.
    fn bring_back(&mut self, path: &RelPath, before: &Before, step: &Step, leaving: Option<&Facts>) {
        let origin = match &before.source {
            Source::Here => {
                self.work.touches.extend(step.found.as_ref().map(|found| touch(path, before, found)));
                return;
            }
            Source::At(from, facts) => moved(from, facts, before),
            Source::Kept(from, facts) => moved(from, facts, before),
        };
        let replaced = leaving.filter(|found| !is_dir(found)).map(|found| Box::new(found.clone()));
        self.work.removals.extend(leaving.filter(|found| is_dir(found)).map(|it| removal(path, it, false)));
        self.work.fills.push(Fill {
            path: path.clone(),
            facts: Box::new(before.facts.clone()),
            replaced,
            trash: false,
            reason: Reason::UNDONE,
            home: step.home,
            is_made: false,
        });
        self.origins.push(origin);
    }
}

fn is_dir(facts: &Facts) -> bool {
    facts.kind == EntryKind::Dir
}

fn removal(path: &RelPath, facts: &Facts, for_good: bool) -> Removal {
    let (path, facts, reason) = (path.clone(), Box::new(facts.clone()), Reason::UNDONE);
    Removal { path, facts, reason, for_good, trash: false }
}

fn moved(from: &RelPath, facts: &Facts, before: &Before) -> Origin {
    let known = facts.digest.is_some() && before.facts.digest.is_some();
    let evidence = if known || is_link(facts) { Evidence::Digest } else { Evidence::SizeMtime };
    Origin::Move { from: from.clone(), facts: Box::new(facts.clone()), evidence, for_good: false }
}

fn is_link(facts: &Facts) -> bool {
    facts.kind == EntryKind::Symlink
}

fn touch(path: &RelPath, before: &Before, found: &Facts) -> Touch {
    // Content is as it was: only what is said of it changes.
    let source = Facts { digest: found.digest, fingerprint: found.fingerprint, ..before.facts.clone() };
    let (source, target) = (Box::new(source), Box::new(found.clone()));
    Touch { path: path.clone(), source, target, evidence: Evidence::Digest }
}
