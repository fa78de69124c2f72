//! Folders of this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use syncplan_model::spec::{LocalStore as LocalSpec, Place};
use syncplan_store::{AbsentFolder, FollowingFolder, LocalStore, Store, StoreError, StoreErrorKind};

use super::Purpose;
use crate::failure::Failure;
use crate::project::Project;
use crate::secret::in_home;

/// Where a place of a local store is.
pub(crate) fn folder_of(project: &Project, local: &LocalSpec, place: &Place) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let root = project.folder.join(in_home(&local.root));
    match &place.path {
        Some(path) => root.join(std::ffi::OsStr::from_bytes(path.as_bytes())),
        None => root,
    }
}

/// A folder to read from, in which links are what they lead to.
pub(super) fn open_following(
    folder: &Path,
    location: String,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, Failure> {
    match purpose {
        Purpose::Read => Ok(Arc::new(FollowingFolder::open(folder, location)?)),
        _ => open(folder, location, purpose),
    }
}

pub(super) fn open(folder: &Path, location: String, purpose: Purpose) -> Result<Arc<dyn Store>, Failure> {
    let opened = match purpose {
        Purpose::Describe => return Ok(Arc::new(AbsentFolder::new(location))),
        Purpose::Read => LocalStore::open(folder, location),
        Purpose::Write => LocalStore::open_or_create(folder, location),
        Purpose::Preview => match LocalStore::open(folder, location.clone()) {
            Err(StoreError { kind: StoreErrorKind::NoStore, .. }) => {
                return Ok(Arc::new(AbsentFolder::new(location)));
            }
            opened => opened,
        },
    };
    Ok(Arc::new(opened?))
}
