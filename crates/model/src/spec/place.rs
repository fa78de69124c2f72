use std::fmt;

use crate::name::StoreName;
use crate::path::{RelPath, is_below};

/// A folder in a store: one side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The store, defined in the same spec.
    pub store: StoreName,
    /// The folder below the store's root, or `None` for the root itself.
    pub path: Option<RelPath>,
}

impl Place {
    /// Whether both are in one store, and one is the other or holds it.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.store == other.store && (self.holds(other) || other.holds(self))
    }

    fn holds(&self, other: &Self) -> bool {
        match (&self.path, &other.path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(others)) => own == others || is_below(others.as_bytes(), own.as_bytes()),
        }
    }
}

/// As `store:path`, for people.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.store)?;
        self.path.as_ref().map_or(Ok(()), |path| path.fmt(f))
    }
}
