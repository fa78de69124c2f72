//! Actions without edges: what is expected, what comes of it, and what could be lost.

use syncplan_model::plan::{
    Action, ActionId, Agreement, Enforce, Evidence, Expect, Expectation, Op, Phase, Reason, Risk, TRASH_DIR,
};
use syncplan_model::spec::Confirm;
use syncplan_model::{Capability, Digest, EntryKind, Facts, RelPath};

use crate::identity::{Origin, is_pairable};
use crate::survey::Survey;
use crate::way::Way;
use crate::work::{Aside, Fill, Merge, NewDir, Record, Removal, Touch};

/// Makes the actions of one task.
pub(crate) struct Drafter<'a> {
    pub(crate) way: Way<'a>,
    pub(crate) survey: &'a Survey,
}

/// The parts in which actions differ.
struct Parts {
    op: Op,
    from: Option<RelPath>,
    bytes: u64,
    reason: Reason,
    evidence: Option<Evidence>,
    enforce: Option<Enforce>,
    reads: Option<Facts>,
    finds: Expectation,
    leaves: Option<Facts>,
    base: Option<Agreement>,
    trash: Option<RelPath>,
}

impl Drafter<'_> {
    /// A file or link comes to stand; `moved` is where what is copied was moved to, and what it is.
    pub(crate) fn fill(&self, fill: &Fill, origin: &Origin, moved: Option<(&RelPath, Facts)>) -> Action {
        let allowed = self.way.target.enforcement;
        let replacing = if fill.replaced.is_some() { allowed.replace } else { allowed.create };
        let (op, from, reads, evidence, enforce) = match origin {
            Origin::Transfer => (self.way.transfer(), None, seen(&fill.facts), None, replacing),
            Origin::Move { from, facts, evidence, .. } => {
                (Op::Move, Some(from.clone()), seen(facts), Some(*evidence), allowed.rename)
            }
            Origin::Copy { from, facts, evidence } => {
                (Op::Copy, Some(from.clone()), seen(facts), Some(*evidence), allowed.copy)
            }
            Origin::CopyOfMoved { evidence, .. } => {
                let (from, left) = moved
                    .map_or_else(|| (fill.path.clone(), seen(&fill.facts)), |(at, left)| (at.clone(), left));
                (Op::Copy, Some(from), left, Some(*evidence), allowed.copy)
            }
        };
        let finds =
            fill.replaced.as_deref().map_or(Expectation::ABSENT, |facts| Expectation::present(seen(facts)));
        let leaves = match origin {
            Origin::Transfer => self.landed(&fill.facts),
            Origin::Move { facts, .. } | Origin::Copy { facts, .. } => carried(facts, &fill.facts),
            Origin::CopyOfMoved { .. } => carried(&reads, &fill.facts),
        };
        let reason = match op {
            Op::Move => Reason::RENAMED,
            Op::Copy => Reason::COPIED,
            _ => fill.reason.clone(),
        };
        let bytes = fill.facts.size;
        let parts = Parts {
            op,
            from,
            bytes,
            reason,
            evidence,
            enforce: Some(enforce),
            reads: Some(reads),
            finds,
            leaves: Some(leaves),
            base: agreement(fill, origin),
            trash: fill.replaced.as_ref().filter(|_| fill.trash).and_then(|it| self.trash(&fill.path, it)),
        };
        self.action(&fill.path, parts)
    }

    pub(crate) fn mkdir(&self, dir: &NewDir) -> Action {
        let leaves = Facts::new(EntryKind::Dir);
        let base = dir.is_listed.then(|| Agreement::at_path(Expectation::present(leaves.clone())));
        let parts = Parts { leaves: Some(leaves), base, ..Parts::of(Op::Mkdir, dir.reason.clone()) };
        self.action(&dir.path, parts)
    }

    pub(crate) fn removal(&self, removal: &Removal) -> Action {
        let op = if removal.facts.kind == EntryKind::Dir { Op::Rmdir } else { Op::Delete };
        let finds = match op {
            // A directory's times change with its content, which goes first.
            Op::Rmdir => Expectation::present(Facts::new(EntryKind::Dir)),
            _ => Expectation::present(seen(&removal.facts)),
        };
        let enforce = Some(self.way.target.enforcement.delete);
        let bytes = removal.facts.size;
        let base = removal.for_good.then(|| Agreement::at_path(Expectation::ABSENT));
        let trash = if removal.trash { self.trash(&removal.path, &removal.facts) } else { None };
        let parts = Parts { finds, enforce, bytes, base, trash, ..Parts::of(op, removal.reason.clone()) };
        self.action(&removal.path, parts)
    }

    /// The loser of a conflict gets another name.
    pub(crate) fn aside(&self, aside: &Aside) -> Action {
        let parts = Parts {
            from: Some(aside.path.clone()),
            bytes: aside.facts.size,
            enforce: Some(self.way.target.enforcement.rename),
            evidence: Some(Evidence::Digest),
            reads: Some(seen(&aside.facts)),
            leaves: Some(carried(&aside.facts, &aside.facts)),
            ..Parts::of(Op::Move, Reason::CONFLICT_KEPT)
        };
        self.action(&aside.to, parts)
    }

    /// A program makes one file of both; where it goes from there is another action's.
    pub(crate) fn merge(&self, merge: &Merge) -> Action {
        let parts = Parts {
            bytes: merge.local.size.saturating_add(merge.remote.size),
            enforce: Some(self.way.target.enforcement.replace),
            reads: Some(seen(&merge.remote)),
            finds: Expectation::present(seen(&merge.local)),
            trash: self.trash(&merge.path, &merge.local),
            ..Parts::of(Op::Run, Reason::MERGED)
        };
        self.action(&merge.path, parts)
    }

    /// The metadata of a file whose content is right.
    pub(crate) fn touch(&self, touch: &Touch) -> Action {
        self.set_metadata(&touch.path, seen(&touch.target), &touch.source, touch.evidence)
    }

    /// The metadata of a file that a move or a copy brought along with its content.
    pub(crate) fn touch_moved(&self, fill: &Fill, origin: &Origin) -> Option<Action> {
        let (Origin::Move { facts, evidence, .. } | Origin::Copy { facts, evidence, .. }) = origin else {
            return None;
        };
        let differs = self.way.metadata_differs(&fill.facts, facts);
        differs.then(|| {
            self.set_metadata(&fill.path, seen(&carried(facts, &fill.facts)), &fill.facts, *evidence)
        })
    }

    fn set_metadata(&self, path: &RelPath, found: Facts, source: &Facts, evidence: Evidence) -> Action {
        let leaves = Facts { digest: source.digest.or(found.digest), ..self.landed(source) };
        let parts = Parts {
            finds: Expectation::present(found),
            leaves: Some(leaves),
            enforce: Some(self.way.target.enforcement.replace),
            evidence: Some(evidence),
            base: Some(Agreement::at_path(Expectation::present(source.clone()))),
            ..Parts::of(Op::SetMetadata, Reason::METADATA)
        };
        self.action(path, parts)
    }

    /// What stands on the target when something of the source has arrived, as far as it can keep it.
    fn landed(&self, source: &Facts) -> Facts {
        let keeps = |capability| self.way.target_has(capability);
        let keeps_times = keeps(Capability::SetMtime) || keeps(Capability::SetMetadata);
        Facts {
            mtime: source.mtime.filter(|_| keeps_times),
            mode: source.mode.filter(|_| keeps(Capability::Modes)),
            fingerprint: source.fingerprint.filter(|_| source.digest.is_none()),
            vouched: None,
            ..source.without_token()
        }
    }

    /// Where what stands at a path is kept: a name that follows from what it is, so that an interrupted
    /// run finds it again.
    fn trash(&self, path: &RelPath, facts: &Facts) -> Option<RelPath> {
        let (task, side) = (&self.way.task.name, self.way.side);
        let key = Digest::of(format!("{task} {side} {path:?} {facts:?}").as_bytes()).to_string();
        let key = &key[key.len() - 16..];
        let below = [TRASH_DIR.as_bytes(), b"/", key.as_bytes(), b"/", path.as_bytes()].concat();
        RelPath::new(below).or_else(|_| RelPath::new(format!("{TRASH_DIR}/{key}"))).ok()
    }

    fn action(&self, path: &RelPath, parts: Parts) -> Action {
        let mut action = without_risk(&self.way, path, parts);
        action.risk = self.risks(&action);
        action
    }

    /// In the order of [`Risk::ALL`].
    fn risks(&self, action: &Action) -> Vec<Risk> {
        let replaced = action.expect.path.facts().filter(|_| action.op != Op::SetMetadata);
        let overwrites = replaced.is_some() && !action.op.removes();
        let deletes = action.op == Op::Delete;
        let loses = replaced.is_some_and(|facts| is_pairable(facts) && !self.survey.survives(facts));
        let weak = action.enforce == Some(Enforce::Weak) && (overwrites || deletes || action.op == Op::Move);
        let risks = [
            (overwrites, Risk::Overwrite),
            (deletes, Risk::Delete),
            (loses, Risk::LastCopy),
            (self.rests_on_samples(action), Risk::SampledMatch),
            (weak, Risk::WeakPrecondition),
        ];
        risks.into_iter().filter(|&(holds, _)| holds).map(|(_, risk)| risk).collect()
    }

    fn rests_on_samples(&self, action: &Action) -> bool {
        action.op.has_from()
            && action.evidence.is_some_and(Evidence::only_nominates)
            && self.way.task.spec.confirm == Confirm::Sampled
    }
}

