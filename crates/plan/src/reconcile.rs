//! What each difference means for the target, by mode and by policy.
//!
//! At every branch a comment says what is known there. Nothing here knows of moves: a renamed file is
//! one that goes and one that comes; see [`identity`](crate::identity).

use syncplan_model::plan::{Conflict, Reason, Side};
use syncplan_model::{Capability, EntryKind, Facts, RelPath, is_below};

use crate::diff::{Difference, Hidden, Veil};
use crate::one_way::OneWay;
use crate::parents::add_missing;
use crate::work::{Fill, NewDir, Removal, Touch, Work};

/// Decides what happens at each difference.
pub(crate) fn reconcile(one_way: &OneWay<'_>, differences: Vec<Difference>) -> Work {
    let mut reconciler = Reconciler { one_way: *one_way, held: None, withheld: None, work: Work::default() };
    // A folder's content comes behind it, but not right behind it: `a`, `a.x`, `a/b`. Sorting by
    // components puts it there, so that one held folder at a time is enough to remember.
    let mut differences = differences;
    differences.sort_by(|a, b| a.path.components().cmp(b.path.components()));
    for difference in differences {
        reconciler.resolve(difference);
    }
    let mut work = reconciler.work;
    work.fills.sort_by(|a, b| a.path.cmp(&b.path));
    work.removals.sort_by(|a, b| a.path.cmp(&b.path));
    if one_way.target_has(Capability::Directories) {
        add_missing(&mut work);
    }
    work
}

struct Reconciler<'a> {
    one_way: OneWay<'a>,
    /// At and below it nothing changes on either side.
    held: Option<RelPath>,
    /// It stays, and so do the folders below it that lead to why.
    withheld: Option<RelPath>,
    work: Work,
}

