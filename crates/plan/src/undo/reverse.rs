use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::undo::UndoTask;
use crate::undo::former::Former;
use crate::undo::look::Look;
use crate::undo::trace::{Place, Trace};
use crate::way::Way;

/// What of a run is taken back on one side, and what is not.
#[derive(Default)]
pub(crate) struct Reversal {
    /// What happens at each place.
    pub(crate) steps: BTreeMap<RelPath, Step>,
    /// Why nothing happens at a place that the run changed.
    pub(crate) refused: BTreeMap<RelPath, String>,
}

/// A place that becomes what it was.
pub(crate) struct Step {
    /// What stood there before the run, and comes back.
    pub(crate) before: Option<Before>,
    /// What stands there now.
    pub(crate) found: Option<Facts>,
    /// Where what stands there now goes back to; it goes for good if that is nowhere.
    pub(crate) returns: Option<RelPath>,
    /// The length of the path of the nearest directory above that stands there; 0 is the root.
    pub(crate) home: usize,
}

/// What comes back to a place.
pub(crate) struct Before {
    pub(crate) facts: Facts,
    /// Where it is now.
    pub(crate) source: Source,
    /// Whether both sides had agreed on it.
    pub(crate) was_agreed: bool,
}

/// Where content is that comes back.
pub(crate) enum Source {
    /// It never went, though it may have got other metadata. A directory is made anew.
    Here,
    /// At another place of this side, as it stands there.
    At(RelPath, Facts),
    /// In the trash, as it stands there.
    Kept(RelPath, Facts),
}

impl Step {
    pub(crate) fn is_dir_after(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.facts.kind == EntryKind::Dir)
    }

    fn removes_dir(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.kind == EntryKind::Dir) && !self.is_dir_after()
    }
}

/// Decides for each place that a run changed on one side.
pub(crate) fn reverse(way: &Way<'_>, task: &UndoTask<'_>, mut trace: Trace, former: &Former<'_>) -> Reversal {
    trace.places.retain(|path, place| place.is_changed(path));
    let look = Look::at(way, task, &trace);
    let mut reverser = Reverser { look, trace: &trace, reversal: Reversal::default() };
    let now_at = trace.whereabouts();
    for (path, place) in &trace.places {
        match reverser.step(path, place, now_at.get(path).copied(), former) {
            Ok(step) => drop(reverser.reversal.steps.insert(path.clone(), step)),
            Err(problem) => drop(reverser.reversal.refused.insert(path.clone(), problem)),
        }
    }
    reverser.spread(&now_at);
    while way.target_has(Capability::Directories) && reverser.refuse_incoherent() {
        reverser.spread(&now_at);
    }
    // What only passed through is no place of anybody's.
    reverser.reversal.steps.retain(|path, _| !path.is_reserved());
    reverser.reversal.refused.retain(|path, _| !path.is_reserved());
    reverser.reversal
}

impl Place {
    /// Whether something else stands there after the run than before.
    fn is_changed(&self, path: &RelPath) -> bool {
        match (&self.before, &self.left) {
            (None, None) => false,
            (Some(_), Some(left)) => left.origin.as_ref() != Some(path) || left.touched,
            _ => true,
        }
    }
}

struct Reverser<'a> {
    look: Look<'a>,
    trace: &'a Trace,
    reversal: Reversal,
}

