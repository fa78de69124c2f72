use futures::FutureExt as _;
use http::Method;
use syncplan_model::{EntryKind, Facts, RelPath, Token};

use super::WebdavStore;
use super::root::{as_expected, method};
use crate::error::{StoreError, StoreErrorKind};
use crate::retry::insist;
use crate::store::{MoveOptions, Precondition};
use crate::web::{Fault, Request};

impl WebdavStore {
    /// Copies on the server, beside the target first: others see nothing of it, or all.
    pub(super) async fn copy_file(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        self.root.file("copy", to)?;
        let found = self.root.expected("copy", from, options.expect.as_ref()).await?;
        self.root.check_target("copy", to, &options.precondition).await?;
        self.root.ensure_folder("copy", to, to.parent().as_ref()).await?;
        let temporary = self.temporary("copy", to, options.temporary.as_ref())?;
        let copied = self.copy_over(from, to, &temporary, &found, &options.precondition).await;
        if copied.is_err() {
            self.clear(&temporary).await;
        }
        copied
    }

    async fn copy_over(
        &self,
        from: &RelPath,
        to: &RelPath,
        temporary: &RelPath,
        found: &Facts,
        precondition: &Precondition,
    ) -> Result<Facts, StoreError> {
        // With a time, some servers change that of the original.
        let request = Request::new(method("COPY"), self.root.place(Some(from)))
            .header("destination", &self.root.url(&self.root.place(Some(temporary))))
            .header("overwrite", "T")
            .header("depth", "0");
        match self.root.wire.send(&request).await {
            Ok(reply) if reply.status != http::StatusCode::MULTI_STATUS => {}
            Ok(_) => {
                return Err(self.root.failure(Fault::Malformed("not all of it was copied"), "copy", from));
            }
            Err(failed) => return Err(self.unwritten(to, failed.fault)),
        }
        syncplan_failpoint::hit("webdav/copied");
        let size = found.size;
        let changed = |path| StoreError::new(StoreErrorKind::Changed, "copy", path);
        let copy = self.root.look("copy", temporary).await?;
        let copy = copy.filter(|copy| copy.size == found.size).ok_or_else(|| changed(to))?;
        self.stamp("copy", temporary, found.mtime, Some(&copy)).await?;
        let now = self.root.look("copy", from).await?;
        if now.is_none_or(|now| (now.token, now.size) != (found.token.clone(), found.size)) {
            return Err(changed(from));
        }
        let is_copy = |found: Option<Facts>| {
            let found = found.filter(|copy| (copy.kind, copy.size) == (EntryKind::File, size));
            found.ok_or_else(|| changed(to))
        };
        self.move_over("copy", temporary, to, precondition, is_copy).await?;
        let copied = self.root.look("copy", to).await?.filter(|copied| copied.size == found.size);
        copied.ok_or_else(|| changed(to))
    }

    pub(super) async fn rename_file(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        self.root.file("rename", to)?;
        // Whatever takes its time comes before the looks: the move comes right after them.
        self.honoured().await?;
        self.root.ensure_folder("rename", to, to.parent().as_ref()).await?;
        let is_it = |found| as_expected("rename", from, options.expect.as_ref(), found);
        let found = self.move_over("rename", from, to, &options.precondition, is_it).await?;
        syncplan_failpoint::hit("webdav/renamed");
        let moved = self.root.look("rename", to).await?.filter(|moved| moved.size == found.size);
        moved.ok_or_else(|| StoreError::new(StoreErrorKind::Changed, "rename", to))
    }

    pub(super) async fn delete_file(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        let found = self.root.expected("delete", path, expect).await?;
        // Repeated later it might remove what somebody saved meanwhile.
        let mut request = Request::new(Method::DELETE, self.root.place(Some(path))).single();
        // Known only after a write; a delete alone is not worth a probe.
        let conditional = self.honoured.get().is_some_and(|honoured| honoured.delete && !honoured.weak);
        if let (true, Some(token)) = (conditional, &found.token) {
            request = request.header("if-match", &format!("\"{}\"", token.as_str()));
        }
        match self.root.wire.send(&request).await {
            Ok(reply) if reply.status == http::StatusCode::MULTI_STATUS => {
                Err(self.root.failure(Fault::Malformed("it was not removed"), "delete", path))
            }
            Ok(_) => {
                syncplan_failpoint::hit("webdav/deleted");
                Ok(())
            }
            // Its answer may have been lost: it is gone, which is what was wanted.
            Err(failed) if self.is_gone("delete", path, &failed.fault).await => Ok(()),
            Err(failed) => Err(self.root.failure(failed.fault, "delete", path)),
        }
    }

