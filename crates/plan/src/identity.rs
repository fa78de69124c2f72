//! Moves and copies: content that the target already has need not pass from side to side.
//!
//! What goes from one path of the target and what comes to another is paired by content. Whatever
//! is replaced counts as going: a swap is two moves, each over the other's place.

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::plan::Evidence;
use syncplan_model::{Capability, Digest, EntryKind, Facts, Fingerprint, RelPath};

use crate::pairing::{Vacated, pair};
use crate::survey::{Found, Survey, Wanted};
use crate::way::Way;
use crate::work::Work;

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
    let pairs = pair(way, work);
    let mut origins = take_moves(work, pairs);
    let copied = if way.target_has(Capability::ServerCopy) { candidates(work, &origins) } else { Vec::new() };
    let moved = origins.iter().filter_map(Origin::moved_from);
    let survey = Survey::of(way, &wanted(work, &copied), work, moved, source_going);
    find_copies(work, &mut origins, &copied, &survey);
    (origins, survey)
}

impl Origin {
    /// The path that is empty afterwards, if it is a move.
    pub(crate) fn moved_from(&self) -> Option<&RelPath> {
        match self {
            Self::Move { from, .. } => Some(from),
            _ => None,
        }
    }
}

/// What is moved is neither removed nor replaced any more.
fn take_moves(work: &mut Work, pairs: Vec<Option<(Vacated, Evidence)>>) -> Vec<Origin> {
    let mut removals: Vec<_> = std::mem::take(&mut work.removals).into_iter().map(Some).collect();
    let mut origins = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let moved = pair.and_then(|(vacated, evidence)| {
            let (from, facts, for_good) = match vacated {
                Vacated::Removal(at) => {
                    let removal = removals[at].take()?;
                    (removal.path, removal.facts, removal.for_good)
                }
                Vacated::Replaced(at) => {
                    let fill = &mut work.fills[at];
                    fill.trash = false;
                    (fill.path.clone(), fill.replaced.take()?, false)
                }
            };
            Some(Origin::Move { from, facts, evidence, for_good })
        });
        origins.push(moved.unwrap_or(Origin::Transfer));
    }
    work.removals = removals.into_iter().flatten().collect();
    origins
}

/// Whether content can be told apart by what it is: an empty file is like every other.
pub(crate) fn is_pairable(facts: &Facts) -> bool {
    facts.kind == EntryKind::File && facts.size > 0
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

pub(crate) fn wanted(work: &Work, copied: &[usize]) -> Wanted {
    let mut wanted = Wanted::default();
    for facts in copied.iter().map(|&at| &work.fills[at].facts) {
        wanted.digests.extend(facts.likely_digest());
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
