//! Folders as empty objects whose names end in a slash, as consoles and rclone keep them.

use http::Method;
use syncplan_model::{EntryKind, Facts, RelPath};

use super::S3Store;
use super::listing::Pager;
use super::request::object;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Precondition;

impl S3Store {
    /// Makes a folder stand by itself. What is ours needs no folders.
    pub(super) async fn mark_dir(&self, operation: &'static str, path: &RelPath) -> Result<(), StoreError> {
        if !self.directory_markers || path.is_reserved() {
            return Ok(());
        }
        let key = self.marker_key(operation, path)?;
        let failure = |fault| self.root.failure(fault, operation, path);
        // An object of that name may be somebody's content, or have what others noted: it marks the folder as it is.
        if self.root.head(&key).await.map_err(failure)?.is_none() {
            let request = object(Method::PUT, &key).header("content-type", "application/x-directory");
            let sent = self
                .root
                .wire
                .send(
                    &self
                        .honoured
                        .get()
                        .copied()
                        .unwrap_or_default()
                        .condition(request, &Precondition::Absent),
                )
                .await;
            match sent {
                Err(failed) if failed.fault.kind() != StoreErrorKind::Precondition => {
                    return Err(self.root.failure(failed.fault, operation, path));
                }
                // What came there meanwhile marks it as well.
                _ => {}
            }
        }
        self.marked().insert(path.clone());
        Ok(())
    }

    /// As [`Self::mark_dir`], where the folder above is there and no object in the way.
    pub(super) async fn create_marked(&self, path: &RelPath) -> Result<(), StoreError> {
        if !self.directory_markers || path.is_reserved() {
            return Ok(());
        }
        if let Some(parent) = path.parent()
            && self.dir_at(&parent).await?.is_none()
        {
            return Err(StoreError::new(StoreErrorKind::NotFound, "create", path));
        }
        if self.root.look("create", path).await?.is_some() {
            return Err(StoreError::new(StoreErrorKind::Precondition, "create", path));
        }
        self.mark_dir("create", path).await
    }

    /// Whether an object can stand at a path as a file could: no folder there, and no object above it. A
    /// bucket has room for both; whoever brings it into folders has not.
    pub(super) async fn check_fits(&self, operation: &'static str, path: &RelPath) -> Result<(), StoreError> {
        if !self.directory_markers || path.is_reserved() {
            return Ok(());
        }
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| !self.roomy().contains(folder)) {
            if self.root.look(operation, &folder).await?.is_some() {
                return Err(StoreError::new(StoreErrorKind::NotDirectory, operation, path));
            }
            above = folder.parent();
            self.roomy().insert(folder);
        }
        match self.dir_at(path).await? {
            Some(_) => Err(StoreError::new(StoreErrorKind::Precondition, operation, path)
                .because("a folder stands there")),
            None => Ok(()),
        }
    }

    /// An error of an object that is not there, where a folder is.
    pub(super) async fn or_folder(&self, path: &RelPath, error: StoreError) -> StoreError {
        match (error.kind, self.dir_at(path).await) {
            (StoreErrorKind::NotFound, Ok(Some(_))) => {
                StoreError::new(StoreErrorKind::Precondition, error.operation(), path)
                    .because("a folder stands there")
            }
            _ => error,
        }
    }

    /// A folder that is only there because of what is in it would go with the last of that.
    pub(super) async fn mark_parent(
        &self,
        operation: &'static str,
        path: &RelPath,
    ) -> Result<(), StoreError> {
        match path.parent() {
            Some(parent) if !self.marked().contains(&parent) => self.mark_dir(operation, &parent).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn unmark_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        if !self.directory_markers || path.is_reserved() {
            return Ok(());
        }
        let key = self.marker_key("remove", path)?;
        let found = self.keys_below(path, &key).await?;
        if found.iter().any(|below| *below != key) {
            return Err(StoreError::new(StoreErrorKind::NotEmpty, "remove", path));
        }
        if found.is_empty() {
            return Err(StoreError::new(StoreErrorKind::NotFound, "remove", path));
        }
        // What has content is somebody's, whatever its name.
        let marker = self.root.head(&key).await.map_err(|fault| self.root.failure(fault, "remove", path))?;
        if marker.is_some_and(|marker| marker.size > 0) {
            return Err(StoreError::new(StoreErrorKind::NotEmpty, "remove", path));
        }
        self.marked().remove(path);
        let sent = self.root.wire.send(&object(Method::DELETE, &key)).await;
        sent.map(|_| ()).map_err(|failed| self.root.failure(failed.fault, "remove", path))
    }

    /// The folder at a path where no object stands: marked, or there because of what is in it.
    pub(super) async fn dir_at(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        if !self.directory_markers || path.is_reserved() {
            return Ok(None);
        }
        let key = self.marker_key("look at", path)?;
        let found = self.keys_below(path, &key).await?;
        Ok((!found.is_empty()).then(|| Facts::new(EntryKind::Dir)))
    }

    fn marker_key(&self, operation: &'static str, path: &RelPath) -> Result<Vec<u8>, StoreError> {
        Ok([self.root.key(operation, path)?.as_slice(), b"/"].concat())
    }

    /// Some of the keys that begin like this; none only if there is none.
    async fn keys_below(&self, path: &RelPath, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut pager = Pager::new(std::sync::Arc::clone(&self.root), prefix.to_vec(), None);
        match pager.next().await {
            None => Ok(Vec::new()),
            Some(Ok(objects)) => Ok(objects.into_iter().map(|object| object.key()).collect()),
            Some(Err(error)) => Err(StoreError::new(error.kind, "look into", path).because(error)),
        }
    }

    fn roomy(&self) -> std::sync::MutexGuard<'_, std::collections::HashSet<RelPath>> {
        self.roomy.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn marked(&self) -> std::sync::MutexGuard<'_, std::collections::HashSet<RelPath>> {
        self.marked.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