    /// Whether nothing stands any more where a delete failed for the moment.
    async fn is_gone(&self, operation: &'static str, path: &RelPath, fault: &Fault) -> bool {
        fault.kind().is_momentary() && matches!(self.root.look(operation, path).await, Ok(None))
    }

    pub(super) async fn make_folder(&self, path: &RelPath) -> Result<(), StoreError> {
        self.root.file("create", path)?;
        if path.parent().is_none() {
            self.root.ensure_folder("create", path, None).await?;
        }
        let place = format!("{}/", self.root.place(Some(path)));
        let Err(failed) = self.root.wire.send(&Request::new(method("MKCOL"), place)).await else {
            syncplan_failpoint::hit("webdav/folder");
            return Ok(());
        };
        if failed.fault.kind().is_momentary() {
            return Err(self.root.failure(failed.fault, "create", path));
        }
        match self.root.look("create", path).await? {
            Some(found) if found.kind == EntryKind::Dir => Ok(()),
            Some(_) => Err(StoreError::new(StoreErrorKind::Precondition, "create", path)),
            None => Err(self.root.failure(failed.fault, "create", path)),
        }
    }

    /// Removes a folder if nothing is in it.
    ///
    /// Servers remove folders with all that is in them. It is therefore moved aside first, where nobody puts
    /// anything any more, and moved back if something was put into it until then.
    pub(super) async fn remove_folder(&self, path: &RelPath) -> Result<(), StoreError> {
        self.root.file("remove", path)?;
        self.expect_empty(path, path).await?;
        let aside = self.temporary("remove", path, None)?;
        self.root.forget_folders();
        self.move_folder("remove", path, &aside).await?;
        if let Err(error) = self.expect_empty(&aside, path).await {
            let back = || self.move_back(&aside, path).boxed();
            insist(&self.retry(), back).await.map_err(|lost| {
                let place = format!("what is in it stands in `{aside}` now");
                tracing::warn!(%path, %aside, "a folder could not be moved back");
                StoreError::new(lost.kind, "remove", path).because(place)
            })?;
            return Err(error);
        }
        // Whoever tries all of it again finds nothing at `path` any more, and does not know of this.
        insist(&self.retry(), || self.remove_aside(&aside, path).boxed()).await
    }

    /// Removes an empty folder that was moved aside, where nobody puts anything.
    async fn remove_aside(&self, aside: &RelPath, path: &RelPath) -> Result<(), StoreError> {
        let place = format!("{}/", self.root.place(Some(aside)));
        match self.root.wire.send(&Request::new(Method::DELETE, place).single()).await {
            Ok(_) => {
                syncplan_failpoint::hit("webdav/folder-removed");
                Ok(())
            }
            Err(failed) if failed.fault.kind() == StoreErrorKind::NotFound => Ok(()),
            Err(failed) if self.is_gone("remove", aside, &failed.fault).await => Ok(()),
            Err(failed) => Err(self.root.failure(failed.fault, "remove", path)),
        }
    }

    /// Moves a folder back that was moved aside and is not empty.
    async fn move_back(&self, aside: &RelPath, path: &RelPath) -> Result<(), StoreError> {
        if self.root.look("remove", aside).await?.is_none() {
            return Ok(());
        }
        // Not every server heeds that nothing is to be moved over.
        if self.root.look("remove", path).await?.is_some() {
            return Err(StoreError::new(StoreErrorKind::Precondition, "remove", path));
        }
        self.move_folder("remove", aside, path).await
    }

    async fn expect_empty(&self, folder: &RelPath, path: &RelPath) -> Result<(), StoreError> {
        let failure = |kind| StoreError::new(kind, "remove", path);
        let (itself, below) = match self.root.ask_folder(Some(folder)).await {
            Ok(found) => found,
            // The same without a slash may be a file.
            Err(fault) => {
                return Err(match self.root.look("remove", folder).await {
                    Ok(Some(found)) if found.kind != EntryKind::Dir => failure(StoreErrorKind::NotDirectory),
                    _ => self.root.failure(fault, "remove", path),
                });
            }
        };
        match itself.facts().kind {
            EntryKind::Dir if below.is_empty() => Ok(()),
            EntryKind::Dir => Err(failure(StoreErrorKind::NotEmpty)),
            _ => Err(failure(StoreErrorKind::NotDirectory)),
        }
    }
}
