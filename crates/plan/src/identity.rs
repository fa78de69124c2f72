//! Moves and copies: content that the target already has need not pass from side to side.
//!
//! What goes from one path of the target and what comes to another is paired by content. Whatever
//! is replaced counts as going: a swap is two moves, each over the other's place.

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::plan::Evidence;
use syncplan_model::{Capability, Digest, EntryKind, Facts, Fingerprint, RelPath};

use crate::equality::{Verdict, content};
use crate::suffix;
use crate::survey::{Found, Survey, Wanted};
use crate::way::Way;
use crate::work::{Fill, Work};

/// Where the content of a fill comes from.
pub(crate) enum Origin {
    /// From the other side.
    Transfer,
    /// From another path of the target, which is empty afterwards.
    Move {
        from: RelPath,
        facts: Box<Facts>,
        evidence: Evidence,
        /// Nothing stands there on the other side either, nor comes to.
        for_good: bool,
    },
    /// From another path of the target, which stays.
    Copy { from: RelPath, facts: Box<Facts>, evidence: Evidence },
    /// From where another fill, by its position, has moved the content to.
    ///
    /// The content could be read where it was as well, but then nothing could be put there before:
    /// two copies and two moves could wait for each other with nothing left to split.
    CopyOfMoved { fill: usize, evidence: Evidence },
}

/// Finds an origin for every fill of one side, and takes what moves out of what is removed or replaced.
///
/// `source_going` are the paths of the other side that this plan changes as well.
pub(crate) fn identify(
    way: &Way<'_>,
    work: &mut Work,
    source_going: &FxHashSet<RelPath>,
) -> (Vec<Origin>, Survey) {
    let moves = find_moves(way, work);
    let mut origins: Vec<Origin> = Vec::with_capacity(work.fills.len());
    let mut moved = FxHashSet::default();
    for found in moves {
        if let Some(found) = &found {
            moved.insert(found.from.clone());
        }
        origins.push(found.map_or(Origin::Transfer, |Pair { from, facts, evidence, for_good }| {
            Origin::Move { from, facts, evidence, for_good }
        }));
    }
    work.removals.retain(|removal| !moved.contains(&removal.path));
    for fill in work.fills.iter_mut().filter(|fill| moved.contains(&fill.path)) {
        (fill.replaced, fill.trash) = (None, false);
    }
    let copied = if way.target_has(Capability::ServerCopy) { candidates(work, &origins) } else { Vec::new() };
    let survey = Survey::of(way, &wanted(work, &copied), work, &moved, source_going);
    find_copies(work, &mut origins, &copied, &survey);
    (origins, survey)
}

/// Whether content can be told apart by what it is: an empty file is like every other.
pub(crate) fn is_pairable(facts: &Facts) -> bool {
    facts.kind == EntryKind::File && facts.size > 0
}

/// What a fill is paired with.
struct Pair {
    from: RelPath,
    facts: Box<Facts>,
    evidence: Evidence,
    for_good: bool,
}

/// A file on the target that goes, or is replaced.
#[derive(Clone, Copy)]
struct Leaving<'a> {
    path: &'a RelPath,
    facts: &'a Facts,
    for_good: bool,
}

fn find_moves(way: &Way<'_>, work: &Work) -> Vec<Option<Pair>> {
    let leaving = if way.can_move() { leaving(work) } else { Vec::new() };
    let mut pairing = Pairing {
        of_fill: vec![None; work.fills.len()],
        taken: vec![false; leaving.len()],
        fills: &work.fills,
        leaving: &leaving,
    };
    if !leaving.is_empty() {
        pairing.pair_stated(way);
        pairing.pair_by(|facts| facts.digest, Evidence::Digest);
        pairing.pair_by(|facts| facts.fingerprint.map(|hash| (hash, facts.size)), Evidence::Fingerprint);
    }
    let owned = |(at, evidence): (usize, Evidence)| {
        let Leaving { path, facts, for_good } = leaving[at];
        Pair { from: path.clone(), facts: Box::new(facts.clone()), evidence, for_good }
    };
    pairing.of_fill.iter().map(|found| found.map(owned)).collect()
}

fn leaving(work: &Work) -> Vec<Leaving<'_>> {
    let removed = work.removals.iter();
    let removed = removed.map(|it| Leaving { path: &it.path, facts: &it.facts, for_good: it.for_good });
    let replaced = work
        .fills
        .iter()
        .filter(|fill| !fill.is_made)
        .filter_map(|it| Some(Leaving { path: &it.path, facts: it.replaced.as_ref()?, for_good: false }));
    let mut leaving: Vec<_> = removed.chain(replaced).filter(|it| is_pairable(it.facts)).collect();
    leaving.sort_by(|a, b| a.path.cmp(b.path));
    leaving
}

struct Pairing<'a> {
    fills: &'a [Fill],
    leaving: &'a [Leaving<'a>],
    /// What each fill is paired with.
    of_fill: Vec<Option<(usize, Evidence)>>,
    taken: Vec<bool>,
}

/// Fills and leavings of one content, by position, in the order of paths.
#[derive(Default)]
struct Alike {
    fills: Vec<usize>,
    leaving: Vec<usize>,
}

