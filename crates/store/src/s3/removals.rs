use std::sync::atomic::{AtomicU64, Ordering};

use syncplan_model::{Facts, RelPath};
use tokio::sync::{RwLock, RwLockReadGuard};

use super::S3Store;
use crate::error::{StoreError, StoreErrorKind};

/// What this store is deleting, for those who put something beside it.
///
/// A server that keeps objects in folders removes a folder with its last object. Some (rclone) forget
/// what is put into it at that very moment: they say that it is there, have it on their disk, and show it
/// to nobody for minutes, until something else is put there. Only a look when the deletion is through
/// tells, and only doing it again mends it.
#[derive(Default)]
pub(super) struct Removals {
    begun: AtomicU64,
    ended: AtomicU64,
    under_way: RwLock<()>,
}

/// A deletion that is under way.
pub(super) struct Removal<'a> {
    ended: &'a AtomicU64,
    _under_way: RwLockReadGuard<'a, ()>,
}

/// When something was begun that a deletion may spoil.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(u64);

impl Removals {
    /// Something is deleted as long as the answer lives.
    pub(super) async fn begin(&self) -> Removal<'_> {
        let under_way = self.under_way.read().await;
        self.begun.fetch_add(1, Ordering::SeqCst);
        Removal { ended: &self.ended, _under_way: under_way }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.ended.load(Ordering::SeqCst))
    }

    /// Whether anything was under way since; if so, it is through by now.
    pub(super) async fn disturbed(&self, since: Moment) -> bool {
        // What was begun before is ended by then, unless it overlaps.
        if self.begun.load(Ordering::SeqCst) <= since.0 {
            return false;
        }
        drop(self.under_way.write().await);
        true
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl S3Store {
    /// Whether what was put since may have been lost to a deletion, all of which are through by now.
    pub(super) async fn may_be_lost(&self, since: Moment) -> bool {
        !self.is_believed() && self.removals.disturbed(since).await
    }

    /// What stands there after the server said that something was put there.
    ///
    /// Nothing at all is nobody's edit: it may be put there once more, if what was expected before is still
    /// so.
    pub(super) async fn look_after(
        &self,
        begun: Moment,
        operation: &'static str,
        path: &RelPath,
    ) -> Result<Facts, StoreError> {
        self.may_be_lost(begun).await;
        self.root.look(operation, path).await?.ok_or_else(|| {
            StoreError::new(StoreErrorKind::Transient, operation, path)
                .because("the server said that it is done, and has nothing there")
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn what_is_beside_a_deletion_waits_for_its_end() {
        let removals = Removals::default();
        let before = removals.now();
        assert!(!removals.disturbed(before).await);
        let removal = removals.begin().await;
        let during = removals.now();
        for moment in [before, during] {
            let mut disturbed = std::pin::pin!(removals.disturbed(moment));
            assert!(poll!(&mut disturbed).is_pending());
        }
        drop(removal);
        assert!(removals.disturbed(before).await && removals.disturbed(during).await);
        assert!(!removals.disturbed(removals.now()).await);
    }
}
