use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use syncplan_model::snapshot::{OrderError, Page, Problem, ProblemKind};
use syncplan_model::{Entry, EntryKind, EntryView, Facts, RelPath, SnapshotBuilder};
use syncplan_store::{Batch, FlatListing, StoreError, StoreErrorKind};

use crate::assemble::Assembly;
use crate::error::ScanError;
use crate::request::ScanRequest;
use crate::walk::describe;

/// So many parts of a listing are asked for side by side.
const SIDE_BY_SIDE: usize = 8;

/// How a flat listing fails as a whole.
pub(crate) enum Failure {
    Store(StoreError),
    Order(OrderError),
}

impl Failure {
    pub(crate) fn at(self, location: &str) -> ScanError {
        match self {
            Self::Store(error) => ScanError::Store(error),
            Self::Order(source) => ScanError::Order { location: location.to_owned(), source },
        }
    }

    fn is_disorder(&self) -> bool {
        match self {
            Self::Store(error) => error.kind == StoreErrorKind::Disordered,
            Self::Order(_) => true,
        }
    }
}

/// Takes a listing page by page: in parts side by side, where the last snapshot says at which paths it can be
/// cut. A first listing is not cut: that the store lists in order is known only once it did.
///
/// Where a page does not come for good, what is behind it in its part is a gap of the snapshot: not known to be
/// there, and not known to be missing. What concerns all of the store is an error of the whole.
pub(crate) async fn list(
    listing: &dyn FlatListing,
    has_folders: bool,
    request: &ScanRequest,
    assembly: &mut Assembly<'_>,
) -> Result<(), Failure> {
    let previous = request.previous.as_ref().filter(|_| listing.begins_anywhere());
    let cuts = previous.map(|snapshot| snapshot.cuts(SIDE_BY_SIDE)).unwrap_or_default();
    let before = request.found.load(Ordering::Relaxed);
    let mut listed = list_parts(listing, request, &cuts).await;
    if !cuts.is_empty() && listed.as_ref().is_err_and(Failure::is_disorder) {
        tracing::debug!("the listing does not begin where it is asked to, and is taken in one piece");
        request.found.store(before, Ordering::Relaxed);
        listed = list_parts(listing, request, &[]).await;
    }
    let listed = listed?;
    if !has_folders {
        return listed.into_iter().try_for_each(|part| part.put_into(assembly)).map_err(Failure::Order);
    }
    let mut folders = Folders::default();
    listed.into_iter().try_for_each(|part| folders.take(part, request, assembly)).map_err(Failure::Order)?;
    folders.emit(assembly).map_err(Failure::Order)
}

/// A listing in which folders come out of order or not at all, until all of them are known.
#[derive(Default)]
struct Folders {
    files: SnapshotBuilder,
    /// The folders that take part, or hold something that does.
    folders: BTreeSet<RelPath>,
    /// Those among them that hold something that takes part, with all above them.
    held: BTreeSet<RelPath>,
}

impl Folders {
    fn take(
        &mut self,
        mut part: Listed,
        request: &ScanRequest,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), OrderError> {
        for folder in &part.folders {
            self.insert_above(folder, true, request);
        }
        for page in &part.pages {
            let mut cursor = page.cursor();
            while let Some(entry) = cursor.current() {
                self.insert_above(&entry.path, entry.facts.kind != EntryKind::Ignored, request);
                self.files.push(entry)?;
                cursor.advance();
            }
        }
        self.folders.extend(part.folders.iter().cloned());
        part.note_problems(assembly);
        Ok(())
    }

    /// The folders above a path. Where it takes no part, only those that do by themselves, as in a walk.
    fn insert_above(&mut self, path: &RelPath, takes_part: bool, request: &ScanRequest) {
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| !self.is_done(folder, takes_part)) {
            above = folder.parent();
            if takes_part {
                self.held.insert(folder.clone());
            }
            if takes_part || selects(request, &folder) {
                self.folders.insert(folder);
            }
        }
    }

    /// Whether a folder and those above it are where they belong already.
    fn is_done(&self, folder: &RelPath, takes_part: bool) -> bool {
        self.held.contains(folder) || !takes_part && self.folders.contains(folder)
    }

    /// Hands over everything in order. What is an object and a folder at once is left alone.
    fn emit(self, assembly: &mut Assembly<'_>) -> Result<(), OrderError> {
        let files = self.files.finish();
        let mut cursor = files.cursor();
        let mut folders = self.folders.into_iter().peekable();
        loop {
            match (cursor.current(), folders.peek()) {
                (None, None) => return Ok(()),
                (Some(entry), Some(folder)) if entry.path == *folder => {
                    let message = "an object and a folder have this name";
                    assembly.report(folder.as_bytes().to_vec(), ProblemKind::Name, message);
                    let facts = Facts::new(EntryKind::Ignored);
                    assembly.push(&mut Entry { path: folder.clone(), facts })?;
                    folders.next();
                    cursor.advance();
                }
                (Some(entry), folder) if folder.is_none_or(|folder| entry.path < *folder) => {
                    assembly.push(&mut entry.clone())?;
                    cursor.advance();
                }
                (_, Some(_)) => {
                    if let Some(path) = folders.next() {
                        assembly.push(&mut Entry { path, facts: Facts::new(EntryKind::Dir) })?;
                    }
                }
                (Some(_), None) => unreachable!("what comes before nothing was handed over"),
            }
        }
    }
}

