//! Finds out what a store does by using it, for whoever sets one up.

mod probes;

use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use syncplan_model::{Capabilities, Capability, Mtime, RelPath, Token};

use self::probes::{Probe, refused};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Enforcement, Guarded, Listing, MoveOptions, Precondition, Store, WriteOptions};

/// One thing that was tried.
#[derive(Debug)]
pub struct Examined {
    /// What.
    pub question: Question,
    /// How it ended.
    pub verdict: Verdict,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether it is there and lets us in.
    Reach,
    /// Whether it can be listed.
    List,
    /// Whether it can be written to.
    Write,
    /// Whether what was written comes back.
    Read,
    /// Whether a write into a gap can be told to replace nothing.
    Create,
    /// Whether a write can be bound to what it replaces.
    Replace,
    /// Whether a delete can be bound to what it removes.
    Delete,
    /// Whether content is copied there without passing through here, and only if it is what was expected.
    Copy,
    /// Whether a rename is one step.
    Rename,
    /// Whether times of modification are kept.
    Mtime,
    /// Whether permissions are kept.
    Modes,
    /// Whether symbolic links are kept.
    Links,
    /// Whether empty folders are kept.
    Folders,
    /// Whether large files go on where they stopped.
    Resume,
    /// Whether a digest is kept with the content.
    Digest,
    /// Whether its clock agrees with ours.
    Clock,
    /// Whether names that differ in case are two.
    Case,
    /// Whether names that differ in how letters are composed are two.
    Unicode,
    /// How much still fits.
    Space,
}

impl Question {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reach => "reach",
            Self::List => "list",
            Self::Write => "write",
            Self::Read => "read",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Copy => "copy",
            Self::Rename => "rename",
            Self::Mtime => "mtime",
            Self::Modes => "modes",
            Self::Links => "links",
            Self::Folders => "folders",
            Self::Resume => "resume",
            Self::Digest => "digest",
            Self::Clock => "clock",
            Self::Case => "case",
            Self::Unicode => "unicode",
            Self::Space => "space",
        }
    }
}

/// How it ended.
#[derive(Debug)]
pub enum Verdict {
    /// As it should be.
    Good(String),
    /// The store cannot, and nothing relies on it.
    Lacks(String),
    /// It works, and promises less.
    Weak(String),
    /// So many bytes are free.
    Free(u64),
    /// It does not work.
    Failed(StoreError),
}

/// How far a clock may be off before it is said.
const TOLERANCE: i64 = 5;

/// Things of ours that are looked through for the probe, at most.
const LOOKED_THROUGH: usize = 20_000;

/// Looks at a store, and with `writes` writes to it as well: objects below `.syncplan/` that are removed
/// again. Where one thing fails that everything else needs, the rest is left out.
///
/// `known` is what the store can do as far as anybody says so, itself or a manifest.
pub async fn examine(store: &dyn Store, known: &Capabilities, writes: bool) -> Vec<Examined> {
    let mut examination = Examination { store, known, probe: Probe::new(store), found: Vec::new() };
    if examination.reach().await && examination.list().await && writes {
        examination.probe.look_around().await;
        if let Err(error) = examination.write().await {
            examination.tell(Question::Write, Verdict::Failed(error));
        }
        if let Err(error) = examination.probe.clean_up().await {
            examination.tell(Question::Delete, Verdict::Failed(error));
        }
    }
    examination.found
}

struct Examination<'a> {
    store: &'a dyn Store,
    known: &'a Capabilities,
    probe: Probe<'a>,
    found: Vec<Examined>,
}

