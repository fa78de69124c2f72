//! Whether what stands at one path on both sides is the same.

use syncplan_model::plan::Evidence;
use syncplan_model::spec::{Compare, Confirm};
use syncplan_model::{Capability, EntryKind, Facts};

use crate::base::Based;
use crate::way::Way;

/// What two places have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same(Evidence),
    Different,
}

impl Way<'_> {
    /// Judges the same path on both sides by all that is known of it.
    pub(crate) fn compare(&self, source: &Facts, target: &Facts) -> Verdict {
        match (source.kind, target.kind) {
            (EntryKind::File, EntryKind::File) => self.compare_files(source, target),
            // There is nothing to a directory but that it exists.
            (EntryKind::Dir, EntryKind::Dir) => Verdict::Same(Evidence::Digest),
            (EntryKind::Symlink, EntryKind::Symlink) if source.target == target.target => {
                Verdict::Same(Evidence::Digest)
            }
            _ => Verdict::Different,
        }
    }

    /// Whether what the base says of two files is enough to take them for the same: a quick comparison
    /// of files that nobody touched since they agreed.
    pub(crate) fn trusts(&self, base: Option<Based<'_>>, local: &Facts, remote: &Facts) -> bool {
        self.task.spec.compare == Compare::Quick
            && base.is_some_and(|base| base.is_current(local, remote))
            && content(local, remote) != Some(Verdict::Different)
    }

    fn compare_files(&self, source: &Facts, target: &Facts) -> Verdict {
        match content(source, target) {
            // What nobody could hash whole is brought over.
            Some(Verdict::Same(evidence)) if !self.trusts_evidence(evidence, source, target) => {
                Verdict::Different
            }
            Some(verdict) => verdict,
            None if self.task.spec.compare == Compare::Full => Verdict::Different,
            // No hash on one side or the other: the times are all there is.
            None if self.mtimes_agree(source, target) => Verdict::Same(Evidence::SizeMtime),
            None => Verdict::Different,
        }
    }

    /// Whether what nominates two files is enough to take them for the same. A checksum is of all of the
    /// content, and no edit escapes it.
    pub(crate) fn trusts_evidence(&self, evidence: Evidence, source: &Facts, target: &Facts) -> bool {
        match evidence {
            Evidence::Etag => self.task.spec.compare != Compare::Full,
            Evidence::Fingerprint => self.trusts_samples(source, target),
            Evidence::Digest | Evidence::SizeMtime | Evidence::Stated => true,
        }
    }

    /// Whether equal samples of two files are enough to take them for the same. An edit may be between the
    /// samples: what was touched is not the same by them, unless the manifest says so.
    pub(crate) fn trusts_samples(&self, source: &Facts, target: &Facts) -> bool {
        let spec = self.task.spec;
        spec.compare != Compare::Full
            && (spec.confirm == Confirm::Sampled || self.mtimes_agree(source, target))
    }

    /// Whether both times are known and the same, as far as both stores can tell.
    pub(crate) fn mtimes_agree(&self, source: &Facts, target: &Facts) -> bool {
        match (source.mtime, target.mtime) {
            (Some(ours), Some(theirs)) => ours.agrees_with(theirs, self.mtime_precision()),
            _ => false,
        }
    }

    /// Whether equal content should get another time or other permission bits on the target.
    pub(crate) fn metadata_differs(&self, source: &Facts, target: &Facts) -> bool {
        if source.kind != EntryKind::File || !self.target_has(Capability::SetMetadata) || !self.may_change() {
            return false;
        }
        let times_known = source.mtime.is_some() && target.mtime.is_some();
        let modes_known = source.mode.is_some() && target.mode.is_some() && self.both_have(Capability::Modes);
        (times_known && !self.mtimes_agree(source, target)) || (modes_known && source.mode != target.mode)
    }

    /// Whether the source is newer *and* something besides its time shows that the content changed.
    pub(crate) fn is_newer(&self, source: &Facts, target: &Facts) -> bool {
        let later = match (source.mtime, target.mtime) {
            (Some(ours), Some(theirs)) => ours > theirs && !self.mtimes_agree(source, target),
            _ => false,
        };
        let changed = match content(source, target) {
            Some(Verdict::Different) => true,
            Some(Verdict::Same(Evidence::Fingerprint)) => !self.trusts_samples(source, target),
            Some(Verdict::Same(_)) | None => false,
        };
        later && (source.target != target.target || changed)
    }
}

/// What sizes and hashes say; `None` if they say nothing.
pub(crate) fn content(a: &Facts, b: &Facts) -> Option<Verdict> {
    let verdict = |same: bool, evidence| if same { Verdict::Same(evidence) } else { Verdict::Different };
    if a.size != b.size {
        return Some(Verdict::Different);
    }
    if let (Some(a), Some(b)) = (a.digest, b.digest) {
        return Some(verdict(a == b, Evidence::Digest));
    }
    let sampled = match (a.fingerprint, b.fingerprint) {
        (Some(a), Some(b)) if a.scheme() == b.scheme() => Some(verdict(a == b, Evidence::Fingerprint)),
        _ => None,
    };
    match sampled {
        Some(Verdict::Different) => sampled,
        _ => vouched(a, b).map(|same| verdict(same, Evidence::Etag)).or(sampled),
    }
}

/// What checksums vouch for. Two of them that differ may have been made in different ways.
fn vouched(a: &Facts, b: &Facts) -> Option<bool> {
    match a.likely_digest().zip(b.likely_digest()) {
        Some((a, b)) => Some(a == b),
        None => (a.vouched.is_some() && a.vouched == b.vouched).then_some(true),
    }
}
