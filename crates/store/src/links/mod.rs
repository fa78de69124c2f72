//! Symbolic links as small files, the way rclone's `--links` shows them.

mod parts;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use syncplan_model::{Capabilities, Capability, Digest, Entry, EntryKind, Facts, LinkTarget, RelPath, Token};

use crate::error::{StoreError, StoreErrorKind};
use crate::preserve;
use crate::store::{
    Batch, BlockingRead, ContentStream, Enforcement, Guarded, Housekeeping, Listing, Metadata, MoveOptions,
    PartialWrites, Precondition, Rejected, Store, TreeListing, WriteOptions,
};

/// What the name of a link has behind it where it is a file.
const SUFFIX: &[u8] = b".rclonelink";

/// No link is longer (`PATH_MAX` counts the closing NUL byte).
const LONGEST: u64 = 4095;

/// A store with symbolic links, seen as one that has none: a link `x` is a file `x.rclonelink` that holds
/// the text of the link, and writing such a file makes a link. The text is never resolved.
///
/// A file that really has such a name is reported and left alone: on the other side it would be a link.
pub struct LinksAsFiles {
    inner: Arc<dyn Store>,
    capabilities: Capabilities,
}

impl LinksAsFiles {
    /// Shows the links of a store as files.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        let capabilities = inner.capabilities().clone().without(Capability::Symlinks);
        Self { inner, capabilities }
    }

    /// The link behind a name, with its text: only if there is one.
    async fn link(&self, link: &RelPath) -> Result<Option<(Facts, LinkTarget)>, StoreError> {
        let found = self.inner.stat(link).await?;
        Ok(found.filter(|facts| facts.kind == EntryKind::Symlink).and_then(|facts| {
            let target = facts.target.clone()?;
            Some((as_file(&facts, &target), target))
        }))
    }

    /// The link behind a name that an operation needs to be there, with the token that is expected of it.
    async fn wanted(
        &self,
        operation: &'static str,
        path: &RelPath,
        link: &RelPath,
        expect: Option<&Token>,
    ) -> Result<(Facts, LinkTarget), StoreError> {
        let missing = || StoreError::new(StoreErrorKind::NotFound, operation, path);
        let (facts, target) = self.link(link).await?.ok_or_else(missing)?;
        match expect {
            Some(token) if facts.token.as_ref() != Some(token) => {
                Err(StoreError::new(StoreErrorKind::Precondition, operation, path))
            }
            _ => Ok((facts, target)),
        }
    }

    /// What stands at a path that is no link's: a link there has another name.
    async fn refuse_link(&self, operation: &'static str, path: &RelPath) -> Result<(), StoreError> {
        if path.is_reserved() {
            return Ok(());
        }
        let found = self.inner.stat(path).await?;
        match found.is_some_and(|facts| facts.kind == EntryKind::Symlink) {
            true => Err(StoreError::new(StoreErrorKind::Precondition, operation, path)
                .because("a symbolic link stands there, whose name ends in .rclonelink in this task")),
            false => Ok(()),
        }
    }

    /// Makes a link that holds this text.
    async fn make(
        &self,
        path: &RelPath,
        link: &RelPath,
        text: &[u8],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError> {
        if text.is_empty() || text.len() as u64 > LONGEST || text.contains(&0) {
            let error = StoreError::new(StoreErrorKind::Unsupported, "write", path);
            return Err(error.because("no symbolic link can hold this"));
        }
        // A file that really has this name is in the way.
        if self.inner.stat(path).await?.is_some() {
            return Err(StoreError::new(StoreErrorKind::Precondition, "write", path)
                .because("a file that really ends in .rclonelink stands there"));
        }
        if options.precondition != Precondition::Absent {
            // Only a link may be replaced by one.
            let found = self.inner.stat(link).await?;
            if found.is_some_and(|facts| facts.kind != EntryKind::Symlink) {
                return Err(StoreError::new(StoreErrorKind::Precondition, "write", path));
            }
        }
        let target = LinkTarget::new(text);
        let facts = self.inner.create_symlink(link, &target, options.precondition.clone()).await?;
        let Some(mtime) = options.metadata.mtime else { return Ok(as_file(&facts, &target)) };
        let metadata = Metadata { mtime: Some(mtime), ..Metadata::default() };
        match self.inner.set_metadata(link, &metadata, facts.token.as_ref()).await {
            Ok(facts) => Ok(as_file(&facts, &target)),
            // A store that cannot date links keeps its own time.
            Err(error) if error.kind == StoreErrorKind::Unsupported => Ok(as_file(&facts, &target)),
            Err(error) => Err(error),
        }
    }

    /// Brings over the content where a link becomes a file or the other way round.
    async fn rewrite(
        &self,
        from: &RelPath,
        to: &RelPath,
        options: &MoveOptions,
    ) -> Result<Facts, StoreError> {
        let found = self.stat(from).await?;
        let found = found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, "copy", from))?;
        let content = self.read(from, None, options.expect.as_ref()).await?;
        let options = WriteOptions {
            size: found.size,
            precondition: options.precondition.clone(),
            metadata: Metadata { mtime: found.mtime, ..Metadata::default() },
            temporary: options.temporary.clone(),
        };
        self.write(to, content, options).await
    }

    async fn tree(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        match self.inner.listing() {
            Listing::Tree(tree) => Ok(translated(tree.read_dir(dir).await?)),
            Listing::Flat(_) => {
                Err(StoreError::new(StoreErrorKind::Unsupported, "list", self.inner.location()))
            }
        }
    }
}

