use super::page::{Page, blank, decode};
use crate::entry::Entry;

/// Walks a snapshot in order, decoding into one entry that it reuses.
///
/// ```
/// # use syncplan_model::Snapshot;
/// # let snapshot = Snapshot::empty();
/// let mut cursor = snapshot.cursor();
/// while let Some(entry) = cursor.current() {
///     println!("{}", entry.path);
///     cursor.advance();
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    pages: std::slice::Iter<'a, Page>,
    page: &'a [u8],
    at: usize,
    entry: Entry,
    done: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(pages: &'a [Page]) -> Self {
        let mut cursor = Self { pages: pages.iter(), page: &[], at: 0, entry: blank(), done: false };
        cursor.advance();
        cursor
    }

    /// The entry it stands on; `None` at the end.
    pub fn current(&self) -> Option<&Entry> {
        (!self.done).then_some(&self.entry)
    }

    /// Goes to the next entry.
    pub fn advance(&mut self) {
        while self.at == self.page.len() {
            let Some(page) = self.pages.next() else {
                self.done = true;
                return;
            };
            (self.page, self.at) = (&page.bytes, 0);
        }
        match decode(self.page, self.at, &mut self.entry) {
            Some(next) => self.at = next,
            None => unreachable!("pages are checked when they are made"),
        }
    }

    /// The path of the entry that was decoded last, also at the end.
    pub(super) fn last_path(&self) -> &[u8] {
        self.entry.path.as_bytes()
    }

    /// Goes on to the first entry whose path is at or behind `path`.
    pub fn seek(&mut self, path: &[u8]) {
        while self.current().is_some_and(|entry| entry.path.as_bytes() < path) {
            self.advance();
        }
    }
}
