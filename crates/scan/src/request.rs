use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use syncplan_model::{Capability, EntryFilter, Mtime, RelPath, Snapshot};
use syncplan_store::{Listing, Store};

use crate::assemble::Assembly;
use crate::error::ScanError;
use crate::ignore_rules::IgnoreRules;
use crate::{flat, walk};

/// What to scan for, and what is known already.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// Which entries take part.
    pub select: EntryFilter,
    /// Names of files in gitignore syntax, obeyed in any folder.
    pub ignore_files: Vec<String>,
    /// Names of files that leave out the whole folder holding them.
    pub ignore_markers: Vec<String>,
    /// What ages are measured against.
    pub now: Mtime,
    /// The last snapshot of the same place.
    pub previous: Option<Snapshot>,
    /// How many folders are read side by side.
    pub jobs: usize,
    /// Counts entries as they are found, for whoever watches.
    pub found: Arc<AtomicU64>,
}

impl Default for ScanRequest {
    fn default() -> Self {
        Self {
            select: EntryFilter::all(),
            ignore_files: Vec::new(),
            ignore_markers: Vec::new(),
            now: Mtime { seconds: 0, nanos: 0 },
            previous: None,
            jobs: std::thread::available_parallelism().map_or(2, usize::from),
            found: Arc::default(),
        }
    }
}

/// One side, listed.
#[derive(Debug, Clone)]
pub struct Scan {
    /// What was found.
    pub snapshot: Snapshot,
    /// What its ignore files say, to be obeyed on the other side as well.
    pub rules: IgnoreRules,
    /// Files that changed since the last snapshot although size and time of modification are the
    /// same: only their content tells.
    pub suspects: Vec<RelPath>,
}

/// Lists one side.
pub async fn scan(store: Arc<dyn Store>, request: ScanRequest) -> Result<Scan, ScanError> {
    match store.listing() {
        Listing::Tree(_) => walk_on_threads(Arc::clone(&store), request).await,
        Listing::Flat(listing) => {
            let mut assembly = Assembly::new(&request);
            let has_folders = store.capabilities().has(Capability::Directories);
            flat::list(listing, has_folders, &request, &mut assembly)
                .await
                .map_err(|error| error.at(store.location()))?;
            let (snapshot, suspects) = assembly.finish();
            Ok(Scan { snapshot, rules: IgnoreRules::default(), suspects })
        }
    }
}

async fn walk_on_threads(store: Arc<dyn Store>, request: ScanRequest) -> Result<Scan, ScanError> {
    let location = store.location().to_owned();
    let runtime = tokio::runtime::Handle::current();
    let walking = tokio::task::spawn_blocking(move || walk::walk(&*store, &request, &runtime));
    walking.await.unwrap_or_else(|stopped| Err(ScanError::Broken { location, source: stopped.into() }))
}
