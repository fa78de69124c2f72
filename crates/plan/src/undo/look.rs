use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::plan::{Evidence, Side};
use syncplan_model::{EntryKind, Facts, RelPath, Snapshot};

use crate::equality::{Verdict, content};
use crate::undo::UndoTask;
use crate::undo::trace::{Content, Trace};
use crate::way::Way;

/// What there is to see of the places of a run on one side.
pub(crate) struct Look<'a> {
    pub(crate) way: &'a Way<'a>,
    task: &'a UndoTask<'a>,
    /// What stands at the places and at the folders above them.
    here: FxHashMap<RelPath, Facts>,
    /// What the base has there.
    base: FxHashMap<RelPath, Facts>,
    kept: FxHashMap<&'a RelPath, &'a Facts>,
}

impl<'a> Look<'a> {
    /// Walks the side and the base once: looking up place by place would cost a search each.
    pub(crate) fn at(way: &'a Way<'a>, task: &'a UndoTask<'a>, trace: &Trace) -> Self {
        let places = || trace.places.keys();
        let above = places().flat_map(|path| path.ancestors());
        let wanted: FxHashSet<&[u8]> = places().map(RelPath::as_bytes).chain(above).collect();
        let base = task.task.base.as_ref().map(|base| match way.side {
            Side::Local => base.local,
            Side::Remote => base.remote,
        });
        let kept = task.kept.iter().filter(|kept| kept.side == way.side);
        Self {
            way,
            task,
            here: pick(way.target.snapshot, &wanted),
            base: base.map(|base| pick(base, &wanted)).unwrap_or_default(),
            kept: kept.map(|kept| (&kept.path, &kept.facts)).collect(),
        }
    }

    /// What stands at a place, or at a folder above one.
    pub(crate) fn found(&self, path: &RelPath) -> Option<&Facts> {
        self.here.get(path)
    }

    /// What the trash has at one of its places.
    pub(crate) fn kept(&self, path: &RelPath) -> Option<&'a Facts> {
        self.kept.get(path).copied()
    }

    /// Why a place is not as the run left it, as a clause; nothing if it is.
    pub(crate) fn change(&self, path: &RelPath, left: Option<&Content>) -> Option<String> {
        if path.is_reserved() {
            return left.map(|_| "it is still out of sight: finish the run first".to_owned());
        }
        if self.is_hidden(path) {
            return Some("it cannot be looked at: it is left out, or cannot be read".to_owned());
        }
        match (left, self.found(path)) {
            (None, None) => None,
            (None, Some(_)) => Some("something else has come there since".to_owned()),
            (Some(_), None) => Some("it is gone since".to_owned()),
            (Some(left), Some(found)) => self.judge(path, left, found),
        }
    }

    fn judge(&self, path: &RelPath, left: &Content, found: &Facts) -> Option<String> {
        let as_left = match &left.facts {
            Some(facts) if facts.kind != found.kind => Some(false),
            Some(facts) if facts.kind == EntryKind::File => self.is_same_file(path, facts, found),
            Some(facts) => Some(facts.target == found.target),
            None => self.is_as_synced(path, found),
        };
        match as_left {
            Some(true) => None,
            Some(false) => Some("it has changed since".to_owned()),
            None => Some("it cannot be told whether it has changed since".to_owned()),
        }
    }

    /// Content decides, then what the base knows of it by its token, then its time.
    fn is_same_file(&self, path: &RelPath, left: &Facts, found: &Facts) -> Option<bool> {
        match content(left, found) {
            Some(Verdict::Same(Evidence::Digest)) => return Some(true),
            Some(Verdict::Different) => return Some(false),
            Some(Verdict::Same(_)) | None => {}
        }
        if let Some(as_synced) = self.is_as_synced(path, found) {
            return Some(as_synced);
        }
        let (ours, theirs) = (left.mtime?, found.mtime?);
        Some(ours.agrees_with(theirs, self.way.target.capabilities.mtime_precision))
    }

    /// Whether it is still what the base learned from the run, as far as a token tells.
    fn is_as_synced(&self, path: &RelPath, found: &Facts) -> Option<bool> {
        if self.task.changed.contains(&(self.way.side, path.clone())) {
            return Some(false);
        }
        let token = &self.base.get(path)?.token;
        (token.is_some() && *token == found.token).then_some(true)
    }

    /// Whether nothing can be said of a path: it, or something above it, is left out or unreadable.
    fn is_hidden(&self, path: &RelPath) -> bool {
        let opaque = |path: &RelPath| self.found(path).is_some_and(|facts| facts.kind.is_opaque());
        let in_gap = self.way.target.snapshot.gaps().any(|gap| gap.covers(path.as_bytes()));
        in_gap
            || opaque(path)
            || path.ancestors().any(|above| RelPath::new(above).is_ok_and(|above| opaque(&above)))
    }
}

fn pick(snapshot: &Snapshot, wanted: &FxHashSet<&[u8]>) -> FxHashMap<RelPath, Facts> {
    let mut picked = FxHashMap::default();
    let mut cursor = snapshot.cursor();
    while let Some(entry) = cursor.current() {
        if wanted.contains(entry.path.as_bytes()) {
            picked.insert(entry.path.clone(), entry.facts.clone());
        }
        cursor.advance();
    }
    picked
}