impl Parts {
    fn of(op: Op, reason: Reason) -> Self {
        let finds = Expectation::ABSENT;
        Self {
            op,
            from: None,
            bytes: 0,
            reason,
            evidence: None,
            enforce: None,
            reads: None,
            finds,
            leaves: None,
            base: None,
            trash: None,
        }
    }
}

/// What only the base learns; `way` leads to the local side.
pub(crate) fn record(way: &Way<'_>, record: &Record) -> Action {
    let expectation =
        |facts: &Option<Box<Facts>>| facts.clone().map_or(Expectation::ABSENT, Expectation::Present);
    let parts = Parts {
        evidence: record.evidence,
        finds: record.found.clone(),
        leaves: record.local.as_deref().cloned(),
        base: Some(Agreement::at_path(expectation(&record.remote))),
        ..Parts::of(Op::Record, record.reason.clone())
    };
    without_risk(way, &record.path, parts)
}

fn without_risk(way: &Way<'_>, path: &RelPath, parts: Parts) -> Action {
    let Parts { op, from, bytes, reason, evidence, enforce, reads, finds, leaves, base, trash } = parts;
    let (task, side) = (way.task.name.clone(), way.side);
    Action {
        id: ActionId::of(&task, op, side, from.as_ref(), path),
        task,
        op,
        side,
        from,
        path: path.clone(),
        bytes,
        reason,
        evidence,
        risk: Vec::new(),
        enforce,
        expect: Expect { from: reads.map(Expectation::present), path: finds },
        result: leaves.map(Box::new),
        base,
        trash,
        phase: Phase::Main,
        after: Vec::new(),
    }
}

/// Where both sides agree once a fill has arrived. A transfer says it by what it is.
fn agreement(fill: &Fill, origin: &Origin) -> Option<Agreement> {
    let from = match origin {
        Origin::Transfer => return None,
        Origin::Move { for_good: true, .. } => Some(Expectation::ABSENT),
        _ => None,
    };
    Some(Agreement { from, path: Some(Expectation::Present(fill.facts.clone())) })
}

/// Facts as a precondition: permission bits may change without harm, and samples say nothing where
/// a digest does.
fn seen(facts: &Facts) -> Facts {
    let fingerprint = facts.fingerprint.filter(|_| facts.digest.is_none());
    Facts { mode: None, fingerprint, vouched: None, token: facts.token.clone(), ..facts.without_token() }
}

/// What stands where something of the target was moved or copied to: its times come along, a token
/// does not.
pub(crate) fn carried(moved: &Facts, source: &Facts) -> Facts {
    let digest = moved.digest.or(source.digest);
    let fingerprint = moved.fingerprint.or(source.fingerprint).filter(|_| digest.is_none());
    let vouched = moved.vouched.filter(|_| digest.is_none());
    Facts { digest, fingerprint, vouched, ..moved.without_token() }
}