/// The link that a name stands for.
fn link_of(path: &RelPath) -> Option<RelPath> {
    let name = path.file_name().strip_suffix(SUFFIX)?;
    path.with_file_name(name).ok()
}

/// A link as the file that it is shown as.
fn as_file(facts: &Facts, target: &LinkTarget) -> Facts {
    let text = target.as_bytes();
    Facts {
        token: facts.token.clone(),
        mtime: facts.mtime,
        digest: Some(Digest::of(text)),
        ..Facts::file(text.len() as u64)
    }
}

/// Gives links the names that they have here, and leaves alone what has such a name already.
fn translated(batch: Batch) -> Batch {
    let mut translated = Batch { entries: Vec::with_capacity(batch.entries.len()), rejected: batch.rejected };
    let mut links = Vec::new();
    for Entry { path, facts } in batch.entries {
        if facts.kind != EntryKind::Symlink {
            let taken = facts.kind != EntryKind::Dir && link_of(&path).is_some();
            if taken {
                let reason = "a file has a name that stands for a symbolic link in this task".to_owned();
                translated.rejected.push(Rejected { name: path.as_bytes().to_vec(), reason });
            }
            let facts = if taken { Facts::new(EntryKind::Ignored) } else { facts };
            translated.entries.push(Entry { path, facts });
            continue;
        }
        let name = [path.file_name(), SUFFIX].concat();
        match (path.with_file_name(name), &facts.target) {
            (Ok(shown), Some(target)) => {
                links.push(Entry { path: shown, facts: as_file(&facts, target) });
            }
            (Err(error), _) => {
                let name = path.as_bytes().to_vec();
                translated.rejected.push(Rejected { name, reason: error.to_string() });
            }
            (Ok(shown), None) => {
                links.push(Entry { path: shown, facts: Facts::new(EntryKind::Unreadable) });
            }
        }
    }
    // What has the name already counts, and is left alone: two things cannot share it.
    let taken: HashMap<RelPath, usize> =
        translated.entries.iter().enumerate().map(|(at, it)| (it.path.clone(), at)).collect();
    for link in links {
        match taken.get(&link.path) {
            None => translated.entries.push(link),
            Some(&at) => {
                let real = &mut translated.entries[at].facts;
                if real.kind != EntryKind::Ignored {
                    let reason = "a symbolic link here stands under this name in this task".to_owned();
                    translated.rejected.push(Rejected { name: link.path.as_bytes().to_vec(), reason });
                }
                *real = Facts::new(EntryKind::Ignored);
            }
        }
    }
    translated
}

/// Content of a few bytes, whole.
async fn collect(path: &RelPath, mut content: ContentStream, size: u64) -> Result<Bytes, StoreError> {
    let mut text = BytesMut::new();
    while let Some(chunk) = content.next().await {
        text.extend_from_slice(&chunk?);
        if text.len() as u64 > size {
            break;
        }
    }
    match text.len() as u64 == size {
        true => Ok(text.freeze()),
        false => Err(StoreError::new(StoreErrorKind::Changed, "write", path)),
    }
}

