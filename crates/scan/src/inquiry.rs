use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use rayon::prelude::*;
use syncplan_model::{Facts, RelPath, SampleSpec, Snapshot, SnapshotBuilder};
use syncplan_store::{Patience, Retry, Store, StoreError, StoreErrorKind};

use crate::error::ScanError;
use crate::hash::{Hashes, hash_file, hash_remote};

/// How closely to look at a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inquiry {
    /// Ask the store what it keeps beside the content.
    Stat,
    /// Hash samples, or all of it where it is small.
    Sampled,
    /// Hash all of it.
    Full,
}

/// A file to look at more closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which.
    pub path: RelPath,
    /// How closely.
    pub inquiry: Inquiry,
}

/// How many files of a remote store are asked about side by side.
pub(crate) const SIDE_BY_SIDE: usize = 32;

/// The same snapshot, with what the questions brought to light.
///
/// A file that changed since it was listed, or cannot be read, stays as it was listed: the executor
/// will meet it and say so.
pub async fn inquire(
    store: Arc<dyn Store>,
    snapshot: Snapshot,
    questions: Vec<Question>,
    spec: SampleSpec,
) -> Result<Snapshot, ScanError> {
    if questions.is_empty() {
        return Ok(snapshot);
    }
    let asked = look_up(&snapshot, questions);
    let answers = if store.blocking_reader().is_some() {
        let location = store.location().to_owned();
        let hashing = tokio::task::spawn_blocking(move || hash_all(&*store, asked, &spec));
        hashing.await.map_err(|stopped| ScanError::Broken { location, source: stopped.into() })?
    } else {
        ask_all(&*store, asked, &spec).await
    };
    Ok(rewrite(&snapshot, &answers))
}

pub(crate) type Answers = BTreeMap<RelPath, Facts>;

fn look_up(snapshot: &Snapshot, mut questions: Vec<Question>) -> Vec<(Question, Facts)> {
    questions.sort_by(|a, b| a.path.cmp(&b.path).then(b.inquiry.cmp(&a.inquiry)));
    questions.dedup_by(|later, first| later.path == first.path);
    let mut cursor = snapshot.cursor();
    let mut asked = Vec::with_capacity(questions.len());
    for question in questions {
        cursor.seek(question.path.as_bytes());
        if let Some(entry) = cursor.current().filter(|entry| entry.path == question.path) {
            asked.push((question, entry.facts.clone()));
        }
    }
    asked
}

fn hash_all(store: &dyn Store, asked: Vec<(Question, Facts)>, spec: &SampleSpec) -> Answers {
    let Some(reader) = store.blocking_reader() else { return Answers::new() };
    let answer = |(question, mut facts): (Question, Facts)| {
        let full = question.inquiry == Inquiry::Full;
        let hashes = hash_file(reader, &question.path, &facts, spec, full)?;
        learn(&mut facts, hashes);
        Some((question.path, facts))
    };
    asked.into_par_iter().filter_map(answer).collect::<Vec<_>>().into_iter().collect()
}

async fn ask_all(store: &dyn Store, asked: Vec<(Question, Facts)>, spec: &SampleSpec) -> Answers {
    let answers = asked.into_iter().map(|(question, facts)| ask(store, question, facts, spec));
    let answers: Vec<_> = stream::iter(answers).buffer_unordered(SIDE_BY_SIDE).collect().await;
    answers.into_iter().flatten().collect()
}

/// The store's own knowledge first; content only where that is not enough.
async fn ask(
    store: &dyn Store,
    question: Question,
    mut facts: Facts,
    spec: &SampleSpec,
) -> Option<(RelPath, Facts)> {
    let path = question.path;
    match store.stat(&path).await {
        Ok(Some(stat)) if stat.token == facts.token && stat.size == facts.size => {
            facts.mtime = facts.mtime.or(stat.mtime);
            facts.digest = facts.digest.or(stat.digest);
            facts.vouched = facts.vouched.filter(|_| facts.digest.is_none());
        }
        Ok(_) => return None,
        Err(error) => {
            tracing::warn!(%path, %error, "what is kept beside the content stays unknown");
            return None;
        }
    }
    let known = facts.digest.is_some() || facts.fingerprint.is_some() && question.inquiry < Inquiry::Full;
    if question.inquiry > Inquiry::Stat && !known {
        let full = question.inquiry == Inquiry::Full;
        match hash_patiently(store, &path, &facts, spec, full).await {
            Ok(hashes) => learn(&mut facts, hashes),
            Err(error) => tracing::warn!(%path, %error, "its content stays unknown"),
        }
    }
    Some((path, facts))
}

/// A busy server is asked again, one that is out of reach is not: there may be many questions.
async fn hash_patiently(
    store: &dyn Store,
    path: &RelPath,
    listed: &Facts,
    spec: &SampleSpec,
    full: bool,
) -> Result<Hashes, StoreError> {
    let retry = Retry::default();
    let mut patience = Patience::new(&retry);
    loop {
        let error = match hash_remote(store, path, listed, spec, full).await {
            Err(error) if error.kind != StoreErrorKind::Unreachable => error,
            result => return result,
        };
        match patience.after(&error) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
    }
}

fn learn(facts: &mut Facts, hashes: Hashes) {
    facts.digest = hashes.digest.or(facts.digest);
    facts.vouched = facts.vouched.filter(|_| facts.digest.is_none());
    facts.fingerprint = hashes.fingerprint.or(facts.fingerprint);
}

pub(crate) fn rewrite(snapshot: &Snapshot, answers: &Answers) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    snapshot.problems().iter().cloned().for_each(|problem| builder.report(problem));
    let mut answers = answers.iter().peekable();
    let mut cursor = snapshot.cursor();
    while let Some(entry) = cursor.current() {
        let answered = answers.next_if(|(path, _)| **path == entry.path);
        let pushed = match answered {
            Some((_, facts)) => {
                builder.push(&syncplan_model::Entry { path: entry.path.clone(), facts: facts.clone() })
            }
            None => builder.push(entry),
        };
        if let Err(error) = pushed {
            unreachable!("the order of a snapshot does not change by what is known: {error}");
        }
        cursor.advance();
    }
    builder.finish()
}
