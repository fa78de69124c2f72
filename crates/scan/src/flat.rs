use futures::StreamExt as _;
use syncplan_model::snapshot::{OrderError, ProblemKind};
use syncplan_model::{EntryKind, EntryView};
use syncplan_store::{FlatListing, StoreError};

use crate::assemble::Assembly;
use crate::error::ScanError;
use crate::request::ScanRequest;

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
}

/// Takes a listing page by page.
///
/// An error in the middle of it is an error of the whole: what comes behind is unknown, and a
/// snapshot without it would look as if everything there had been deleted.
pub(crate) async fn list(
    listing: &dyn FlatListing,
    request: &ScanRequest,
    assembly: &mut Assembly<'_>,
) -> Result<(), Failure> {
    let mut pages = listing.list(None);
    while let Some(batch) = pages.next().await {
        let batch = batch.map_err(Failure::Store)?;
        request.found.fetch_add(batch.entries.len() as u64, std::sync::atomic::Ordering::Relaxed);
        for mut entry in batch.entries {
            if is_marked(request, entry.path.file_name()) {
                let name = entry.path.as_bytes().to_vec();
                let message = "it is a marker, and markers are obeyed only where there are folders";
                assembly.report(name, ProblemKind::Marker, message);
            }
            if !request.select.matches(&EntryView::from(&entry), request.now) {
                entry.facts.kind = EntryKind::Ignored;
            }
            assembly.push(&mut entry).map_err(Failure::Order)?;
        }
        batch.rejected.into_iter().for_each(|rejected| assembly.reject(rejected));
    }
    Ok(())
}

fn is_marked(request: &ScanRequest, name: &[u8]) -> bool {
    request.ignore_markers.iter().any(|marker| marker.as_bytes() == name)
}
