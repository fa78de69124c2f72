//! Moves: what goes from one path of a side and what comes to another, paired by content.

use syncplan_model::plan::Evidence;
use syncplan_model::{Facts, RelPath};

use crate::equality::{Verdict, content};
use crate::identity::is_pairable;
use crate::suffix;
use crate::way::Way;
use crate::work::{Fill, Work};

/// Where something goes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vacated {
    /// It is removed: its position among the removals.
    Removal(usize),
    /// It is replaced: the position of the fill that replaces it.
    Replaced(usize),
}

/// For each fill what moves there, if anything does.
pub(crate) fn pair(way: &Way<'_>, work: &Work) -> Vec<Option<(Vacated, Evidence)>> {
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
        pairing.pair_by(Facts::likely_digest, Evidence::Etag);
        pairing.pair_by(|facts| facts.fingerprint.map(|hash| (hash, facts.size)), Evidence::Fingerprint);
    }
    pairing.of_fill.iter().map(|found| found.map(|(at, evidence)| (leaving[at].from, evidence))).collect()
}

/// A file on the target that goes, or is replaced.
struct Leaving<'a> {
    path: &'a RelPath,
    facts: &'a Facts,
    from: Vacated,
}

fn leaving(work: &Work) -> Vec<Leaving<'_>> {
    let removed = work.removals.iter().enumerate();
    let removed =
        removed.map(|(at, it)| Leaving { path: &it.path, facts: &it.facts, from: Vacated::Removal(at) });
    let replaced = work.fills.iter().enumerate().filter(|(_, fill)| !fill.is_made).filter_map(|(at, it)| {
        Some(Leaving { path: &it.path, facts: it.replaced.as_ref()?, from: Vacated::Replaced(at) })
    });
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

/// What can be paired, by its position in the order of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Fill(usize),
    Leaving(usize),
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

    /// Sorted by what they are, so that those of one content stand side by side.
    fn pair_by<K: Ord>(&mut self, key: impl Fn(&Facts) -> Option<K>, evidence: Evidence) {
        let leaving = self.leaving.iter().enumerate().filter(|&(at, _)| !self.taken[at]);
        let fills = self.fills.iter().enumerate().filter(|&(at, _)| self.of_fill[at].is_none());
        let leaving = leaving.filter_map(|(at, it)| Some((key(it.facts)?, Party::Leaving(at))));
        let mut keyed: Vec<(K, Party)> = leaving.collect();
        if keyed.is_empty() {
            return;
        }
        keyed.extend(fills.filter_map(|(at, fill)| Some((key(&fill.facts)?, Party::Fill(at)))));
        keyed.sort_unstable();
        for alike in keyed.chunk_by(|a, b| a.0 == b.0) {
            match alike {
                [(_, Party::Fill(fill)), (_, Party::Leaving(source))] => self.take(*fill, *source, evidence),
                _ => self.pair_alike(alike, evidence),
            }
        }
    }

    fn pair_alike<K>(&mut self, alike: &[(K, Party)], evidence: Evidence) {
        let (mut fills, mut leaving) = (Vec::new(), Vec::new());
        for (_, party) in alike {
            match *party {
                Party::Fill(at) => fills.push(at),
                Party::Leaving(at) => leaving.push(at),
            }
        }
        if fills.is_empty() || leaving.is_empty() {
            return;
        }
        let fill_paths: Vec<_> = fills.iter().map(|&at| &self.fills[at].path).collect();
        let leaving_paths: Vec<_> = leaving.iter().map(|&at| self.leaving[at].path).collect();
        for (fill, source) in suffix::pair(&fill_paths, &leaving_paths) {
            self.take(fills[fill], leaving[source], evidence);
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
