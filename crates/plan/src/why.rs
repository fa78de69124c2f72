//! Why a plan does with one path what it does, or why it does nothing.

use syncplan_model::plan::{Conflict, Evidence, Reason, Side};
use syncplan_model::spec::Mode;
use syncplan_model::{Facts, RelPath, Snapshot, is_below};

use crate::blind::Blind;
use crate::change::Change;
use crate::decision::Decision;
use crate::diff::diff;
use crate::difference::{Difference, Veil};
use crate::equality::Verdict;
use crate::input::TaskInput;
use crate::reconcile::reconcile;
use crate::way::Way;
use crate::{one_way, two_way};

/// What the planner knows of one path, and what it makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// What stands there on the local side.
    pub local: Option<Facts>,
    /// What stands there on the remote side.
    pub remote: Option<Facts>,
    /// What the base has there, as it stood on the local and on the remote side.
    pub base: Option<(Facts, Facts)>,
    /// What happened on the local side since the base.
    pub local_change: Change,
    /// What happened on the remote side since the base.
    pub remote_change: Change,
    /// What keeps it out of the plan.
    pub left_out: Option<LeftOut>,
    /// Why both sides are taken to have the same.
    pub evidence: Option<Evidence>,
    /// What is done about it, or why nothing is: one sentence.
    pub decision: String,
}

/// What keeps a path out of a plan: itself, or a folder above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The path that is left out, with all below it.
    pub path: RelPath,
    /// The side on which that was seen.
    pub side: Option<Side>,
    /// Why, as a clause.
    pub why: &'static str,
}

/// Explains one path of a task.
pub fn why(task: &TaskInput<'_>, path: &RelPath) -> Why {
    let (local, remote) = (task.local.snapshot.get(path), task.remote.snapshot.get(path));
    let base = task.usable_base().and_then(|base| base.local.get(path).zip(base.remote.get(path)));
    let change = |now: &Option<Facts>, base: Option<&Facts>, side: Side| {
        let precision = Way::of(task).store(side).capabilities.mtime_precision;
        Change::of(now.as_ref(), base, precision, task.spec.confirm)
    };
    let left_out = left_out(task, path);
    let evidence = local.as_ref().zip(remote.as_ref()).and_then(|(local, remote)| {
        match Way::of(task).compare(local, remote) {
            Verdict::Same(evidence) => Some(evidence),
            Verdict::Different => None,
        }
    });
    let decision = match &left_out {
        Some(left_out) => format!("nothing is done, since {}", left_out.why),
        None => decision(task, path, local.is_some() || remote.is_some(), evidence.is_some()),
    };
    Why {
        local_change: change(&local, base.as_ref().map(|base| &base.0), Side::Local),
        remote_change: change(&remote, base.as_ref().map(|base| &base.1), Side::Remote),
        left_out,
        evidence,
        decision,
        local,
        remote,
        base,
    }
}

fn left_out(task: &TaskInput<'_>, path: &RelPath) -> Option<LeftOut> {
    let above = path.ancestors().filter_map(|above| RelPath::new(above).ok());
    let mut places: Vec<RelPath> = above.chain([path.clone()]).collect();
    places.sort_by_key(|place| place.as_bytes().len());
    let veil = |snapshot: &Snapshot, place: &RelPath| snapshot.get(place).as_ref().and_then(Veil::of);
    for place in places {
        for (side, snapshot) in [(Side::Local, task.local.snapshot), (Side::Remote, task.remote.snapshot)] {
            if let Some(veil) = veil(snapshot, &place) {
                return Some(LeftOut { path: place, side: Some(side), why: clause(veil) });
            }
        }
    }
    let blind = Blind::of(task);
    let veil = match (blind.everywhere || blind.covers(path), path.is_reserved()) {
        (true, _) => Veil::Unreadable,
        (_, true) => Veil::Reserved,
        _ => return None,
    };
    Some(LeftOut { path: path.clone(), side: None, why: clause(veil) })
}

