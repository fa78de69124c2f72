use std::fs::File;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use syncplan_model::{Capabilities, Entry, Facts, LinkTarget, Mtime, RelPath, Token};

use crate::attributes::Attributes;
use crate::checksum::Checksum;
use crate::error::StoreError;

/// A place that holds files.
///
/// Every operation takes the precondition it relies on, and answers
/// [`StoreErrorKind::Precondition`](crate::StoreErrorKind::Precondition) without any effect when
/// it does not hold. How firmly it is held is the store's to say: see [`Store::enforcement`].
///
/// An object that an operation reads, moves, copies or removes and that is not there is
/// [`StoreErrorKind::NotFound`](crate::StoreErrorKind::NotFound), whatever token was expected of
/// it; a *target* that is not there although a token was expected is a failed precondition.
///
/// What a store cannot do, it says in its [`Capabilities`], and answers
/// [`StoreErrorKind::Unsupported`](crate::StoreErrorKind::Unsupported).
#[async_trait]
pub trait Store: Send + Sync {
    /// Where it is, for people and for plan.json: no secret, no absolute path.
    fn location(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// How it is listed.
    fn listing(&self) -> Listing<'_>;

    /// The store for callers that have threads of their own to block, where that is cheaper than
    /// asking here: files of this machine.
    fn blocking_reader(&self) -> Option<&dyn BlockingRead>;

    /// Writes that another process can go on with, where the store has them.
    fn partial_writes(&self) -> Option<&dyn PartialWrites>;

    /// What syncplan itself keeps there, where the store keeps anything.
    fn housekeeping(&self) -> Option<&dyn Housekeeping>;

    /// What stands at a path; `None` if nothing does. Symbolic links are not followed.
    async fn stat(&self, path: &RelPath) -> Result<Option<Facts>, StoreError>;

    /// What stands at a path, and what is kept beside it for others; `None` if nothing stands there.
    async fn describe(&self, path: &RelPath) -> Result<Option<Described>, StoreError> {
        Ok(self.stat(path).await?.map(|facts| Described { facts, attributes: None }))
    }

    /// Whether [`Metadata::attributes`] are kept there, and so worth asking the source of a write for.
    fn keeps_attributes(&self) -> bool {
        false
    }

    /// The content of a file, or a range of it, as chunks in order.
    ///
    /// With `expect`, only content that still has this token is read.
    async fn read(
        &self,
        path: &RelPath,
        range: Option<Range<u64>>,
        expect: Option<&Token>,
    ) -> Result<ContentStream, StoreError>;

    /// Writes a whole file: others see what stood there, or all of the new content, never a part.
    ///
    /// Without [`Metadata::mode`], what is replaced keeps its permissions, and without
    /// [`Metadata::attributes`] its attributes, where the store keeps any. Parents are created where the store has directories. The content must be exactly
    /// [`WriteOptions::size`] bytes long; anything else leaves the path as it was.
    async fn write(
        &self,
        path: &RelPath,
        content: ContentStream,
        options: WriteOptions,
    ) -> Result<Facts, StoreError>;

    /// Copies a file within the store.
    async fn copy(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError>;

    /// Moves a file or a symbolic link within the store.
    async fn rename(&self, from: &RelPath, to: &RelPath, options: MoveOptions) -> Result<Facts, StoreError>;

    /// Has the content of a file, or a symbolic link, stand at `to` as well, before something replaces or
    /// removes it at `from`; answers what stands at `from` afterwards, whose token may be a new one.
    ///
    /// It is reachable at `to` from then on whatever becomes of `from`, after a power loss too. What
    /// stands at `to` already is left there: it is fine if it is the same (an earlier try), and a failed
    /// precondition if it is not.
    async fn preserve(
        &self,
        from: &RelPath,
        to: &RelPath,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError>;

    /// Removes a file or a symbolic link.
    async fn delete(&self, path: &RelPath, expect: Option<&Token>) -> Result<(), StoreError>;

    /// Creates a directory whose parent exists; one that is there already is no error.
    async fn create_dir(&self, path: &RelPath) -> Result<(), StoreError>;

    /// Removes an empty directory; one with content is a [`StoreErrorKind::NotEmpty`](crate::StoreErrorKind::NotEmpty).
    async fn remove_dir(&self, path: &RelPath) -> Result<(), StoreError>;

    /// Creates a symbolic link.
    async fn create_symlink(
        &self,
        path: &RelPath,
        target: &LinkTarget,
        precondition: Precondition,
    ) -> Result<Facts, StoreError>;

    /// Changes the time of modification and the permission bits of a file, leaving its content.
    async fn set_metadata(
        &self,
        path: &RelPath,
        metadata: &Metadata,
        expect: Option<&Token>,
    ) -> Result<Facts, StoreError>;

    /// Makes everything that was answered so far survive a power loss.
    ///
    /// Whoever records an outcome calls this first, once for many: until then a power loss may
    /// undo what was answered, though it never leaves half of it. Stores whose every answer is
    /// durable already do nothing.
    async fn sync(&self) -> Result<(), StoreError>;

    /// What the store itself says of the content of a file whose facts are known, its token among them:
    /// a checksum that was kept, whoever wrote the file. `None` if it says nothing, or what stands there
    /// has another token by now.
    ///
    /// It never reads content. Where listings bring it (an ETag that is an MD5) it costs nothing, elsewhere
    /// one request; a wrapper hands it on.
    async fn checksum(&self, _path: &RelPath, _facts: &Facts) -> Result<Option<Checksum>, StoreError> {
        Ok(None)
    }

    /// How firmly a precondition of each kind is held there.
    fn enforcement(&self, operation: Guarded) -> Enforcement;

    /// Whether an error in opening or reaching the store would show: the cheapest call that needs
    /// the root to exist and the credentials to be right.
    async fn check(&self) -> Result<(), StoreError>;

    /// Finds out what is otherwise found out at the first write, so that [`Store::enforcement`] is honest
    /// afterwards. It may write and remove an object below `.syncplan/`.
    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// How many bytes still fit, where the store tells.
    async fn free_space(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
}

/// Content on its way: chunks in order, each of any length.
pub type ContentStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// The two ways in which stores are listed.
pub enum Listing<'a> {
    /// Folder by folder: folders can be walked side by side, and left out whole.
    Tree(&'a dyn TreeListing),
    /// Everything at once, in the order of path bytes.
    Flat(&'a dyn FlatListing),
}

/// Lists a folder.
#[async_trait]
pub trait TreeListing: Send + Sync {
    /// What stands in a folder (`None` is the root), in any order, reserved names left out.
    ///
    /// A name that cannot be used is a [`Rejected`] beside the entries, and one whose facts could
    /// not be read is an entry of the kind `Unreadable`: neither spoils the others.
    async fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError>;

    /// How many folders are worth reading side by side, where that is not for this machine to say:
    /// behind a network most of the time is waiting.
    fn side_by_side(&self) -> Option<usize> {
        None
    }
}

/// Reads on the caller's thread.
pub trait BlockingRead: Send + Sync {
    /// Opens a regular file, never through a link, and says what it is by its handle.
    ///
    /// Whoever reads it all looks at the handle again afterwards: a file that changed meanwhile
    /// was not read.
    fn open(&self, path: &RelPath) -> Result<(File, Facts), StoreError>;

    /// What [`TreeListing::read_dir`] answers.
    fn read_dir(&self, dir: Option<&RelPath>) -> Result<Batch, StoreError>;
}

/// Lists everything.
pub trait FlatListing: Send + Sync {
    /// Entries sorted by path bytes, page by page, reserved names left out; `after` skips all up
    /// to and including that path. Where the store has directories, those that stand by themselves may come
    /// anywhere, and those that are only there because of what is in them not at all.
    ///
    /// A key that is no path is a [`Rejected`], and the listing goes on. An error names what could
    /// not be listed; whether the stream goes on after it is the store's to decide.
    fn list(&self, after: Option<&RelPath>) -> BoxStream<'_, Result<Batch, StoreError>>;

    /// The same up to and including `until`; whoever can end there asks for no more than that.
    fn list_until(
        &self,
        after: Option<&RelPath>,
        until: &RelPath,
    ) -> BoxStream<'_, Result<Batch, StoreError>> {
        let listing = Some((self.list(after), until.clone()));
        stream::unfold(listing, async |listing| {
            let (mut batches, until) = listing?;
            let mut batch = batches.next().await?;
            let more = batch.as_mut().is_ok_and(|batch| batch.end_at(&until));
            Some((batch, more.then_some((batches, until))))
        })
        .boxed()
    }

    /// Whether a listing can begin behind any path at no cost, so that parts of it can be listed side by side.
    fn begins_anywhere(&self) -> bool {
        false
    }
}

/// Writes whole files part by part, so that whoever comes later can go on where it stopped.
///
/// Nobody sees any of it before [`finish`](Self::finish): until then it is a *draft*, known by what
/// [`begin`](Self::begin) answered. All parts are [`part_size`](Self::part_size) long, the last one aside,
/// and are numbered from 0. They may be put in any order, side by side, and again.
#[async_trait]
pub trait PartialWrites: Send + Sync {
    /// Content up to so many bytes is better written whole.
    fn threshold(&self) -> u64;

    /// How long the parts of content of this size are: such that there are never too many of them.
    fn part_size(&self, size: u64) -> u64;

    /// Whether parts can be read again before the draft is finished.
    fn reads_back(&self) -> bool;

    /// Begins a draft of `path`, once the precondition holds; [`WriteOptions::temporary`] names it where it
    /// has a place among the files. Answers the name that every other call goes by.
    async fn begin(&self, path: &RelPath, options: &WriteOptions) -> Result<String, StoreError>;

    /// Puts one part; answers what [`finish`](Self::finish) has to know it by. A draft that is gone is
    /// [`StoreErrorKind::NotFound`](crate::StoreErrorKind::NotFound).
    async fn put(
        &self,
        path: &RelPath,
        draft: &str,
        part: Part,
        content: Bytes,
    ) -> Result<String, StoreError>;

    /// The parts that are there, in order; `None` if there is no such draft any more.
    ///
    /// Where parts can be read back, their presence and their size prove nothing: a draft is told by its
    /// length there, which a gap, or half a part at the end, has as well.
    async fn parts(&self, path: &RelPath, draft: &str) -> Result<Option<Vec<WrittenPart>>, StoreError>;

    /// Reads a range of what was put; unsupported where parts cannot be read back.
    async fn read_back(
        &self,
        path: &RelPath,
        draft: &str,
        range: Range<u64>,
    ) -> Result<ContentStream, StoreError>;

    /// Has the draft stand at `path`, if what stands there still is what was expected. `tags` has what each
    /// part is known by, in order.
    ///
    /// A draft that is gone is [`StoreErrorKind::NotFound`](crate::StoreErrorKind::NotFound); one whose parts
    /// are others, or not as long as was announced, is [`StoreErrorKind::Changed`](crate::StoreErrorKind::Changed).
    async fn finish(
        &self,
        path: &RelPath,
        draft: &str,
        tags: &[String],
        options: &WriteOptions,
    ) -> Result<Facts, StoreError>;

    /// Throws a draft away; one that is gone is no error.
    async fn abandon(&self, path: &RelPath, draft: &str) -> Result<(), StoreError>;
}

/// One part of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which, from 0.
    pub number: u32,
    /// Where in the content it begins.
    pub offset: u64,
}

/// A part of a draft that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPart {
    /// Which, from 0.
    pub number: u32,
    /// How long it is.
    pub size: u64,
    /// What [`PartialWrites::finish`] has to know it by.
    pub tag: String,
}

/// What syncplan itself keeps in a store besides the files of tasks.
#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Everything with a reserved name, in any order: what is below `.syncplan/`, and temporaries wherever
    /// they stand, in stores that make any. A folder that cannot be read is an error, and the stream goes on.
    fn reserved(&self) -> BoxStream<'_, Result<Reserved, StoreError>>;

    /// Drafts that were begun and neither finished nor abandoned, as far as they have no place among the
    /// files.
    async fn drafts(&self) -> Result<Vec<OpenDraft>, StoreError>;
}

/// Something with a reserved name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// Where.
    pub path: RelPath,
    /// What it is.
    pub facts: Facts,
    /// Since when it stands there, by the store's clock, where the store tells.
    pub since: Option<Mtime>,
}

