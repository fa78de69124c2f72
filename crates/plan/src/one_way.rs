//! `update` and `mirror`: what each difference means for the target.
//!
//! At every branch a comment says what is known there. Nothing here knows of moves: a renamed file is
//! one that goes and one that comes; see [`identity`](crate::identity).

use syncplan_model::Capability;
use syncplan_model::plan::Reason;
use syncplan_model::spec::{DeletePolicy, Mode};

use crate::change::Change;
use crate::decision::Decision;
use crate::difference::{Difference, Half};
use crate::way::Way;

/// One difference, as source and target.
struct Case<'a> {
    way: &'a Way<'a>,
    source: &'a Half,
    target: &'a Half,
}

/// What a difference means in one direction.
pub(crate) fn decide(way: &Way<'_>, difference: &Difference) -> Decision {
    let (source, target) = (difference.on(way.side.other()), difference.on(way.side));
    let case = Case { way, source, target };
    match (&source.facts, &target.facts) {
        // Both lost it.
        (None, None) => Decision::Record,
        // The target lost what was synced, or never had it: both modes bring it.
        (Some(_), None) if target.change == Change::Deleted => Decision::Bring(way.side, Reason::RESTORED),
        (Some(_), None) => Decision::Bring(way.side, Reason::CREATED),
        (None, Some(_)) if target.is_dir() => case.extra_dir(),
        (None, Some(_)) => case.extra_leaf(),
        // The content is the same, only metadata is not: a transfer would be a waste.
        (Some(_), Some(_)) if difference.metadata => Decision::Touch(way.side),
        (Some(_), Some(_)) if difference.same.is_some() => Decision::Record,
        // A directory has to go with all that is in it before anything can take its place.
        (Some(_), Some(_)) if target.is_dir() => case.replace_dir(),
        // A file or link has to go before there can be a directory.
        (Some(_), Some(_)) if source.is_dir() => case.replace_by_dir(),
        // Both are files or links: one step replaces the one by the other.
        (Some(_), Some(_)) => case.replace_leaf(),
    }
}

impl Case<'_> {
    fn mirrors(&self) -> bool {
        self.way.task.spec.mode == Mode::Mirror
    }

    fn deletes(&self) -> DeletePolicy {
        self.way.task.spec.delete.policy
    }

    /// A directory that the source does not list.
    fn extra_dir(&self) -> Decision {
        match self.deletes() {
            // The source has something in it, so that it has the directory too.
            _ if self.source.below.present => Decision::Leave,
            DeletePolicy::Extra => Decision::Remove(self.way.side, Reason::EXTRA),
            DeletePolicy::Synced if self.target.is_unchanged_throughout() => {
                Decision::Remove(self.way.side, Reason::DELETED_AT_SOURCE)
            }
            // A file was synced, the source deleted it, and the target has made a directory of it.
            _ if self.target.change == Change::TypeChanged => Decision::Drop,
            DeletePolicy::Synced | DeletePolicy::Never => Decision::Leave,
        }
    }

    /// A file or link that the source lacks.
    fn extra_leaf(&self) -> Decision {
        let in_the_way = self.source.below.differs && self.way.target_has(Capability::Directories);
        match self.deletes() {
            // The source has a directory in its place, without listing it.
            _ if in_the_way && self.may_replace() => Decision::Remove(self.way.side, Reason::TYPE_CHANGED),
            _ if in_the_way => Decision::Conflict("the source has a directory in its place".to_owned()),
            DeletePolicy::Extra => Decision::Remove(self.way.side, Reason::EXTRA),
            DeletePolicy::Synced if self.target.change == Change::Unchanged => {
                Decision::Remove(self.way.side, Reason::DELETED_AT_SOURCE)
            }
            // It was synced, the source deleted it, and the target has made it its own.
            _ if matches!(self.target.change, Change::Modified | Change::TypeChanged) => Decision::Drop,
            DeletePolicy::Synced | DeletePolicy::Never => Decision::Leave,
        }
    }

    /// What the target has may be replaced without asking: it is what was synced, or it does not count.
    fn may_replace(&self) -> bool {
        self.mirrors() || self.target.is_unchanged_throughout()
    }

    fn replace_dir(&self) -> Decision {
        if !self.may_replace() {
            return Decision::Conflict("the source has something else in place of the directory".to_owned());
        }
        let empties = match self.deletes() {
            DeletePolicy::Extra => true,
            DeletePolicy::Synced => self.target.is_unchanged_throughout(),
            DeletePolicy::Never => false,
        };
        match self.target.below.present && self.target.below.hidden.is_none() && !empties {
            true => {
                Decision::Hold("the directory would be replaced, but `delete` keeps what is in it".to_owned())
            }
            false => Decision::Replace(self.way.side, Reason::TYPE_CHANGED),
        }
    }

    fn replace_by_dir(&self) -> Decision {
        match self.may_replace() {
            true => Decision::Replace(self.way.side, Reason::TYPE_CHANGED),
            false => Decision::Conflict("the source has a directory in its place".to_owned()),
        }
    }

    /// Both sides have a file or a link there, and they differ.
    fn replace_leaf(&self) -> Decision {
        let (Some(source), Some(target)) = (&self.source.facts, &self.target.facts) else {
            return Decision::Leave;
        };
        let kinds_differ = source.kind != target.kind;
        let reason = if kinds_differ { Reason::TYPE_CHANGED } else { Reason::MODIFIED };
        match self.target.change {
            _ if self.mirrors() => Decision::Bring(self.way.side, reason),
            // Nobody touched the target since the last sync.
            Change::Unchanged => Decision::Bring(self.way.side, reason),
            // Some run has brought the sides together, so that the target's is somebody's work.
            _ if self.way.task.usable_base().is_some() => {
                Decision::Conflict("the target was edited since it was last synced".to_owned())
            }
            _ if kinds_differ => Decision::Conflict("one is a file, the other a symbolic link".to_owned()),
            // Later *and* visibly changed: the source was edited, as far as one can tell without a base.
            _ if self.way.is_newer(source, target) => Decision::Bring(self.way.side, Reason::NEWER),
            // Either may hold the only copy of somebody's work.
            _ => Decision::Conflict("they differ, and nothing shows that only the source changed".to_owned()),
        }
    }
}