fn clause(veil: Veil) -> &'static str {
    match veil {
        Veil::Ignored => "it is ignored",
        Veil::Unreadable => "it could not be read",
        Veil::Special => "it is neither file, directory nor symbolic link",
        Veil::Unsupported => "the other side cannot hold it",
        Veil::Reserved => "the name is syncplan's own",
    }
}

fn decision(task: &TaskInput<'_>, path: &RelPath, exists: bool, is_same: bool) -> String {
    let differences = diff(task).differences;
    let found = differences.iter().position(|difference| difference.path == *path);
    let made = found.map(|at| decide(task, &differences[at]));
    let conflicts = reconcile(task, differences).conflicts;
    let is_about =
        |conflict: &&Conflict| conflict.path == *path || is_below(path.as_bytes(), conflict.path.as_bytes());
    if let Some(conflict) = conflicts.iter().find(is_about) {
        return of_conflict(conflict, path);
    }
    match made {
        Some(decision) => of_decision(task, &decision),
        None if is_same => "both sides have the same, and nothing is done".to_owned(),
        None if exists => {
            "nothing is done: what stands there does not take part by itself, or the other side \
                           cannot hold it"
                .to_owned()
        }
        None => "there is nothing of that name on either side, and the base knows nothing of it".to_owned(),
    }
}

fn decide(task: &TaskInput<'_>, difference: &Difference) -> Decision {
    match task.spec.mode {
        Mode::TwoWay => two_way::decide(&Way::both(task), difference),
        Mode::Update | Mode::Mirror => one_way::decide(&Way::of(task), difference),
    }
}

fn of_conflict(conflict: &Conflict, path: &RelPath) -> String {
    let place = if conflict.path == *path { String::new() } else { format!(" at `{}`", conflict.path) };
    match conflict.is_held() {
        true => format!("nothing is done, since there is a conflict{place}: {}", conflict.reason),
        false => format!(
            "there is a conflict{place}, which the policy `{}` decides: {}",
            conflict.policy, conflict.reason
        ),
    }
}

fn of_decision(task: &TaskInput<'_>, decision: &Decision) -> String {
    let changed = match decision {
        Decision::Touch(side)
        | Decision::Bring(side, _)
        | Decision::Remove(side, _)
        | Decision::Replace(side, _) => Some(*side),
        _ => None,
    };
    if let (Some(side), Some(only)) = (changed, task.only_side)
        && side != only
    {
        return format!("nothing is done, since only the {only} side is changed");
    }
    match decision {
        Decision::Leave => leave(task),
        Decision::Record => "both sides agree, and the base learns it".to_owned(),
        Decision::Drop => {
            "it was deleted at the source and edited at the target: it stays, and the base lets go of \
                           it"
            .to_owned()
        }
        Decision::Touch(side) => {
            format!(
                "the content is the same; times and permission bits of the {side} side follow the other's"
            )
        }
        Decision::Bring(side, reason) => format!("it is brought to the {side} side: {}", because(reason)),
        Decision::Remove(side, reason) => format!("it is removed from the {side} side: {}", because(reason)),
        Decision::Replace(side, _) => {
            format!("it makes room on the {side} side for what the other has in its place")
        }
        Decision::Conflict(reason) | Decision::Hold(reason) => reason.clone(),
    }
}

fn leave(task: &TaskInput<'_>) -> String {
    let policy = task.spec.delete.policy;
    format!(
        "it stays as it is: only one side has it, and `delete {policy}` with the mode `{}` does not remove it",
        task.spec.mode
    )
}

fn because(reason: &Reason) -> &'static str {
    match reason.as_str() {
        "created" => "the other side has it, this one does not",
        "restored" => "it was deleted there since the last sync, and the source has it",
        "edit-survives" => "one side deleted it, and the other has edited it since: the edit stays",
        "newer" => "the source is newer, and its content differs",
        "modified" => "the content differs, and only the other side has changed it",
        "type-changed" => "the other side has another kind of thing there",
        "deleted" => "it was deleted on the other side since the last sync",
        "deleted-at-source" => "it was synced before, and the source has deleted it",
        "extra" => "the source lacks it",
        _ => "the plan says so",
    }
}