impl Reconciler<'_> {
    fn resolve(&mut self, difference: Difference) {
        if is_at_or_below(&difference.path, self.held.as_ref()) {
            return;
        }
        match (&difference.source, &difference.target) {
            // The source has it, the target has nothing there: both modes bring it.
            (Some(_), None) => self.bring(difference, Reason::CREATED),
            (None, Some(target)) if target.kind == EntryKind::Dir => self.extra_dir(difference),
            (None, Some(_)) => self.extra_leaf(difference),
            (Some(source), Some(target)) => match (source.kind, target.kind) {
                // The content is the same, only metadata is not: a transfer would be a waste.
                _ if difference.same.is_some() => self.touch(difference),
                // A directory has to go with all that is in it before anything can take its place.
                (_, EntryKind::Dir) => self.replace_dir(difference),
                // A file or link has to go before there can be a directory.
                (EntryKind::Dir, _) => self.replace_by_dir(difference),
                // Both are files or links: one step replaces the one by the other.
                _ => self.replace_leaf(difference),
            },
            (None, None) => {}
        }
    }

    /// A directory that the source does not list.
    fn extra_dir(&mut self, difference: Difference) {
        // The source has something in it, so that it has the directory too; or extras stay here.
        if difference.below.source || !self.one_way.deletes_extra() {
            return;
        }
        match &difference.below.hidden {
            // Something inside may not be touched, and was reported with a directory above.
            Some(_) if is_at_or_below(&difference.path, self.withheld.as_ref()) => {}
            // Something inside may not be touched: what else is in it goes, the directory stays.
            Some(hidden) => {
                let reason = format!("the directory would be removed, but {}", hidden.clause());
                self.withheld = Some(difference.path.clone());
                self.conflict(difference, reason);
            }
            None => self.remove(&difference, Reason::EXTRA),
        }
    }

    /// A file or link that the source lacks.
    fn extra_leaf(&mut self, difference: Difference) {
        let in_the_way = difference.below.wanted && self.one_way.target_has(Capability::Directories);
        match in_the_way {
            // The source has a directory in its place, without listing it.
            true if self.may_replace_kinds() => self.remove(&difference, Reason::TYPE_CHANGED),
            true => self.hold(difference, "the source has a directory in its place".to_owned()),
            false if self.one_way.deletes_extra() => self.remove(&difference, Reason::EXTRA),
            // `update`, or a policy that keeps what the source lacks.
            false => {}
        }
    }

    fn replace_dir(&mut self, difference: Difference) {
        let below = &difference.below;
        if !self.may_replace_kinds() {
            return self
                .hold(difference, "the source has something else in place of the directory".to_owned());
        }
        match &below.hidden {
            // Something inside may not be touched, so that the directory cannot make room.
            Some(hidden) => {
                let reason = format!("the directory would be replaced, but {}", hidden.clause());
                self.hold(difference, reason);
            }
            // Its content is extra, and extras are not deleted: it cannot make room.
            None if below.target && !self.one_way.deletes_extra() => {
                let reason = "the directory would be replaced, but `delete` keeps what is in it".to_owned();
                self.hold(difference, reason);
            }
            // All that is in it is extra too and goes first.
            None => {
                self.remove(&difference, Reason::TYPE_CHANGED);
                self.bring(Difference { target: None, ..difference }, Reason::TYPE_CHANGED);
            }
        }
    }

    fn replace_by_dir(&mut self, difference: Difference) {
        if !self.may_replace_kinds() {
            return self.hold(difference, "the source has a directory in its place".to_owned());
        }
        self.remove(&difference, Reason::TYPE_CHANGED);
        self.bring(Difference { target: None, ..difference }, Reason::TYPE_CHANGED);
    }

    /// Both sides have a file or a link there, and they differ.
    fn replace_leaf(&mut self, difference: Difference) {
        let (Some(source), Some(target)) = (&difference.source, &difference.target) else { return };
        let kinds_differ = source.kind != target.kind;
        if !self.one_way.may_change() {
            return self.hold(difference, "they differ, and the target store is append-only".to_owned());
        }
        match self.one_way.mirrors() {
            true if kinds_differ => self.bring(difference, Reason::TYPE_CHANGED),
            true => self.bring(difference, Reason::MODIFIED),
            false if kinds_differ => {
                self.hold(difference, "one is a file, the other a symbolic link".to_owned())
            }
            // Later *and* visibly changed: the source was edited, as far as one can tell without a base.
            false if self.one_way.is_newer(source, target) => self.bring(difference, Reason::NEWER),
            // Either may hold the only copy of somebody's work.
            false => self
                .hold(difference, "they differ, and nothing shows that only the source changed".to_owned()),
        }
    }

    fn touch(&mut self, difference: Difference) {
        if let (Some(source), Some(target), Some(evidence)) =
            (difference.source, difference.target, difference.same)
        {
            self.work.touches.push(Touch { path: difference.path, source, target, evidence });
        }
    }

    /// `update` never turns one kind of thing into another.
    fn may_replace_kinds(&self) -> bool {
        self.one_way.mirrors() && self.one_way.may_change()
    }

    fn bring(&mut self, difference: Difference, reason: Reason) {
        let Difference { path, source: Some(facts), target: replaced, home, .. } = difference else { return };
        match facts.kind {
            EntryKind::Dir => self.work.dirs.push(NewDir { path, reason, home }),
            _ => self.work.fills.push(Fill { path, facts, replaced, reason, home }),
        }
    }

    fn remove(&mut self, difference: &Difference, reason: Reason) {
        if let Some(facts) = difference.target.clone() {
            self.work.removals.push(Removal { path: difference.path.clone(), facts, reason });
        }
    }

    /// Nothing changes at the path nor below it.
    fn hold(&mut self, difference: Difference, reason: String) {
        self.held = Some(difference.path.clone());
        self.conflict(difference, reason);
    }

    fn conflict(&mut self, difference: Difference, reason: String) {
        let Difference { path, source, target, .. } = difference;
        let shown = |facts: Option<Box<Facts>>| facts.map(|facts| Box::new(without_token(*facts)));
        let (local, remote) = match self.one_way.side {
            Side::Remote => (shown(source), shown(target)),
            Side::Local => (shown(target), shown(source)),
        };
        let (task, policy) = (self.one_way.task.name.clone(), "hold".to_owned());
        self.work.conflicts.push(Conflict { task, path, local, remote, base: None, policy, reason });
    }
}

/// A token says nothing to people.
fn without_token(facts: Facts) -> Facts {
    Facts { token: None, ..facts }
}

fn is_at_or_below(path: &RelPath, folder: Option<&RelPath>) -> bool {
    folder.is_some_and(|folder| path == folder || is_below(path.as_bytes(), folder.as_bytes()))
}

impl Hidden {
    /// What may not be touched, and why, as a clause behind "but".
    fn clause(&self) -> String {
        let Some(path) = &self.path else {
            return "it holds something that could not be read".to_owned();
        };
        match self.veil {
            Veil::Ignored => format!("`{path}` is ignored content"),
            Veil::Unreadable => format!("`{path}` could not be read"),
            Veil::Special => format!("`{path}` is neither file, directory nor symbolic link"),
            Veil::Unsupported => format!("the source has something at `{path}` that cannot be brought over"),
            Veil::Reserved => format!("`{path}` is syncplan's own"),
        }
    }
}