/// A draft that was neither finished nor abandoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDraft {
    /// Where it would stand.
    pub path: RelPath,
    /// Its name.
    pub draft: String,
    /// When it was begun, by the store's clock.
    pub since: Option<Mtime>,
}

/// Some entries, and what stood among them but is none.
#[derive(Debug, Default)]
pub struct Batch {
    /// What was found.
    pub entries: Vec<Entry>,
    /// What was found and left alone.
    pub rejected: Vec<Rejected>,
}

impl Batch {
    /// Drops what stands behind `until`; answers whether nothing did, so that more may come before it.
    pub(crate) fn end_at(&mut self, until: &RelPath) -> bool {
        let before = self.entries.len() + self.rejected.len();
        self.entries.retain(|entry| entry.path <= *until);
        self.rejected.retain(|rejected| rejected.name.as_slice() <= until.as_bytes());
        self.entries.len() + self.rejected.len() == before
    }
}

/// A name that is left alone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The name, whole, as the store has it.
    pub name: Vec<u8>,
    /// Why, as a clause: `the path has a '.' or '..' component`.
    pub reason: String,
}

/// What must stand at a place for an operation to touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing stands there.
    Absent,
    /// What stands there has this token.
    Token(Token),
    /// Anything goes.
    Any,
}

impl Precondition {
    /// Whether `found` is what was expected.
    pub fn holds(&self, found: Option<&Facts>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Token(token) => found.is_some_and(|facts| facts.token.as_ref() == Some(token)),
            Self::Any => true,
        }
    }
}

