use tokio::sync::watch;

/// Asks a run to stop: no action begins any more, and those under way come to their end.
///
/// Clones belong together: what one of them says, all of them hear.
///
/// ```
/// let cancel = syncplan_exec::Cancel::new();
/// cancel.clone().cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Debug, Clone)]
pub struct Cancel {
    said: watch::Sender<bool>,
}

impl Cancel {
    /// Nobody asks yet.
    pub fn new() -> Self {
        Self { said: watch::Sender::new(false) }
    }

    /// Asks the run to stop.
    pub fn cancel(&self) {
        self.said.send_replace(true);
    }

    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.said.borrow()
    }

    /// Waits until the run is asked to stop.
    pub async fn cancelled(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.said.subscribe().wait_for(|&said| said).await;
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}
