//! Actions without edges: what is expected, what comes of it, and what could be lost.

use syncplan_model::plan::{
    Action, ActionId, Enforce, Evidence, Expect, Expectation, Op, Phase, Reason, Risk,
};
use syncplan_model::spec::Confirm;
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::identity::{Origin, is_pairable};
use crate::one_way::OneWay;
use crate::survey::Survey;
use crate::work::{Fill, NewDir, Removal, Touch};

/// Makes the actions of one task.
pub(crate) struct Drafter<'a> {
    pub(crate) one_way: OneWay<'a>,
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
}

impl Drafter<'_> {
    /// A file or link comes to stand; `moved` is where what is copied was moved to, and what it is.
    pub(crate) fn fill(&self, fill: &Fill, origin: &Origin, moved: Option<(&RelPath, Facts)>) -> Action {
        let allowed = self.one_way.target.enforcement;
        let replacing = if fill.replaced.is_some() { allowed.replace } else { allowed.create };
        let (op, from, reads, evidence, enforce) = match origin {
            Origin::Transfer => (self.one_way.transfer(), None, seen(&fill.facts), None, replacing),
            Origin::Move { from, facts, evidence } => {
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
        };
        self.action(&fill.path, parts)
    }

    pub(crate) fn mkdir(&self, dir: &NewDir) -> Action {
        let leaves = Some(Facts::new(EntryKind::Dir));
        self.action(&dir.path, Parts { leaves, ..Parts::of(Op::Mkdir, dir.reason.clone()) })
    }

    pub(crate) fn removal(&self, removal: &Removal) -> Action {
        let op = if removal.facts.kind == EntryKind::Dir { Op::Rmdir } else { Op::Delete };
        let finds = match op {
            // A directory's times change with its content, which goes first.
            Op::Rmdir => Expectation::present(Facts::new(EntryKind::Dir)),
            _ => Expectation::present(seen(&removal.facts)),
        };
        let enforce = Some(self.one_way.target.enforcement.delete);
        let bytes = removal.facts.size;
        self.action(&removal.path, Parts { finds, enforce, bytes, ..Parts::of(op, removal.reason.clone()) })
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
        let differs = self.one_way.metadata_differs(&fill.facts, facts);
        differs.then(|| {
            self.set_metadata(&fill.path, seen(&carried(facts, &fill.facts)), &fill.facts, *evidence)
        })
    }

    fn set_metadata(&self, path: &RelPath, found: Facts, source: &Facts, evidence: Evidence) -> Action {
        let leaves = Facts { digest: source.digest.or(found.digest), ..self.landed(source) };
        let parts = Parts {
            finds: Expectation::present(found),
            leaves: Some(leaves),
            enforce: Some(self.one_way.target.enforcement.replace),
            evidence: Some(evidence),
            ..Parts::of(Op::SetMetadata, Reason::METADATA)
        };
        self.action(path, parts)
    }

    /// What stands on the target when something of the source has arrived, as far as it can keep it.
    fn landed(&self, source: &Facts) -> Facts {
        let keeps = |capability| self.one_way.target_has(capability);
        let keeps_times = keeps(Capability::SetMtime) || keeps(Capability::SetMetadata);
        Facts {
            token: None,
            mtime: source.mtime.filter(|_| keeps_times),
            mode: source.mode.filter(|_| keeps(Capability::Modes)),
            fingerprint: source.fingerprint.filter(|_| source.digest.is_none()),
            ..source.clone()
        }
    }

    fn action(&self, path: &RelPath, parts: Parts) -> Action {
        let Parts { op, from, bytes, reason, evidence, enforce, reads, finds, leaves } = parts;
        let (task, side) = (self.one_way.task.name.clone(), self.one_way.side);
        let mut action = Action {
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
            base: None,
            trash: None,
            phase: Phase::Main,
            after: Vec::new(),
        };
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
            && matches!(action.evidence, Some(Evidence::Fingerprint | Evidence::Stated))
            && self.one_way.task.spec.confirm == Confirm::Sampled
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
        }
    }
}

/// Facts as a precondition: permission bits may change without harm, and samples say nothing where
/// a digest does.
fn seen(facts: &Facts) -> Facts {
    let fingerprint = facts.fingerprint.filter(|_| facts.digest.is_none());
    Facts { mode: None, fingerprint, ..facts.clone() }
}

/// What stands where something of the target was moved or copied to: its times come along, a token
/// does not.
pub(crate) fn carried(moved: &Facts, source: &Facts) -> Facts {
    let digest = moved.digest.or(source.digest);
    let fingerprint = moved.fingerprint.or(source.fingerprint).filter(|_| digest.is_none());
    Facts { token: None, digest, fingerprint, ..moved.clone() }
}