fn selects(request: &ScanRequest, folder: &RelPath) -> bool {
    let entry = EntryView { path: folder.as_bytes(), kind: EntryKind::Dir, size: 0, mtime: None };
    request.select.matches(&entry, request.now)
}

async fn list_parts(
    listing: &dyn FlatListing,
    request: &ScanRequest,
    cuts: &[RelPath],
) -> Result<Vec<Listed>, Failure> {
    let starts = std::iter::once(None).chain(cuts.iter().map(Some));
    let ends = cuts.iter().map(Some).chain([None]);
    let parts = starts.zip(ends).map(|(after, until)| Part { listing, request, after, until }.list());
    let mut listed: Vec<Listed> = stream::iter(parts).buffered(SIDE_BY_SIDE).try_collect().await?;
    // Then it is no part that cannot be listed.
    if listed.iter().all(|part| part.failed_at_once()) {
        let broken = listed.iter_mut().find_map(|part| part.broken.take());
        return broken.map_or(Ok(Vec::new()), |(_, error)| Err(Failure::Store(error)));
    }
    Ok(listed)
}

/// What stands behind one path and up to another.
struct Part<'a> {
    listing: &'a dyn FlatListing,
    request: &'a ScanRequest,
    after: Option<&'a RelPath>,
    until: Option<&'a RelPath>,
}

/// A part as it was found, packed: it waits for those before it.
#[derive(Default)]
struct Listed {
    pages: Vec<Page>,
    /// Folders that the store names; they come wherever their marks stand among the keys.
    folders: Vec<RelPath>,
    problems: Vec<Problem>,
    /// The last name that was listed.
    last: Vec<u8>,
    pages_came: bool,
    /// Where it was to end, and why it did not get there.
    broken: Option<(Option<RelPath>, StoreError)>,
}

impl Part<'_> {
    async fn list(self) -> Result<Listed, Failure> {
        let last = self.after.map(|after| after.as_bytes().to_vec()).unwrap_or_default();
        let mut listed = Listed { last, ..Listed::default() };
        let mut builder = SnapshotBuilder::new();
        let mut pages = match self.until {
            Some(until) => self.listing.list_until(self.after, until),
            None => self.listing.list(self.after),
        };
        while let Some(batch) = pages.next().await {
            match batch {
                Ok(batch) => self.take(batch, &mut builder, &mut listed).map_err(Failure::Order)?,
                Err(error) if leaves_a_gap(error.kind) => {
                    tracing::debug!(%error, "a part of the listing is missing");
                    listed.broken = Some((self.until.cloned(), error));
                    break;
                }
                Err(error) => return Err(Failure::Store(error)),
            }
        }
        listed.pages = builder.into_pages();
        Ok(listed)
    }

    fn take(
        &self,
        batch: Batch,
        builder: &mut SnapshotBuilder,
        listed: &mut Listed,
    ) -> Result<(), OrderError> {
        listed.pages_came = true;
        self.request.found.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
        for mut entry in batch.entries {
            let is_marker = |marker: &String| marker.as_bytes() == entry.path.file_name();
            if self.request.ignore_markers.iter().any(is_marker) {
                let message = "it is a marker, and markers are obeyed only where there are folders";
                listed.report(entry.path.as_bytes().to_vec(), ProblemKind::Marker, message.to_owned());
            }
            let takes_part = self.request.select.matches(&EntryView::from(&entry), self.request.now);
            if entry.facts.kind == EntryKind::Dir {
                listed.goes_to(entry.path.as_bytes());
                // One that takes no part is left out, and hides nothing.
                listed.folders.extend(takes_part.then_some(entry.path));
                continue;
            }
            if !takes_part {
                entry.facts.kind = EntryKind::Ignored;
            }
            builder.push(&entry)?;
            listed.goes_to(entry.path.as_bytes());
        }
        for rejected in batch.rejected {
            listed.goes_to(&rejected.name);
            listed.report(rejected.name, ProblemKind::Name, rejected.reason);
        }
        Ok(())
    }
}

/// Whether an error concerns one page, and not the store or all that it lists.
fn leaves_a_gap(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Transient | StoreErrorKind::Throttled | StoreErrorKind::Other)
}

impl Listed {
    fn goes_to(&mut self, name: &[u8]) {
        if self.last.as_slice() < name {
            self.last.clear();
            self.last.extend_from_slice(name);
        }
    }

    fn report(&mut self, name: Vec<u8>, kind: ProblemKind, message: String) {
        self.problems.push(Problem { name, until: None, kind, message });
    }

    fn failed_at_once(&self) -> bool {
        !self.pages_came && self.broken.is_some()
    }

    fn put_into(mut self, assembly: &mut Assembly<'_>) -> Result<(), OrderError> {
        for page in std::mem::take(&mut self.pages) {
            let mut cursor = page.cursor();
            while let Some(entry) = cursor.current() {
                assembly.push(&mut entry.clone())?;
                cursor.advance();
            }
        }
        self.note_problems(assembly);
        Ok(())
    }

    fn note_problems(&mut self, assembly: &mut Assembly<'_>) {
        self.problems.drain(..).for_each(|problem| assembly.note(problem));
        if let Some((until, error)) = self.broken.take() {
            let until = until.map(|until| until.as_bytes().to_vec());
            let message = describe(&error);
            let name = std::mem::take(&mut self.last);
            assembly.note(Problem { name, until, kind: ProblemKind::Gap, message });
        }
    }
}
