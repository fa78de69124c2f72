//! The sorted index of one side at one moment: packed pages, walked by a cursor.

mod builder;
mod cursor;
mod packed;
mod page;
pub mod portable;
mod problem;

pub use builder::{OrderError, SnapshotBuilder};
pub use cursor::Cursor;
pub use page::{Page, PageError};
pub use problem::{Gap, Problem, ProblemKind};

use crate::digest::Digest;
use crate::entry::Facts;
use crate::path::RelPath;

/// The sorted index of one side of one task at one moment.
///
/// Its entries stand in packed pages, some 40 bytes each, and are walked in the order of their
/// path bytes by a [`Cursor`], which reuses its one entry: a snapshot is never held as a list.
///
/// ```
/// use syncplan_model::{Entry, EntryKind, Facts, RelPath, Snapshot, SnapshotBuilder};
///
/// let mut builder = SnapshotBuilder::new();
/// for path in ["a", "b/c"] {
///     builder.push(&Entry { path: RelPath::new(path).unwrap(), facts: Facts::file(1) }).unwrap();
/// }
/// let snapshot = builder.finish();
/// assert_eq!((snapshot.entries(), snapshot.bytes()), (2, 2));
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pages: Vec<Page>,
    entries: u64,
    bytes: u64,
    digest: Digest,
    problems: Vec<Problem>,
}

impl Snapshot {
    /// A snapshot of nothing.
    pub fn empty() -> Self {
        SnapshotBuilder::new().finish()
    }

    /// Puts a stored snapshot together again; an error if its pages are not in order.
    ///
    /// ```
    /// # use syncplan_model::{Entry, Facts, RelPath, Snapshot, SnapshotBuilder};
    /// let mut builder = SnapshotBuilder::new();
    /// builder.push(&Entry { path: RelPath::new("a").unwrap(), facts: Facts::file(1) }).unwrap();
    /// let snapshot = builder.finish();
    /// let again = Snapshot::from_pages(snapshot.pages().to_vec(), Vec::new()).unwrap();
    /// assert_eq!((again.digest(), again.entries(), again.bytes()), (snapshot.digest(), 1, 1));
    /// ```
    pub fn from_pages(pages: Vec<Page>, problems: Vec<Problem>) -> Result<Self, OrderError> {
        let mut builder = SnapshotBuilder::new();
        builder.extend_with_pages(pages)?;
        problems.into_iter().for_each(|problem| builder.report(problem));
        Ok(builder.finish())
    }

    /// A cursor on the first entry.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.pages)
    }

    /// What stands at one path, found without decoding more than a page.
    pub fn get(&self, path: &RelPath) -> Option<Facts> {
        let first = |page: &Page| Cursor::new(std::slice::from_ref(page)).current().map(|it| it.path.clone());
        let behind = self.pages.partition_point(|page| first(page).is_some_and(|first| first <= *path));
        let page = self.pages.get(behind.checked_sub(1)?)?;
        let mut cursor = Cursor::new(std::slice::from_ref(page));
        cursor.seek(path.as_bytes());
        cursor.current().filter(|entry| entry.path == *path).map(|entry| entry.facts.clone())
    }

    /// The packed pages, in order.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// How many entries there are, directories and what is left out included.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The sizes of all files together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A hash of everything in it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether everything could be read.
    pub fn is_complete(&self) -> bool {
        let is_unknown = |kind| matches!(kind, ProblemKind::Unreadable | ProblemKind::Gap);
        !self.problems.iter().any(|problem| is_unknown(problem.kind))
    }

    /// Where the listing broke off.
    pub fn gaps(&self) -> impl Iterator<Item = Gap<'_>> {
        self.problems.iter().filter_map(Problem::gap)
    }

    /// Paths that cut it into runs of about the same length, at most so many and none of them short. All are
    /// ASCII: stores that do not quite sort by bytes still agree on what is behind one.
    pub fn cuts(&self, most: usize) -> Vec<RelPath> {
        let pages = self.pages.len();
        let runs = most.min(pages);
        let cut = |run: usize| self.pages[run * pages / runs].cursor().current().map(|it| it.path.clone());
        (1..runs).filter_map(cut).filter(|path| path.as_bytes().is_ascii()).collect()
    }

    /// What was met that is no entry, in the order of names.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}
