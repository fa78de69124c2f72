use std::sync::Arc;

use futures::{StreamExt as _, stream};
use rayon::prelude::*;
use syncplan_model::{Digest, Facts, RelPath, SampleSpec, Snapshot, Vouched};
use syncplan_store::{Checksum, Store};

use crate::error::ScanError;
use crate::inquiry::{Answers, SIDE_BY_SIDE, rewrite};
use crate::summing::sum_file;

/// After so many files, smallest first, of which none had the checksum that its store keeps, no other is
/// read: what looks like an MD5 there is something else, or all has changed.
const TRIALS: usize = 32;

/// Two places, and what was found there.
#[derive(Clone)]
pub struct Seen {
    /// The place.
    pub store: Arc<dyn Store>,
    /// What was found.
    pub snapshot: Snapshot,
}

/// Compares files at one path of two places by the checksums that either store keeps: with each other, or
/// with that of a file of this machine, which is read for it. What is found to be the same is vouched for
/// in the snapshot of the side that was not read; what was read has its digest afterwards.
///
/// A checksum that is another one says nothing.
pub async fn vouch(
    sides: [Seen; 2],
    pairs: Vec<RelPath>,
    spec: SampleSpec,
) -> Result<[Snapshot; 2], ScanError> {
    let tellers = |at: usize| sides[at].store.blocking_reader().is_some();
    if pairs.is_empty() || (tellers(0) && tellers(1)) {
        return Ok(sides.map(|side| side.snapshot));
    }
    let mut pairs = look_up([&sides[0].snapshot, &sides[1].snapshot], pairs);
    pairs.sort_by(|a, b| (a.facts[0].size, &a.path).cmp(&(b.facts[0].size, &b.path)));
    let mut answers = [Answers::new(), Answers::new()];
    let later = pairs.split_off(pairs.len().min(TRIALS));
    if compare(&sides, pairs, spec, &mut answers).await? {
        compare(&sides, later, spec, &mut answers).await?;
    }
    let [first, second] = &answers;
    Ok([rewrite(&sides[0].snapshot, first), rewrite(&sides[1].snapshot, second)])
}

/// Files at one path.
struct Pair {
    path: RelPath,
    facts: [Facts; 2],
}

/// What is to be found out of a pair.
enum Task {
    /// Both stores keep the same checksum.
    Equal(Pair, Checksum),
    /// The file of this side is read, since the other store keeps a checksum.
    Read(Pair, usize, Checksum),
}

fn look_up(snapshots: [&Snapshot; 2], paths: Vec<RelPath>) -> Vec<Pair> {
    let mut cursors = snapshots.map(Snapshot::cursor);
    let mut pairs = Vec::with_capacity(paths.len());
    for path in paths {
        cursors.iter_mut().for_each(|cursor| cursor.seek(path.as_bytes()));
        let found = cursors.each_ref().map(|cursor| cursor.current().filter(|entry| entry.path == path));
        if let [Some(one), Some(other)] = found {
            let facts = [one.facts.clone(), other.facts.clone()];
            pairs.push(Pair { path, facts });
        }
    }
    pairs
}

/// Whether any was the same, or none was compared.
async fn compare(
    sides: &[Seen; 2],
    pairs: Vec<Pair>,
    spec: SampleSpec,
    answers: &mut [Answers; 2],
) -> Result<bool, ScanError> {
    let asked = stream::iter(pairs).map(|pair| task(sides, pair)).buffer_unordered(SIDE_BY_SIDE);
    let tasks: Vec<Task> = asked.filter_map(std::future::ready).collect().await;
    if tasks.is_empty() {
        return Ok(true);
    }
    let (stores, location) =
        (sides.each_ref().map(|side| Arc::clone(&side.store)), sides[0].store.location());
    let location = location.to_owned();
    let comparing = tokio::task::spawn_blocking(move || {
        let settled = tasks.into_par_iter().filter_map(|task| settle(&stores, task, &spec));
        settled.collect::<Vec<_>>()
    });
    let settled =
        comparing.await.map_err(|stopped| ScanError::Broken { location, source: stopped.into() })?;
    let mut any = false;
    for Settled { path, facts, same } in settled {
        any |= same;
        for (answers, facts) in answers.iter_mut().zip(facts) {
            answers.insert(path.clone(), facts);
        }
    }
    Ok(any)
}

/// What to do about a pair, by what its stores say; `None` if nothing can be done.
async fn task(sides: &[Seen; 2], pair: Pair) -> Option<Task> {
    let [one, other] = tokio::join!(said(&sides[0], &pair, 0), said(&sides[1], &pair, 1)).into();
    let reads = |at: usize| sides[at].store.blocking_reader().is_some();
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(Task::Equal(pair, one)),
        (None, Some(other)) if reads(0) => Some(Task::Read(pair, 0, other)),
        (Some(one), None) if reads(1) => Some(Task::Read(pair, 1, one)),
        _ => None,
    }
}

async fn said(side: &Seen, pair: &Pair, at: usize) -> Option<Checksum> {
    let said = side.store.checksum(&pair.path, &pair.facts[at]).await;
    said.unwrap_or_else(|error| {
        tracing::warn!(path = %pair.path, %error, "the checksum that is kept of it stays unknown");
        None
    })
}

struct Settled {
    path: RelPath,
    facts: [Facts; 2],
    same: bool,
}

fn settle(stores: &[Arc<dyn Store>; 2], task: Task, spec: &SampleSpec) -> Option<Settled> {
    match task {
        Task::Equal(Pair { path, mut facts }, checksum) => {
            let likely = facts[0].likely_digest().or(facts[1].likely_digest()).map(Vouched::Content);
            let vouched =
                likely.unwrap_or_else(|| Vouched::Checksum(Digest::of(checksum.to_string().as_bytes())));
            for facts in facts.iter_mut().filter(|facts| facts.digest.is_none()) {
                facts.vouched = Some(vouched);
            }
            Some(Settled { path, facts, same: true })
        }
        Task::Read(Pair { path, mut facts }, at, checksum) => {
            let reader = stores[at].blocking_reader()?;
            let (hashes, same) = sum_file(reader, &path, &facts[at], spec, &checksum)?;
            facts[at] = Facts {
                digest: hashes.digest,
                fingerprint: hashes.fingerprint.or(facts[at].fingerprint),
                vouched: None,
                ..facts[at].clone()
            };
            let other = &mut facts[1 - at];
            if same && other.digest.is_none() {
                other.vouched = hashes.digest.map(Vouched::Content);
                // Samples of the same content are the same.
                other.fingerprint = other.fingerprint.or(hashes.fingerprint);
            }
            Some(Settled { path, facts, same })
        }
    }
}