#[async_trait]
impl Store for LinksAsFiles {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn listing(&self) -> Listing<'_> {
        match self.inner.listing() {
            Listing::Tree(_) => Listing::Tree(self),
            // What is listed all at once has no links.
            flat @ Listing::Flat(_) => flat,
        }
    }

    /// A link cannot be opened as a file.
    fn blocking_reader(&self) -> Option<&dyn BlockingRead> {
        None
    }

    fn partial_writes(&self) -> Option<&dyn PartialWrites> {
        self.inner.partial_writes().map(|_| self as &dyn PartialWrites)
    }

    fn housekeeping(&self) -> Option<&dyn Housekeeping> {
        self.inner.housekeeping()
    }

    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError> {
        let found = self.inner.stat(path).await?;
        match link_of(path) {
            // A file that really has this name stands in the way of the link.
            Some(link) if found.is_none() => Ok(self.link(&link).await?.map(|(facts, _)| facts)),
            _ => Ok(found.filter(|facts| facts.kind != EntryKind::Symlink || path.is_reserved())),
        }
    }

    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError> {
        let Some(link) = link_of(path) else { return self.inner.read(path, range, expect).await };
        let (_, target) = self.wanted("read", path, &link, expect).await?;
        let text = Bytes::copy_from_slice(target.as_bytes());
        let end = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
        let range = range.map_or(0..text.len(), |range| end(range.start)..end(range.end));
        let part = if range.start < range.end { text.slice(range) } else { Bytes::new() };
        Ok(futures::stream::iter((!part.is_empty()).then_some(Ok(part))).boxed())
    }

    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError> {
        match link_of(path) {
            Some(link) if options.size <= LONGEST => {
                let text = collect(path, content, options.size).await?;
                self.make(path, &link, &text, &options).await
            }
            Some(link) => self.make(path, &link, b"", &options).await,
            None => {
                self.refuse_link("write", path).await?;
                self.inner.write(path, content, options).await
            }
        }
    }

    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        if link_of(from).is_some() || link_of(to).is_some() {
            return self.rewrite(from, to, &options).await;
        }
        self.refuse_link("copy", from).await?;
        self.inner.copy(from, to, options).await
    }

    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError> {
        match (link_of(from), link_of(to)) {
            (None, None) => {
                self.refuse_link("rename", from).await?;
                self.inner.rename(from, to, options).await
            }
            (Some(old), Some(new)) => {
                let (_, target) = self.wanted("rename", from, &old, options.expect.as_ref()).await?;
                if self.inner.stat(to).await?.is_some() {
                    return Err(StoreError::new(StoreErrorKind::Precondition, "rename", to));
                }
                let facts = self.inner.rename(&old, &new, options).await?;
                Ok(as_file(&facts, &target))
            }
            _ => {
                let facts = self.rewrite(from, to, &options).await?;
                self.delete(from, options.expect.as_ref()).await?;
                Ok(facts)
            }
        }
    }

    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        match (link_of(from), link_of(to)) {
            (None, None) => {
                self.refuse_link("keep", from).await?;
                self.inner.preserve(from, to, expect).await
            }
            (Some(old), Some(new)) => {
                let (_, target) = self.wanted("keep", from, &old, expect).await?;
                let facts = self.inner.preserve(&old, &new, expect).await?;
                Ok(as_file(&facts, &target))
            }
            _ => preserve::by_copy(self, from, to, expect).await,
        }
    }

    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError> {
        let Some(link) = link_of(path) else {
            self.refuse_link("delete", path).await?;
            return self.inner.delete(path, expect).await;
        };
        let (facts, _) = self.wanted("delete", path, &link, expect).await?;
        // Whatever takes the place of the link until then is no link of ours.
        self.inner.delete(&link, expect.or(facts.token.as_ref())).await
    }

    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.inner.create_dir(path).await
    }

    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError> {
        self.inner.remove_dir(path).await
    }

    async fn create_symlink(
        &self,
        path: &RelPath,
        _: &LinkTarget,
        _: Precondition,
    ) -> Result<Facts, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "create the link", path))
    }

    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError> {
        let Some(link) = link_of(path) else {
            self.refuse_link("change the metadata of", path).await?;
            return self.inner.set_metadata(path, metadata, expect).await;
        };
        let (_, target) = self.wanted("change the metadata of", path, &link, expect).await?;
        let metadata = Metadata { mode: None, ..metadata.clone() };
        let facts = self.inner.set_metadata(&link, &metadata, expect).await?;
        Ok(as_file(&facts, &target))
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync().await
    }

    fn enforcement(&self, operation: Guarded) -> Enforcement {
        self.inner.enforcement(operation)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe().await
    }

    async fn free_space(&self) -> Result<Option<u64>, StoreError> {
        self.inner.free_space().await
    }
}

#[async_trait]
impl TreeListing for LinksAsFiles {
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError> {
        self.tree(dir).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_does_not_hide_what_has_its_name() {
        let entry = |path: &str, facts| Entry { path: RelPath::new(path).unwrap(), facts };
        let link = Facts { target: Some(LinkTarget::new(*b"t")), ..Facts::new(EntryKind::Symlink) };
        for real in [Facts::new(EntryKind::Dir), Facts::file(3)] {
            let entries =
                vec![entry("x", link.clone()), entry("x.rclonelink", real), entry("y", link.clone())];
            let translated = translated(Batch { entries, rejected: Vec::new() });
            let found: Vec<_> =
                translated.entries.iter().map(|it| (it.path.as_str().unwrap(), it.facts.kind)).collect();
            assert_eq!(found, [("x.rclonelink", EntryKind::Ignored), ("y.rclonelink", EntryKind::File)]);
            assert_eq!(translated.rejected.len(), 1);
        }
    }
}
