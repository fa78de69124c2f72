//! The second walk: what stays on the target and could be copied, and what survives of what goes.

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::plan::Evidence;
use syncplan_model::{Digest, Facts, Fingerprint, RelPath};

use crate::identity::is_pairable;
use crate::way::Way;
use crate::work::Work;

/// What to look for.
#[derive(Default)]
pub(crate) struct Wanted {
    /// Content that could be copied.
    pub(crate) digests: FxHashSet<Digest>,
    pub(crate) fingerprints: FxHashSet<(Fingerprint, u64)>,
    /// Content of which a copy on the target goes.
    pub(crate) lost: FxHashSet<Digest>,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Survey {
    digests: FxHashMap<Digest, Found>,
    fingerprints: FxHashMap<(Fingerprint, u64), Found>,
    survivors: FxHashSet<Digest>,
}

/// A file that stays on the target: the first of its content.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) path: RelPath,
    pub(crate) facts: Box<Facts>,
}

impl Survey {
    /// Walks both sides once more, if there is anything to look for.
    pub(crate) fn of<'w>(
        way: &Way<'_>,
        wanted: &Wanted,
        work: &'w Work,
        moved: impl Iterator<Item = &'w RelPath>,
        source_going: &FxHashSet<RelPath>,
    ) -> Self {
        let mut survey = Self::default();
        if wanted.digests.is_empty() && wanted.fingerprints.is_empty() && wanted.lost.is_empty() {
            return survey;
        }
        let going: FxHashSet<&RelPath> = work.going().chain(moved).collect();
        way.walk_uncovered(|path, source, target| {
            let source = source.filter(|facts| is_pairable(facts) && !source_going.contains(path));
            let target = target.filter(|facts| is_pairable(facts) && is_interesting(facts, wanted));
            let staying = target.filter(|_| !going.contains(path));
            let digests = [source, staying].into_iter().flatten().filter_map(|facts| facts.digest);
            survey.survivors.extend(digests.filter(|digest| wanted.lost.contains(digest)));
            if let Some(facts) = staying.filter(|_| !path.is_reserved()) {
                survey.note(path, facts, wanted);
            }
        });
        survey
    }

    fn note(&mut self, path: &RelPath, facts: &Facts, wanted: &Wanted) {
        let found = || Found { path: path.clone(), facts: Box::new(facts.clone()) };
        if let Some(digest) = facts.likely_digest().filter(|digest| wanted.digests.contains(digest)) {
            let first = self.digests.entry(digest).or_insert_with(found);
            // A digest is better than a checksum.
            if first.facts.digest.is_none() && facts.digest.is_some() {
                *first = found();
            }
        }
        if let Some(key) = sampled(facts).filter(|key| wanted.fingerprints.contains(key)) {
            self.fingerprints.entry(key).or_insert_with(found);
        }
    }

    /// A file on the target, staying there, with that content.
    pub(crate) fn find(&self, facts: &Facts) -> Option<(&Found, Evidence)> {
        let whole = facts.likely_digest().and_then(|digest| self.digests.get(&digest));
        let both_hashed = |found: &Found| facts.digest.is_some() && found.facts.digest.is_some();
        let evidence = |found: &Found| if both_hashed(found) { Evidence::Digest } else { Evidence::Etag };
        let sampled =
            || sampled(facts).and_then(|key| self.fingerprints.get(&key)).filter(|it| !both_hashed(it));
        let whole = whole.map(|found| (found, evidence(found)));
        whole.or_else(|| sampled().map(|found| (found, Evidence::Fingerprint)))
    }

    /// Whether content that goes is known to stand somewhere else: at a path of either side that stays
    /// as it is.
    pub(crate) fn survives(&self, facts: &Facts) -> bool {
        facts.digest.is_some_and(|digest| self.survivors.contains(&digest))
    }
}

fn is_interesting(facts: &Facts, wanted: &Wanted) -> bool {
    let whole =
        facts.likely_digest().is_some_and(|it| wanted.digests.contains(&it) || wanted.lost.contains(&it));
    whole || sampled(facts).is_some_and(|key| wanted.fingerprints.contains(&key))
}

fn sampled(facts: &Facts) -> Option<(Fingerprint, u64)> {
    facts.fingerprint.map(|hash| (hash, facts.size))
}
