use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::error::{StoreError, StoreErrorKind};
use crate::store::{
    ContentStream, FlatListing, Listing, Metadata, MoveOptions, Precondition, Store, TreeListing,
    WriteOptions,
};

/// Why a check failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure(String);

pub(super) type Check<T = ()> = Result<T, Failure>;

/// A folder of a store for one check.
pub(super) struct Scope<'a> {
    pub(super) store: &'a dyn Store,
    /// The same place, as another process sees it.
    pub(super) again: &'a dyn Store,
    folder: RelPath,
}

/// Fails the check with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::scope::Failure::new(format!($($message)+)));
        }
    };
}

pub(super) use ensure;

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self(message)
    }
}

impl From<syncplan_model::PathError> for Failure {
    fn from(error: syncplan_model::PathError) -> Self {
        Self(error.to_string())
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(store: &'a dyn Store, again: &'a dyn Store, run: &str, name: &str) -> Check<Self> {
        Ok(Self { store, again, folder: RelPath::new(format!("{run}/{name}"))? })
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.store.capabilities().has(capability)
    }

    pub(super) fn path(&self, name: impl AsRef<[u8]>) -> Check<RelPath> {
        Ok(self.folder.join(name)?)
    }

    pub(super) async fn write(&self, name: &str, content: &str) -> Check<Facts> {
        self.write_if(name, content, Precondition::Any).await.map_err(Failure::from)
    }

    pub(super) async fn write_if(
        &self,
        name: &str,
        content: &str,
        precondition: Precondition,
    ) -> Result<Facts, StoreError> {
        let path = self
            .folder
            .join(name)
            .map_err(|e| StoreError::new(StoreErrorKind::Other, "name", name).because(e))?;
        let options = options(content.len() as u64, precondition);
        self.store.write(&path, stream(content.as_bytes()), options).await
    }

    pub(super) async fn read(&self, name: &str) -> Check<String> {
        let content = collect(self.store.read(&self.path(name)?, None, None).await?).await?;
        String::from_utf8(content).map_err(|_| Failure::new("the content is not what was written"))
    }

    pub(super) async fn stat(&self, name: &str) -> Check<Option<Facts>> {
        Ok(self.store.stat(&self.path(name)?).await?)
    }

    pub(super) async fn expect_content(&self, name: &str, content: &str) -> Check {
        let found = self.read(name).await?;
        ensure!(found == content, "`{name}` holds {found:?} and not {content:?}");
        Ok(())
    }

    pub(super) async fn expect_absent(&self, name: &str) -> Check {
        let found = self.stat(name).await?;
        ensure!(found.is_none(), "`{name}` is there: {found:?}");
        Ok(())
    }

    /// All that is listed below this check's folder, by path below it.
    pub(super) async fn list(&self) -> Check<BTreeMap<Vec<u8>, Facts>> {
        let mut found = BTreeMap::new();
        match self.store.listing() {
            Listing::Flat(listing) => self.list_flat(listing, &mut found).await?,
            Listing::Tree(listing) => self.list_tree(listing, &mut found).await?,
        }
        Ok(found)
    }

    async fn list_flat(&self, listing: &dyn FlatListing, found: &mut BTreeMap<Vec<u8>, Facts>) -> Check {
        let mut last: Option<RelPath> = None;
        let mut batches = listing.list(None);
        while let Some(batch) = batches.try_next().await? {
            // Folders may come anywhere.
            for entry in batch.entries.into_iter().filter(|entry| entry.facts.kind != EntryKind::Dir) {
                ensure!(
                    last.as_ref().is_none_or(|last| *last < entry.path),
                    "`{}` is out of order",
                    entry.path
                );
                if let Some(below) = self.below(&entry.path) {
                    found.insert(below.to_vec(), entry.facts);
                }
                last = Some(entry.path);
            }
        }
        Ok(())
    }

    async fn list_tree(&self, listing: &dyn TreeListing, found: &mut BTreeMap<Vec<u8>, Facts>) -> Check {
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in listing.read_dir(Some(&folder)).await?.entries {
                if entry.facts.kind == EntryKind::Dir {
                    folders.push(entry.path);
                } else if let Some(below) = self.below(&entry.path) {
                    found.insert(below.to_vec(), entry.facts);
                }
            }
        }
        Ok(())
    }

    fn below<'p>(&self, path: &'p RelPath) -> Option<&'p [u8]> {
        path.is_below(&self.folder).then(|| &path.as_bytes()[self.folder.as_bytes().len() + 1..])
    }
}

/// The token of what was just written.
pub(super) fn token(facts: &Facts) -> Check<syncplan_model::Token> {
    facts.token.clone().ok_or_else(|| Failure::new("there is no token"))
}

pub(super) fn options(size: u64, precondition: Precondition) -> WriteOptions {
    WriteOptions { size, precondition, metadata: Metadata::default(), temporary: None }
}

pub(super) fn to(precondition: Precondition) -> MoveOptions {
    MoveOptions { expect: None, precondition, temporary: None }
}

/// Content that is nowhere the same.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Content in chunks of uneven length, as transfers bring them.
pub(super) fn stream(content: &[u8]) -> ContentStream {
    let chunks: Vec<_> = content.chunks(100_003).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    futures::stream::iter(chunks).boxed()
}

pub(super) async fn collect(mut content: ContentStream) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = content.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// That an operation failed in a way that callers tell apart.
pub(super) fn expect_error<T>(result: Result<T, StoreError>, kind: StoreErrorKind) -> Check {
    match result {
        Ok(_) => Err(Failure::new(format!("it should have failed with {kind:?}"))),
        Err(error) if error.kind == kind => Ok(()),
        Err(error) => Err(Failure::new(format!("{} ({:?} and not {kind:?})", Failure::from(error), kind))),
    }
}