impl Examination<'_> {
    fn tell(&mut self, question: Question, verdict: Verdict) {
        self.found.push(Examined { question, verdict });
    }

    fn good(&mut self, question: Question, says: impl Into<String>) {
        self.tell(question, Verdict::Good(says.into()));
    }

    /// Tells how a question ended; an error is one of that question alone.
    fn settle(&mut self, question: Question, verdict: Result<Verdict, StoreError>) {
        self.tell(question, verdict.unwrap_or_else(Verdict::Failed));
    }

    fn has(&self, capability: Capability) -> bool {
        self.known.has(capability)
    }

    async fn reach(&mut self) -> bool {
        let reached = self.store.check().await;
        let is_there = reached.is_ok();
        let says = "it is there, and the credentials are right";
        self.settle(Question::Reach, reached.map(|()| Verdict::Good(says.to_owned())));
        if is_there {
            match self.store.free_space().await {
                Ok(Some(bytes)) => self.tell(Question::Space, Verdict::Free(bytes)),
                Ok(None) => {}
                Err(error) => self.tell(Question::Space, Verdict::Failed(error)),
            }
        }
        is_there
    }

    async fn list(&mut self) -> bool {
        let (listed, how) = match self.store.listing() {
            Listing::Tree(tree) => (tree.read_dir(None).await, "folder by folder"),
            Listing::Flat(flat) => (
                flat.list(None).next().await.unwrap_or_else(|| Ok(Default::default())),
                "all at once, in order",
            ),
        };
        let is_listed = listed.is_ok();
        self.settle(Question::List, listed.map(|_| Verdict::Good(how.to_owned())));
        is_listed
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        self.store.probe().await?;
        let mtime = Mtime { seconds: 1_000_000_000, nanos: 500_000_000 };
        let before = now();
        let first = self.probe.write("a", b"probe", Precondition::Absent, Some(mtime)).await?;
        let after = now();
        self.good(Question::Write, "a probe was written");
        let read = self.read().await;
        self.settle(Question::Read, read);
        let create = self.create().await;
        self.settle(Question::Create, create);
        // Afterwards the first token is a stale one: what is bound to it has to be refused.
        let Some(stale) = first.token else {
            self.tell(Question::Replace, Verdict::Weak("it tells no version of what it holds".to_owned()));
            return Ok(());
        };
        let (replace, current) = self.replace(&stale, mtime).await;
        self.settle(Question::Replace, replace);
        let delete = self.delete(&stale).await;
        self.settle(Question::Delete, delete);
        let copy = self.copy(&stale, current.as_ref()).await;
        self.settle(Question::Copy, copy);
        let rename = self.rename().await;
        self.settle(Question::Rename, rename);
        self.kept(mtime).await;
        let resume = self.resume().await;
        self.settle(Question::Resume, resume);
        let clock = self.clock(before, after).await;
        self.settle(Question::Clock, clock);
        self.spellings().await;
        Ok(())
    }

    async fn read(&self) -> Result<Verdict, StoreError> {
        let (all, middle) = (self.probe.read("a", None).await?, self.probe.read("a", Some(1..3)).await?);
        if (all.as_slice(), middle.as_slice()) == (b"probe".as_slice(), b"ro".as_slice()) {
            return Ok(Verdict::Good("it comes back as it was written, and in ranges".to_owned()));
        }
        Err(self.probe.wrong("read", "a", "it came back otherwise than it was written"))
    }

    async fn create(&self) -> Result<Verdict, StoreError> {
        let again = self.probe.write("a", b"another", Precondition::Absent, None).await;
        refused(again).map_err(|error| self.probe.told(error, "create", "a"))?;
        Ok(self.held(Guarded::Create))
    }

    async fn replace(&self, stale: &Token, mtime: Mtime) -> (Result<Verdict, StoreError>, Option<Token>) {
        let expected = Precondition::Token(stale.clone());
        let current = match self.probe.write("a", b"probe of now", expected.clone(), Some(mtime)).await {
            Ok(facts) => facts.token,
            Err(error) => return (Err(error), None),
        };
        let again = refused(self.probe.write("a", b"of nobody", expected, None).await);
        let verdict = again.map_err(|error| self.probe.told(error, "replace", "a"));
        (verdict.map(|()| self.held(Guarded::Replace)), current)
    }

    async fn delete(&self, stale: &Token) -> Result<Verdict, StoreError> {
        let path = self.probe.path("a")?;
        let deleted = self.store.delete(&path, Some(stale)).await;
        refused(deleted).map_err(|error| self.probe.told(error, "delete", "a"))?;
        Ok(self.held(Guarded::Delete))
    }

    async fn copy(&mut self, stale: &Token, current: Option<&Token>) -> Result<Verdict, StoreError> {
        if !self.has(Capability::ServerCopy) {
            return Ok(Verdict::Lacks("content passes through this machine".to_owned()));
        }
        let options = |expect: Option<&Token>| MoveOptions {
            expect: expect.cloned(),
            precondition: Precondition::Absent,
            temporary: None,
        };
        let (from, to) = (self.probe.path("a")?, self.probe.new_path("b")?);
        let copied = self.store.copy(&from, &to, options(Some(stale))).await;
        refused(copied).map_err(|error| self.probe.told(error, "copy", "a"))?;
        self.store.copy(&from, &to, options(current)).await?;
        if self.probe.read("b", None).await? != b"probe of now" {
            return Err(self.probe.wrong("copy", "a", "the copy holds something else"));
        }
        Ok(match self.held(Guarded::Copy) {
            Verdict::Good(_) => Verdict::Good("within the store, never over anything".to_owned()),
            _ => Verdict::Weak("within the store; its target is looked at right before".to_owned()),
        })
    }

    async fn rename(&mut self) -> Result<Verdict, StoreError> {
        if self.has(Capability::AppendOnly) {
            return Ok(Verdict::Lacks("nothing is renamed where files are only added".to_owned()));
        }
        let (from, to) = (self.probe.path("a")?, self.probe.new_path("c")?);
        let options = MoveOptions { expect: None, precondition: Precondition::Absent, temporary: None };
        self.store.rename(&from, &to, options.clone()).await?;
        if self.store.stat(&from).await?.is_some() {
            return Err(self.probe.wrong("rename", "a", "it still stands under its old name"));
        }
        self.store.rename(&to, &from, options).await?;
        Ok(match self.has(Capability::AtomicRename) {
            true => Verdict::Good("in one step".to_owned()),
            false => Verdict::Weak("a copy, and a delete after it".to_owned()),
        })
    }

    /// What stays with the content.
    async fn kept(&mut self, mtime: Mtime) {
        let found = match self.probe.stat("a").await {
            Ok(found) => found,
            Err(error) => return self.tell(Question::Mtime, Verdict::Failed(error)),
        };
        let kept = found.as_ref().and_then(|facts| facts.mtime);
        let precision = self.store.capabilities().mtime_precision;
        let verdict = match (self.has(Capability::SetMtime), kept) {
            (false, _) => Verdict::Lacks("times of modification are the server's own".to_owned()),
            (true, Some(kept)) if kept == mtime => Verdict::Good("kept".to_owned()),
            (true, Some(kept)) if kept.seconds == mtime.seconds => {
                Verdict::Good(format!("kept to {} ms", precision.max(1_000_000) / 1_000_000))
            }
            (true, _) => Verdict::Weak("what was set did not come back".to_owned()),
        };
        self.tell(Question::Mtime, verdict);
        let known = found.is_some_and(|facts| facts.digest.is_some());
        for (question, there, yes, no) in [
            (Question::Modes, self.has(Capability::Modes), "kept", "not kept"),
            (Question::Links, self.has(Capability::Symlinks), "kept", "not kept: see `symlinks` of tasks"),
            (
                Question::Folders,
                self.has(Capability::Directories),
                "kept, empty ones too",
                "empty ones are not kept",
            ),
            (Question::Digest, known, "kept with the content", "not kept: content is read where it matters"),
        ] {
            let verdict = if there { Verdict::Good(yes.to_owned()) } else { Verdict::Lacks(no.to_owned()) };
            self.tell(question, verdict);
        }
    }

    async fn resume(&mut self) -> Result<Verdict, StoreError> {
        let Some(parts) = self.store.partial_writes() else {
            return Ok(Verdict::Lacks("a large file begins anew".to_owned()));
        };
        let path = self.probe.new_path("d")?;
        let options = WriteOptions {
            size: parts.threshold().saturating_add(1),
            temporary: Some(self.probe.temporary()?),
            ..Probe::options(0, Precondition::Absent, None)
        };
        let draft = parts.begin(&path, &options).await?;
        let found = parts.parts(&path, &draft).await;
        parts.abandon(&path, &draft).await?;
        Ok(match found? {
            Some(_) => Verdict::Good("large files go on where they stopped".to_owned()),
            None => Verdict::Weak("what was begun is not found again".to_owned()),
        })
    }

    /// The server's clock, by when it says that the probe was written.
    async fn clock(&self, before: i64, after: i64) -> Result<Verdict, StoreError> {
        let Some(housekeeping) = self.store.housekeeping() else {
            return Ok(Verdict::Lacks("it does not tell its time".to_owned()));
        };
        let path = self.probe.path("a")?;
        let mut reserved = housekeeping.reserved().take(LOOKED_THROUGH);
        while let Some(found) = reserved.next().await {
            let Ok(found) = found else { continue };
            let Some(since) = found.since.filter(|_| found.path == path) else { continue };
            let ahead = if since.seconds > after { since.seconds - now().max(after) } else { 0 };
            let behind = (before - since.seconds).max(0);
            return Ok(match (ahead > TOLERANCE, behind > TOLERANCE) {
                (false, false) => Verdict::Good("as ours".to_owned()),
                (true, _) => Verdict::Weak(format!("{ahead} s ahead of ours: set one of them right")),
                (_, true) => Verdict::Weak(format!("{behind} s behind ours: set one of them right")),
            });
        }
        Ok(Verdict::Lacks("it does not tell its time".to_owned()))
    }

    /// Which spellings are one name there, found out by writing both.
    async fn spellings(&mut self) {
        for (question, capability, word, [one, other]) in [
            (Question::Case, Capability::FoldsCase, "case", ["case-a", "case-A"]),
            (Question::Unicode, Capability::FoldsUnicode, "unicode", ["uni-\u{e9}", "uni-e\u{301}"]),
        ] {
            let known = self.has(capability);
            let verdict = match self.probe.is_one_name(one, other).await {
                Ok(true) if known => {
                    Verdict::Good("two spellings are one name, and plans know it".to_owned())
                }
                Ok(true) => Verdict::Weak(format!(
                    "two spellings are one name there: say `folds {word}` in the store, so that plans know it"
                )),
                Ok(false) => Verdict::Good("two spellings are two names".to_owned()),
                Err(error) if error.kind == StoreErrorKind::Unsupported => {
                    Verdict::Lacks("such names cannot be written".to_owned())
                }
                Err(error) => Verdict::Failed(error),
            };
            self.tell(question, verdict);
        }
    }

    fn held(&self, operation: Guarded) -> Verdict {
        match self.store.enforcement(operation) {
            Enforcement::Atomic => Verdict::Good("what was expected is held to in one step".to_owned()),
            Enforcement::Checked => Verdict::Weak("looked at right before".to_owned()),
            Enforcement::Weak => Verdict::Weak("by size and time only".to_owned()),
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A path of our own making.
fn reserved(name: &str) -> Result<RelPath, StoreError> {
    RelPath::new(name).map_err(|error| StoreError::new(StoreErrorKind::Other, "name", name).because(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalStore;

    fn words(found: &[Examined]) -> Vec<(&'static str, char)> {
        let word = |verdict: &Verdict| match verdict {
            Verdict::Good(_) | Verdict::Free(_) => '+',
            Verdict::Lacks(_) => '-',
            Verdict::Weak(_) => '~',
            Verdict::Failed(error) => panic!("{error}"),
        };
        found.iter().map(|it| (it.question.as_str(), word(&it.verdict))).collect()
    }

    #[tokio::test]
    async fn a_folder_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path(), "here".to_owned()).unwrap();
        let found = words(&examine(&store, store.capabilities(), true).await);
        for wanted in [
            ("create", '+'),
            ("replace", '~'),
            ("copy", '+'),
            ("rename", '+'),
            ("mtime", '+'),
            ("clock", '+'),
        ] {
            assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left");
        let found = words(&examine(&store, store.capabilities(), false).await);
        assert_eq!(found, [("reach", '+'), ("space", '+'), ("list", '+')]);
    }
}