impl Reverser<'_> {
    /// How a place becomes what it was; or why it does not.
    fn step(
        &self,
        path: &RelPath,
        place: &Place,
        now_at: Option<&RelPath>,
        former: &Former<'_>,
    ) -> Result<Step, String> {
        let way = self.look.way;
        if way.target_has(Capability::ReadOnly) || !way.may_change() {
            return Err("the store lets nothing be taken back".to_owned());
        }
        if let Some(change) = self.look.change(path, place.left.as_ref()) {
            return Err(change);
        }
        let returns = place.left.as_ref().and_then(|left| left.origin.clone());
        let goes = returns.is_none() && place.left.as_ref().is_some_and(|left| left.kind() != EntryKind::Dir);
        if goes && !way.can_keep() {
            return Err("the store cannot keep what the run brought".to_owned());
        }
        let before = match &place.before {
            None => None,
            Some(facts) => Some(Before {
                facts: facts.without_token(),
                source: self.source(path, place, facts, now_at)?,
                was_agreed: former.knew(path, place, self.trace),
            }),
        };
        let home = self.home(path);
        Ok(Step { before, found: self.look.found(path).cloned(), returns, home })
    }

    /// Where what stood at a place before is now; or why it is nowhere.
    fn source(
        &self,
        path: &RelPath,
        place: &Place,
        before: &Facts,
        now_at: Option<&RelPath>,
    ) -> Result<Source, String> {
        if before.kind == EntryKind::Dir {
            return Ok(Source::Here);
        }
        if let Some(at) = now_at.filter(|at| *at != path) {
            let found =
                self.look.found(at).ok_or_else(|| format!("it became `{at}`, which is gone since"))?;
            return Ok(Source::At(at.clone(), found.clone()));
        }
        if now_at.is_some() {
            let left = place.left.as_ref().and_then(|left| left.facts.as_ref()?.mtime);
            return match before.mtime {
                Some(mtime) if left != Some(mtime) => Ok(Source::Here),
                _ => Err("its permission bits before are not on record".to_owned()),
            };
        }
        let Some(Some(trash)) = self.trace.gone.get(path) else {
            return Err("what stood there was not kept".to_owned());
        };
        let kept = self.look.kept(trash).ok_or("what stood there is not in the trash any more")?;
        Ok(Source::Kept(trash.clone(), kept.clone()))
    }

    /// The length of the path of the nearest directory above that stands there.
    fn home(&self, path: &RelPath) -> usize {
        let stands = |above: &&[u8]| {
            let above = RelPath::new(*above).ok();
            let found = above.as_ref().and_then(|above| self.look.found(above));
            found.is_some_and(|facts| facts.kind == EntryKind::Dir)
        };
        path.ancestors().find(stands).map_or(0, <[u8]>::len)
    }

    /// Places between which something was moved are taken back together, or not at all.
    fn spread(&mut self, now_at: &FxHashMap<&RelPath, &RelPath>) {
        let mut neighbours: FxHashMap<&RelPath, Vec<&RelPath>> = FxHashMap::default();
        for (&from, &to) in now_at.iter().filter(|(from, to)| from != to) {
            neighbours.entry(from).or_default().push(to);
            neighbours.entry(to).or_default().push(from);
        }
        let mut open: Vec<RelPath> = self.reversal.refused.keys().cloned().collect();
        while let Some(path) = open.pop() {
            for &next in neighbours.get(&path).into_iter().flatten() {
                if self.reversal.steps.remove(next).is_some() {
                    let reason = format!("it was moved together with `{path}`, which stays as it is");
                    self.reversal.refused.insert(next.clone(), reason);
                    open.push(next.clone());
                }
            }
        }
    }

    /// Refuses what has no folder to come back to, and folders that would not be empty; answers whether
    /// there was anything.
    fn refuse_incoherent(&mut self) -> bool {
        let mut problems: Vec<(RelPath, String)> = Vec::new();
        for (path, _) in self.reversal.steps.iter().filter(|(_, step)| step.before.is_some()) {
            if let Some(above) = self.in_the_way(path) {
                problems.push((path.clone(), format!("`{above}` is no folder any more")));
            }
        }
        let full = self.full_folders().into_iter().map(|path| (path, "it is not empty any more".to_owned()));
        problems.extend(full);
        for (path, problem) in &problems {
            self.reversal.steps.remove(path);
            self.reversal.refused.entry(path.clone()).or_insert_with(|| problem.clone());
        }
        !problems.is_empty()
    }

    /// What stands where a folder above a path should be.
    fn in_the_way(&self, path: &RelPath) -> Option<RelPath> {
        for above in path.ancestors().filter_map(|above| RelPath::new(above).ok()) {
            match self.reversal.steps.get(&above) {
                Some(step) if step.is_dir_after() => return None,
                Some(step) if step.before.is_some() => return Some(above),
                Some(_) => continue,
                None => {}
            }
            match self.look.found(&above) {
                Some(facts) if facts.kind == EntryKind::Dir => return None,
                Some(_) => return Some(above),
                None => {}
            }
        }
        None
    }

    /// The folders that should go and that something stands in, now or then.
    fn full_folders(&self) -> FxHashSet<RelPath> {
        let steps = &self.reversal.steps;
        let going: FxHashSet<&[u8]> =
            steps.iter().filter(|(_, step)| step.removes_dir()).map(|(path, _)| path.as_bytes()).collect();
        let mut full = FxHashSet::default();
        if going.is_empty() {
            return full;
        }
        let mut fills = |path: &RelPath| {
            let folders = path.ancestors().filter(|above| going.contains(above));
            full.extend(folders.filter_map(|above| RelPath::new(above).ok()));
        };
        let mut cursor = self.look.way.target.snapshot.cursor();
        while let Some(entry) = cursor.current() {
            if steps.get(&entry.path).is_none_or(|step| step.before.is_some()) {
                fills(&entry.path);
            }
            cursor.advance();
        }
        steps.iter().filter(|(_, step)| step.before.is_some()).for_each(|(path, _)| fills(path));
        full
    }
}
