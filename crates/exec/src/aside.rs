use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::cancel::Cancel;

/// Actions that wait for something, so that others may take their places meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    waiting: AtomicUsize,
    changed: Notify,
}

impl Aside {
    /// Waits aside; answers nothing if the run is to stop.
    pub(crate) async fn wait<T>(&self, waiting: impl Future<Output = T>, cancel: &Cancel) -> Option<T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
        let result = tokio::select! {
            result = waiting => Some(result),
            () = cancel.cancelled() => None,
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.changed.notify_one();
        result
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns when somebody began to wait, or went on.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
