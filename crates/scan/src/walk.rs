use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use syncplan_model::snapshot::{OrderError, ProblemKind};
use syncplan_model::{Entry, EntryKind, EntryView, RelPath, Snapshot, SnapshotBuilder};
use syncplan_store::{Batch, Listing, Rejected, Store, StoreError, StoreErrorKind};
use tokio::runtime::Handle;

use crate::assemble::Assembly;
use crate::error::ScanError;
use crate::ignore_rules::{IgnoreChain, IgnoreFile, IgnoreRules, MAX_IGNORE_FILE};
use crate::request::{Scan, ScanRequest};

/// A thread walks into a folder on its own stack, and paths may be 2,048 folders deep.
const STACK: usize = 32 << 20;

/// Walks a tree with several threads, then puts the folders together in the order of path bytes.
pub(crate) fn walk(store: &dyn Store, request: &ScanRequest, runtime: &Handle) -> Result<Scan, ScanError> {
    let broken = |source: rayon::ThreadPoolBuildError| ScanError::Broken {
        location: store.location().to_owned(),
        source: source.into(),
    };
    // A folder behind a network costs waiting, and no processor.
    let jobs = match store.listing() {
        Listing::Tree(tree) => tree.side_by_side().unwrap_or(request.jobs),
        Listing::Flat(_) => request.jobs,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.max(1)).stack_size(STACK);
    let pool = pool.build().map_err(broken)?;
    let walker = Walker { store, request, runtime, notes: Mutex::default() };
    let root = pool.install(|| walker.root())?;
    let notes = walker.notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);

    let mut assembly = Assembly::new(request);
    notes.rejected.into_iter().for_each(|rejected| assembly.reject(rejected));
    for (name, kind, message) in notes.problems {
        assembly.report(name, kind, message);
    }
    root.emit(&mut assembly)
        .map_err(|source| ScanError::Order { location: store.location().to_owned(), source })?;
    let (snapshot, suspects) = assembly.finish();
    Ok(Scan { snapshot, rules: IgnoreRules::new(notes.ignore_files, notes.markers), suspects })
}

struct Walker<'a> {
    store: &'a dyn Store,
    request: &'a ScanRequest,
    runtime: &'a Handle,
    notes: Mutex<Notes>,
}

/// What was met besides entries, by all threads.
#[derive(Default)]
struct Notes {
    rejected: Vec<Rejected>,
    problems: Vec<(Vec<u8>, ProblemKind, String)>,
    ignore_files: Vec<IgnoreFile>,
    markers: Vec<RelPath>,
}

/// A folder that was read: its entries, packed, and the folders in it, both sorted.
struct Folder {
    entries: Snapshot,
    /// By the path and a slash behind it, which is how everything in them begins.
    inner: Vec<(Vec<u8>, Self)>,
    /// Whether anything in it takes part.
    selected: bool,
}

/// What becomes of a folder that was looked into.
enum Visit {
    Read(Folder),
    Ignored,
    Unreadable,
}

