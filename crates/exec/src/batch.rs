use std::time::{Duration, Instant};

use crate::worker::Performed;

/// So many actions share a commit at most.
const MOST: usize = 4096;

/// So long an action waits for others to share its commit with.
const WINDOW: Duration = Duration::from_millis(100);

/// Making things durable takes at most this part of the time: one in so many.
const SHARE: u32 = 4;

/// Actions that are performed and not yet on record.
pub(crate) struct Batch {
    contents: Contents,
    since: Option<Instant>,
    window: Duration,
}

/// What is committed as one.
#[derive(Default)]
pub(crate) struct Contents {
    /// Actions that have an outcome.
    pub(crate) performed: Vec<Performed>,
    /// Installations of what is staged: they are open until they are done.
    pub(crate) left_open: Vec<usize>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { contents: Contents::default(), since: None, window: WINDOW }
    }

    pub(crate) fn push(&mut self, performed: Performed) {
        self.since.get_or_insert_with(Instant::now);
        self.contents.performed.push(performed);
    }

    pub(crate) fn leave_open(&mut self, installation: usize) {
        self.contents.left_open.push(installation);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.contents.performed.is_empty()
    }

    /// When it has to be committed at the latest; `None` if there is nothing to commit.
    pub(crate) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        Some(if self.contents.performed.len() >= MOST { since } else { since + self.window })
    }

    pub(crate) fn take(&mut self) -> Contents {
        self.since = None;
        std::mem::take(&mut self.contents)
    }

    /// A commit took this long: the next ones come accordingly.
    pub(crate) fn took(&mut self, duration: Duration) {
        self.window = WINDOW.max(duration * SHARE);
    }
}
