use super::cursor::Cursor;
use super::page::{PAGE_ENTRIES, Page, encode};
use super::{Problem, Snapshot};
use crate::digest::Digest;
use crate::entry::{Entry, EntryKind};
use crate::path::RelPath;

/// Packs sorted entries into a [`Snapshot`].
#[derive(Debug, Default)]
pub struct SnapshotBuilder {
    pages: Vec<Page>,
    page: Vec<u8>,
    in_page: u32,
    last: Vec<u8>,
    entries: u64,
    bytes: u64,
    hasher: blake3::Hasher,
    problems: Vec<Problem>,
}

/// An entry that does not stand behind the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the listing is not sorted: {path:?} comes too late, or twice")]
pub struct OrderError {
    path: RelPath,
}

impl SnapshotBuilder {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry; paths must rise strictly.
    pub fn push(&mut self, entry: &Entry) -> Result<(), OrderError> {
        if !self.last.is_empty() && self.last.as_slice() >= entry.path.as_bytes() {
            return Err(OrderError { path: entry.path.clone() });
        }
        if self.in_page == PAGE_ENTRIES {
            self.close_page();
        }
        let previous: &[u8] = if self.in_page == 0 { b"" } else { &self.last };
        encode(&mut self.page, previous, entry);
        self.in_page += 1;
        self.entries += 1;
        if entry.facts.kind == EntryKind::File {
            self.bytes = self.bytes.saturating_add(entry.facts.size);
        }
        self.last.clear();
        self.last.extend_from_slice(entry.path.as_bytes());
        Ok(())
    }

    /// Notes something that is no entry.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Closes the last page and hashes the whole.
    pub fn finish(mut self) -> Snapshot {
        self.close_page();
        self.problems.sort();
        for problem in &self.problems {
            self.hasher.update(&problem.name).update(&[0, problem.kind as u8]);
            if let Some(until) = &problem.until {
                self.hasher.update(until).update(&[0]);
            }
        }
        Snapshot {
            pages: self.pages,
            entries: self.entries,
            bytes: self.bytes,
            digest: Digest::from(self.hasher.finalize()),
            problems: self.problems,
        }
    }

    /// The entries alone, without anything that was noted.
    pub fn into_pages(mut self) -> Vec<Page> {
        self.close_page();
        self.pages
    }

    /// Takes stored pages back as they are; entries must rise across their borders too.
    pub(super) fn extend_with_pages(&mut self, pages: Vec<Page>) -> Result<(), OrderError> {
        self.close_page();
        for page in pages {
            let mut cursor = Cursor::new(std::slice::from_ref(&page));
            if let Some(first) = cursor.current()
                && !self.last.is_empty()
                && self.last.as_slice() >= first.path.as_bytes()
            {
                return Err(OrderError { path: first.path.clone() });
            }
            while let Some(entry) = cursor.current() {
                if entry.facts.kind == EntryKind::File {
                    self.bytes = self.bytes.saturating_add(entry.facts.size);
                }
                cursor.advance();
            }
            self.last.clear();
            self.last.extend_from_slice(cursor.last_path());
            self.entries += u64::from(page.count);
            self.hasher.update(&page.bytes);
            self.pages.push(page);
        }
        Ok(())
    }

    fn close_page(&mut self) {
        if self.in_page > 0 {
            self.hasher.update(&self.page);
            self.pages.push(Page { bytes: std::mem::take(&mut self.page).into(), count: self.in_page });
            self.in_page = 0;
        }
    }
}