/// What a write brings besides its content.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// How many bytes the content has.
    pub size: u64,
    /// What must stand there before.
    pub precondition: Precondition,
    /// What is kept with the content, where the store can.
    pub metadata: Metadata,
    /// The name of the temporary beside the target, for stores that need one.
    pub temporary: Option<RelPath>,
}

/// What a copy or rename relies on.
#[derive(Debug, Clone)]
pub struct MoveOptions {
    /// The token that the source must have.
    pub expect: Option<Token>,
    /// What must stand at the target before.
    pub precondition: Precondition,
    /// The name of the temporary beside the target, for stores that need one.
    pub temporary: Option<RelPath>,
}

/// What is kept beside content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// When the content was last modified.
    pub mtime: Option<Mtime>,
    /// The permission bits.
    pub mode: Option<u32>,
    /// A digest of the content, kept as a hint for whoever finds the object later.
    pub digest: Option<syncplan_model::Digest>,
    /// What is kept for others, where the content comes from a store that keeps such. Without it what is
    /// replaced keeps its own.
    pub attributes: Option<Attributes>,
}

/// What stands at a path, and what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// What it is.
    pub facts: Facts,
    /// What is kept for others; `None` where the store keeps nothing of the kind.
    pub attributes: Option<Attributes>,
}

/// Operations that preconditions guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Writing where nothing stands.
    Create,
    /// Writing over something.
    Replace,
    /// Copying to where nothing stands.
    Copy,
    /// Moving to where nothing stands.
    Rename,
    /// Removing.
    Delete,
}

/// How firmly a store holds a precondition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// In one step with the effect.
    Atomic,
    /// Looked at right before the effect.
    Checked,
    /// By size and time only.
    Weak,
}
