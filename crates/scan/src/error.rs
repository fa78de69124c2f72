use std::error::Error;

use syncplan_model::snapshot::OrderError;
use syncplan_store::StoreError;

/// A side that could not be scanned at all; what could not be read *within* it stands in the
/// snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The root cannot be listed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The root holds a marker that leaves out the folder it stands in.
    #[error("`{location}` holds the marker `{marker}`, so all of it is left out")]
    RootIgnored {
        /// Where.
        location: String,
        /// Which.
        marker: String,
    },
    /// The store did not list in order.
    #[error("`{location}` is not listed in order, so nothing can be compared with it")]
    Order {
        /// Where.
        location: String,
        /// Which entry came too late.
        source: OrderError,
    },
    /// A thread of the scan died.
    #[error("the scan of `{location}` broke off")]
    Broken {
        /// Where.
        location: String,
        /// What ended it.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ScanError {
    /// What a person can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.advice(),
            Self::RootIgnored { .. } => Some("remove the marker, or the `ignore-marker` of the task"),
            Self::Order { .. } | Self::Broken { .. } => None,
        }
    }
}
