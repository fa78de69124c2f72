//! `two-way`: what each difference means for both sides.
//!
//! The table of the design, cell by cell. It is symmetric: nothing here asks which side is the local
//! one. At every branch a comment says what is known there.

use syncplan_model::plan::{Reason, Side};
use syncplan_model::spec::DeletePolicy;
use syncplan_model::{Capability, Facts};

use crate::change::Change;
use crate::decision::Decision;
use crate::difference::{Difference, Half};
use crate::sides::Sides;
use crate::way::Way;

/// What a difference means for both sides.
pub(crate) fn decide(ways: &Sides<Way<'_>>, difference: &Difference) -> Decision {
    let (local, remote) = (difference.on(Side::Local), difference.on(Side::Remote));
    match (&local.facts, &remote.facts) {
        // Both lost it.
        (None, None) => Decision::Record,
        (Some(local), Some(remote)) if difference.metadata => touch(ways, difference, local, remote),
        (Some(_), Some(_)) if difference.same.is_some() => Decision::Record,
        (Some(_), None) => only_on(&ways[Side::Remote], local, remote),
        (None, Some(_)) => only_on(&ways[Side::Local], remote, local),
        (Some(_), Some(_)) if local.is_dir() => leaf_and_dir(Side::Remote, remote, local),
        (Some(_), Some(_)) if remote.is_dir() => leaf_and_dir(Side::Local, local, remote),
        (Some(_), Some(_)) => two_leaves(local, remote),
    }
}

/// One side has something, the other nothing: it came here, or went there.
///
/// The way leads from what is there to where nothing is.
fn only_on(way: &Way<'_>, present: &Half, absent: &Half) -> Decision {
    let (there, here) = (way.side, way.side.other());
    let has_dirs = way.source.capabilities.has(Capability::Directories);
    match present.change {
        // The other side has a folder in its place that it does not list, as buckets do.
        _ if !present.is_dir() && absent.below.differs && has_dirs => leaf_and_dir(here, present, absent),
        // It was never synced, or became another kind of thing after it was deleted there.
        Change::Created => Decision::Bring(there, Reason::CREATED),
        Change::TypeChanged => Decision::Bring(there, Reason::EDIT_SURVIVES),
        // Deleted there and edited here: the edit wins.
        Change::Modified => Decision::Bring(there, Reason::EDIT_SURVIVES),
        // Deleted there, and nothing new was put into it here. What is new keeps its folders.
        Change::Unchanged if present.is_dir() && present.below.is_new => Decision::Leave,
        // The other side has it after all, without listing it.
        Change::Unchanged if present.is_dir() && absent.below.present => Decision::Leave,
        Change::Unchanged if way.task.spec.delete.policy == DeletePolicy::Never => Decision::Leave,
        Change::Unchanged => Decision::Remove(here, Reason::DELETED),
        Change::Absent | Change::Deleted => Decision::Leave,
    }
}

/// Both have a file or a link, and they differ.
fn two_leaves(local: &Half, remote: &Half) -> Decision {
    let reason = |half: &Half| match half.change {
        Change::TypeChanged => Reason::TYPE_CHANGED,
        _ => Reason::MODIFIED,
    };
    match (local.change, remote.change) {
        // The base took them for the same, and a closer look tells them apart.
        (Change::Unchanged, Change::Unchanged) => {
            Decision::Conflict("they differ, although neither changed since the last sync".to_owned())
        }
        (_, Change::Unchanged) => Decision::Bring(Side::Remote, reason(local)),
        (Change::Unchanged, _) => Decision::Bring(Side::Local, reason(remote)),
        (Change::Created, _) => Decision::Conflict("both sides have created it, each differently".to_owned()),
        _ => Decision::Conflict("both sides have changed it, each differently".to_owned()),
    }
}

/// One side has a file or a link where the other has a directory.
fn leaf_and_dir(leaf_side: Side, leaf: &Half, dir: &Half) -> Decision {
    let dir_side = leaf_side.other();
    let dir_was_there = matches!(dir.change, Change::Unchanged | Change::Absent);
    match leaf.change {
        // A bucket may have both under one name, a folder cannot.
        _ if leaf.below.present => {
            Decision::Hold(format!("the {leaf_side} side has a file and a folder under this name"))
        }
        // The file is as it was synced, and the other side made a directory of it.
        Change::Unchanged => Decision::Replace(leaf_side, Reason::TYPE_CHANGED),
        // The directory is as it was synced, and the other side made a file of it.
        Change::TypeChanged | Change::Created if dir_was_there && !dir.below.is_new => {
            Decision::Replace(dir_side, Reason::TYPE_CHANGED)
        }
        Change::Created if dir.change == Change::Created => {
            Decision::Conflict("one side has created a file, the other a directory".to_owned())
        }
        Change::TypeChanged | Change::Created => Decision::Conflict(
            "one side has put a file in its place, the other has changed what is in it".to_owned(),
        ),
        _ => Decision::Conflict(
            "one side has edited the file, the other has put a directory in its place".to_owned(),
        ),
    }
}

/// Content is the same, times or permission bits are not: they follow the side that changed them, and
/// the later one where both did, or nobody knows.
fn touch(ways: &Sides<Way<'_>>, difference: &Difference, local: &Facts, remote: &Facts) -> Decision {
    let rank = |facts: &Facts| (facts.mtime, facts.mode);
    let follows = match (difference.on(Side::Local).touched, difference.on(Side::Remote).touched) {
        (true, false) => Side::Remote,
        (false, true) => Side::Local,
        _ if rank(local) > rank(remote) => Side::Remote,
        _ => Side::Local,
    };
    let can_follow = match follows {
        Side::Remote => ways.remote.metadata_differs(local, remote),
        Side::Local => ways.local.metadata_differs(remote, local),
    };
    // A store that cannot follow does not turn the other one back.
    if can_follow { Decision::Touch(follows) } else { Decision::Record }
}