impl Pairing<'_> {
    /// What the manifest says was moved, where nothing contradicts it.
    fn pair_stated(&mut self, way: &Way<'_>) {
        for hint in &way.task.spec.moved {
            for (at, fill) in self.fills.iter().enumerate() {
                let Some(from) = rebased(&fill.path, &hint.to, &hint.from) else { continue };
                let Ok(source) = self.leaving.binary_search_by(|it| it.path.as_bytes().cmp(&from)) else {
                    continue;
                };
                let evidence = match content(&fill.facts, self.leaving[source].facts) {
                    Some(Verdict::Same(Evidence::Digest)) => Evidence::Digest,
                    Some(Verdict::Different) => continue,
                    _ => Evidence::Stated,
                };
                self.take(at, source, evidence);
            }
        }
    }

    fn pair_by<K: std::hash::Hash + Eq>(&mut self, key: impl Fn(&Facts) -> Option<K>, evidence: Evidence) {
        let mut groups: FxHashMap<K, Alike> = FxHashMap::default();
        for (at, leaving) in self.leaving.iter().enumerate().filter(|&(at, _)| !self.taken[at]) {
            if let Some(key) = key(leaving.facts) {
                groups.entry(key).or_default().leaving.push(at);
            }
        }
        for (at, fill) in self.fills.iter().enumerate().filter(|&(at, _)| self.of_fill[at].is_none()) {
            let group = key(&fill.facts).and_then(|key| groups.get_mut(&key));
            if let Some(group) = group {
                group.fills.push(at);
            }
        }
        // The groups share nothing, so that the order they come in changes nothing.
        for group in groups.into_values().filter(|group| !group.fills.is_empty()) {
            self.pair_alike(&group, evidence);
        }
    }

    fn pair_alike(&mut self, alike: &Alike, evidence: Evidence) {
        let fills: Vec<_> = alike.fills.iter().map(|&at| &self.fills[at].path).collect();
        let leaving: Vec<_> = alike.leaving.iter().map(|&at| self.leaving[at].path).collect();
        for (fill, source) in suffix::pair(&fills, &leaving) {
            self.take(alike.fills[fill], alike.leaving[source], evidence);
        }
    }

    /// Digests that are known have the last word over samples; nothing moves to where it is.
    fn take(&mut self, fill: usize, source: usize, evidence: Evidence) {
        let (into, from) = (&self.fills[fill], &self.leaving[source]);
        let contradicted = content(&into.facts, from.facts) == Some(Verdict::Different);
        let possible = is_pairable(&into.facts) && !into.is_made && !contradicted && into.path != *from.path;
        if possible && self.of_fill[fill].is_none() && !self.taken[source] {
            self.of_fill[fill] = Some((source, evidence));
            self.taken[source] = true;
        }
    }
}

/// The path as it was before `to` was called `from`; `None` for a path that is elsewhere.
fn rebased(path: &RelPath, to: &RelPath, from: &RelPath) -> Option<Vec<u8>> {
    let below = path.as_bytes().strip_prefix(to.as_bytes())?;
    (below.is_empty() || below.starts_with(b"/")).then(|| [from.as_bytes(), below].concat())
}

/// Fills that may come to be copies, by position.
fn candidates(work: &Work, origins: &[Origin]) -> Vec<usize> {
    let open = |&at: &usize| {
        matches!(origins[at], Origin::Transfer)
            && !work.fills[at].is_made
            && is_pairable(&work.fills[at].facts)
    };
    (0..origins.len()).filter(open).collect()
}

fn wanted(work: &Work, copied: &[usize]) -> Wanted {
    let mut wanted = Wanted::default();
    for facts in copied.iter().map(|&at| &work.fills[at].facts) {
        wanted.digests.extend(facts.digest);
        wanted.fingerprints.extend(facts.fingerprint.map(|hash| (hash, facts.size)));
    }
    let replaced = work.fills.iter().filter_map(|fill| fill.replaced.as_deref());
    let lost = work.removals.iter().map(|removal| &*removal.facts).chain(replaced);
    wanted.lost.extend(lost.filter(|facts| is_pairable(facts)).filter_map(|facts| facts.digest));
    wanted
}

/// What the moves of a plan bring together, by content: the first fill of each.
#[derive(Default)]
struct Moved {
    digests: FxHashMap<Digest, usize>,
    fingerprints: FxHashMap<(Fingerprint, u64), usize>,
}

fn find_copies(work: &Work, origins: &mut [Origin], copied: &[usize], survey: &Survey) {
    if copied.is_empty() {
        return;
    }
    let moved = Moved::of(work, origins);
    for &at in copied {
        let facts = &work.fills[at].facts;
        if let Some((found, evidence)) = survey.find(facts) {
            let Found { path: from, facts } = found.clone();
            origins[at] = Origin::Copy { from, facts, evidence };
        } else if let Some((fill, evidence)) = moved.find(facts) {
            origins[at] = Origin::CopyOfMoved { fill, evidence };
        }
    }
}

impl Moved {
    fn of(work: &Work, origins: &[Origin]) -> Self {
        let mut moved = Self::default();
        for (at, origin) in origins.iter().enumerate() {
            let Origin::Move { facts, .. } = origin else { continue };
            let wanted = &work.fills[at].facts;
            for digest in [wanted.digest, facts.digest].into_iter().flatten() {
                moved.digests.entry(digest).or_insert(at);
            }
            for hash in [wanted.fingerprint, facts.fingerprint].into_iter().flatten() {
                moved.fingerprints.entry((hash, facts.size)).or_insert(at);
            }
        }
        moved
    }

    fn find(&self, facts: &Facts) -> Option<(usize, Evidence)> {
        let whole = facts.digest.and_then(|digest| self.digests.get(&digest));
        let sampled = || facts.fingerprint.and_then(|hash| self.fingerprints.get(&(hash, facts.size)));
        let whole = whole.map(|&at| (at, Evidence::Digest));
        whole.or_else(|| sampled().map(|&at| (at, Evidence::Fingerprint)))
    }
}