impl Walker<'_> {
    fn root(&self) -> Result<Folder, ScanError> {
        let batch = self.read_dir(None)?;
        if let Some(marker) = self.marker(&batch) {
            let location = self.store.location().to_owned();
            let marker = String::from_utf8_lossy(marker.file_name()).into_owned();
            return Err(ScanError::RootIgnored { location, marker });
        }
        Ok(self.folder(batch, &IgnoreChain::default())?)
    }

    fn visit(&self, dir: &RelPath, chain: &IgnoreChain) -> Visit {
        let visit = self.read_dir(Some(dir)).and_then(|batch| match self.marker(&batch) {
            Some(marker) => {
                self.note(|notes| notes.markers.push(marker.clone()));
                Ok(Visit::Ignored)
            }
            None => self.folder(batch, chain).map(Visit::Read),
        });
        match visit {
            Ok(visit) => visit,
            Err(error) => {
                let message = describe(&error);
                self.note(|notes| {
                    notes.problems.push((dir.as_bytes().to_vec(), ProblemKind::Unreadable, message))
                });
                Visit::Unreadable
            }
        }
    }

    /// An ignore file that cannot be read is an error of its folder: what it leaves out is unknown.
    fn folder(&self, batch: Batch, chain: &IgnoreChain) -> Result<Folder, StoreError> {
        self.request.found.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
        if !batch.rejected.is_empty() {
            self.note(|notes| notes.rejected.extend(batch.rejected));
        }
        let mut entries = batch.entries;
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // A folder that changes while it is read may give a name twice.
        entries.dedup_by(|again, first| again.path == first.path);
        let chain = self.extend(chain, &entries)?;

        let inner = self.judge(&mut entries, &chain);
        let visited: Vec<_> = inner.into_par_iter().map(|dir| (self.visit(&dir, &chain), dir)).collect();
        Ok(self.fold(entries, visited))
    }

    /// Marks what is left out, and answers the folders that are worth a visit.
    fn judge(&self, entries: &mut [Entry], chain: &IgnoreChain) -> Vec<RelPath> {
        let mut inner = Vec::new();
        for entry in entries {
            let is_dir = entry.facts.kind == EntryKind::Dir;
            let path = entry.path.as_bytes();
            let left_out = chain.leaves_out(path, is_dir)
                || if is_dir { !self.request.select.may_match_below(path) } else { !self.selects(entry) };
            if left_out {
                entry.facts.kind = EntryKind::Ignored;
            } else if is_dir {
                inner.push(entry.path.clone());
            }
            if entry.facts.kind == EntryKind::Unreadable {
                let name = path.to_vec();
                let message = "what it is could not be found out".to_owned();
                self.note(|notes| notes.problems.push((name, ProblemKind::Unreadable, message)));
            }
        }
        inner
    }

    fn selects(&self, entry: &Entry) -> bool {
        self.request.select.matches(&EntryView::from(entry), self.request.now)
    }

    /// The chain for a folder: its own ignore files come before those above it.
    fn extend(&self, chain: &IgnoreChain, entries: &[Entry]) -> Result<IgnoreChain, StoreError> {
        let mut chain = chain.clone();
        for name in &self.request.ignore_files {
            let is_it = |entry: &&Entry| {
                entry.path.file_name() == name.as_bytes() && entry.facts.kind == EntryKind::File
            };
            let Some(entry) = entries.iter().find(is_it) else { continue };
            let (file, problems) = IgnoreFile::parse(&entry.path, &self.read_small(entry)?);
            let name = entry.path.as_bytes();
            self.note(|notes| {
                let problems = problems.into_iter().map(|it| (name.to_vec(), ProblemKind::IgnoreFile, it));
                notes.problems.extend(problems);
                notes.ignore_files.push(file.clone());
            });
            chain = chain.with(file);
        }
        Ok(chain)
    }

    /// Packs a folder, the folders in it marked as they were found. A folder that neither takes
    /// part itself nor holds anything that does is left out.
    fn fold(&self, mut entries: Vec<Entry>, visited: Vec<(Visit, RelPath)>) -> Folder {
        let mut inner = Vec::with_capacity(visited.len());
        for (visit, dir) in visited {
            let Ok(at) = entries.binary_search_by(|entry| entry.path.cmp(&dir)) else { continue };
            match visit {
                Visit::Ignored => entries[at].facts.kind = EntryKind::Ignored,
                Visit::Unreadable => entries[at].facts.kind = EntryKind::Unreadable,
                Visit::Read(folder) => {
                    if !folder.selected && !self.selects(&entries[at]) {
                        entries.remove(at);
                    }
                    inner.push(([dir.as_bytes(), b"/"].concat(), folder));
                }
            }
        }
        inner.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let selected = entries.iter().any(|entry| entry.facts.kind != EntryKind::Ignored);
        let mut builder = SnapshotBuilder::new();
        for entry in &entries {
            if let Err(error) = builder.push(entry) {
                unreachable!("the names in a folder are sorted and differ: {error}");
            }
        }
        Folder { entries: builder.finish(), inner, selected }
    }

    fn marker<'b>(&self, batch: &'b Batch) -> Option<&'b RelPath> {
        let stands =
            |marker: &String| batch.entries.iter().find(|entry| entry.path.file_name() == marker.as_bytes());
        self.request.ignore_markers.iter().find_map(stands).map(|entry| &entry.path)
    }

    fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        match (self.store.blocking_reader(), self.store.listing()) {
            (Some(reader), _) => reader.read_dir(dir),
            (None, Listing::Tree(tree)) => self.runtime.block_on(tree.read_dir(dir)),
            (None, Listing::Flat(_)) => {
                Err(StoreError::new(StoreErrorKind::Unsupported, "walk", self.store.location()))
            }
        }
    }

    fn read_small(&self, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        let path = &entry.path;
        let failed = |kind| StoreError::new(kind, "read the ignore file", path);
        if entry.facts.size > MAX_IGNORE_FILE {
            return Err(
                failed(StoreErrorKind::Other).because(format!("it is larger than {MAX_IGNORE_FILE} bytes"))
            );
        }
        let Some(reader) = self.store.blocking_reader() else {
            return self.runtime.block_on(crate::hash::read_whole(self.store, path));
        };
        let mut text = Vec::new();
        let read = reader.open(path)?.0.take(MAX_IGNORE_FILE).read_to_end(&mut text);
        read.map_err(|error| failed(StoreErrorKind::Other).because(error))?;
        Ok(text)
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// An error without the name of the object, which stands before it wherever it is shown.
pub(crate) fn describe(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})"));
    format!("{}{}", error.kind.as_str(), cause.unwrap_or_default())
}

impl Folder {
    /// Hands over everything in the order of path bytes, in which a folder and what is in it need
    /// not be neighbours: `a-b` stands between `a` and `a/x`.
    fn emit(self, assembly: &mut Assembly<'_>) -> Result<(), OrderError> {
        let mut inner = self.inner.into_iter().peekable();
        let mut cursor = self.entries.cursor();
        loop {
            let entry = cursor.current();
            let descend = match (entry, inner.peek()) {
                (None, None) => return Ok(()),
                (Some(entry), Some((prefix, _))) => prefix.as_slice() < entry.path.as_bytes(),
                (entry, _) => entry.is_none(),
            };
            if descend {
                inner.next().map_or(Ok(()), |(_, folder)| folder.emit(assembly))?;
            } else if let Some(entry) = entry {
                assembly.push(&mut entry.clone())?;
                cursor.advance();
            }
        }
    }
}
