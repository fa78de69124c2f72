use std::io::{self, Write};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use syncplan_model::{
    Capability, Entry, EntryKind, Facts, RESERVED_DIR, RelPath, Snapshot, SnapshotBuilder, TEMPORARY_PREFIX,
    TaskName, Token,
};
use syncplan_store::{
    Metadata, Precondition, Retry, Store, StoreError, StoreErrorKind, WriteOptions, insist,
};

use crate::error::chain;
use crate::expiry::remove_file;

const FORMAT: &str = "syncplan.index";
const VERSION: &str = "1.0";

const READ: &str = "read the index of";
const WRITE: &str = "write the index of";

/// A longer index is not read, in bytes as it is kept.
const LONGEST: u64 = 1 << 30;

/// What is kept packs no better than this; more that comes out of it is a bomb.
const MOST_PACKED: u64 = 200;

/// Whatever its length, so much may come out of an index.
const ALWAYS_ALLOWED: u64 = 1 << 20;

/// No line of ours is longer: a path of 4096 bytes, all of them escaped, and what is known of it.
const LONGEST_LINE: usize = 64 << 10;

/// How far back content refers to itself, at most, as a power of two: what unpacking takes in memory.
const WINDOW: u32 = 24;

/// How hard it is packed.
const LEVEL: i32 = 3;

/// How often it is tried anew when somebody else writes at the same time.
const RACES: usize = 5;

/// What a chunk of an index is long while it is sent.
const CHUNK: usize = 1 << 20;

/// What the first line says.
#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    format_version: String,
}

/// An index that a store keeps, as it was found.
#[derive(Debug, Clone)]
pub struct FoundIndex {
    /// Which one.
    pub token: Option<Token>,
    /// What it knows; nothing if it is not to be believed.
    pub content: Option<Snapshot>,
}

/// What machines that share the remote side of a task tell each other of what stands there: it is read
/// unless it is the one that is `known`, and `None` if there is none.
///
/// What is no index of ours, or is damaged, or means harm, is warned of and says nothing.
pub async fn read_index(
    store: &dyn Store,
    task: &TaskName,
    known: Option<&Token>,
) -> Result<Option<FoundIndex>, StoreError> {
    let path = path(task)?;
    let Some(facts) = insist(&Retry::default(), || store.stat(&path).boxed()).await? else { return Ok(None) };
    if facts.token.is_some() && facts.token.as_ref() == known {
        return Ok(Some(FoundIndex { token: facts.token, content: None }));
    }
    let content = match download(store, &path, &facts).await {
        Ok(content) => Some(content),
        Err(Unreadable::Gone) => return Ok(None),
        Err(Unreadable::Store(error)) => return Err(error),
        Err(Unreadable::Content(why)) => {
            tracing::warn!(%path, why, "the index that is kept there is not believed, and will be written anew");
            None
        }
    };
    Ok(Some(FoundIndex { token: facts.token, content }))
}

/// Has the store keep an index of what is `known` here. What another machine wrote to it since `seen` was
/// read, of places that are not known here, stays in it.
///
/// Answers which one it is and how many entries it has; nothing if others wrote at the same time again and
/// again.
pub async fn write_index(
    store: &dyn Store,
    task: &TaskName,
    known: &Snapshot,
    seen: Option<&Token>,
) -> Result<Option<(Option<Token>, u64)>, StoreError> {
    let path = path(task)?;
    for _ in 0..RACES {
        let found = read_index(store, task, seen).await?;
        let precondition = match &found {
            None => Precondition::Absent,
            Some(FoundIndex { token: Some(token), .. }) => Precondition::Token(token.clone()),
            Some(FoundIndex { token: None, .. }) => Precondition::Any,
        };
        let theirs = found.and_then(|found| found.content);
        let (content, entries) = pack(known, theirs.as_ref())
            .map_err(|error| StoreError::new(StoreErrorKind::Other, WRITE, task.as_str()).because(error))?;
        syncplan_failpoint::hit("index/write");
        match put(store, &path, content, precondition).await {
            Ok(facts) => {
                store.sync().await?;
                return Ok(Some((facts.token, entries)));
            }
            Err(error) if error.kind == StoreErrorKind::Precondition => {}
            Err(error) => return Err(error),
        }
    }
    tracing::debug!(%path, "others write to the index all the time");
    Ok(None)
}

async fn put(
    store: &dyn Store,
    path: &RelPath,
    content: Bytes,
    precondition: Precondition,
) -> Result<Facts, StoreError> {
    let (size, metadata) = (content.len() as u64, Metadata::default());
    let temporary = temporary(store, path).await?;
    let options = WriteOptions { size, precondition, metadata, temporary };
    let write = || {
        let content = content.clone();
        let starts = (0..content.len()).step_by(CHUNK);
        let chunks = starts.map(move |at| Ok(content.slice(at..content.len().min(at + CHUNK))));
        store.write(path, futures::stream::iter(chunks).boxed(), options.clone())
    };
    insist(&Retry::default(), write).await
}

/// As that of a mark: always the same, so that one that was left is found, and goes.
async fn temporary(store: &dyn Store, path: &RelPath) -> Result<Option<RelPath>, StoreError> {
    if !store.capabilities().has(Capability::Directories) {
        return Ok(None);
    }
    let name = [TEMPORARY_PREFIX.as_bytes(), path.file_name()].concat();
    let refuse = |error| StoreError::new(StoreErrorKind::Other, WRITE, path).because(error);
    let temporary = path.with_file_name(name).map_err(refuse)?;
    remove_file(store, &temporary).await?;
    Ok(Some(temporary))
}

fn path(task: &TaskName) -> Result<RelPath, StoreError> {
    let path = RelPath::new(format!("{RESERVED_DIR}/index/{task}.ndjson.zst"));
    path.map_err(|error| StoreError::new(StoreErrorKind::Other, READ, task.as_str()).because(error))
}

enum Unreadable {
    Gone,
    Store(StoreError),
    Content(String),
}

impl From<StoreError> for Unreadable {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::NotFound | StoreErrorKind::Precondition => Self::Gone,
            StoreErrorKind::NotDirectory | StoreErrorKind::Unsupported | StoreErrorKind::Changed => {
                Self::Content(chain(&error).to_string())
            }
            _ => Self::Store(error),
        }
    }
}

async fn download(store: &dyn Store, path: &RelPath, facts: &Facts) -> Result<Snapshot, Unreadable> {
    if facts.kind != EntryKind::File {
        return Err(Unreadable::Content("it is no file".to_owned()));
    }
    if facts.size > LONGEST {
        return Err(Unreadable::Content(format!("it is {} bytes long", facts.size)));
    }
    let unpacked = |error: io::Error| Unreadable::Content(error.to_string());
    let open = || store.read(path, None, facts.token.as_ref()).boxed();
    let mut content = insist(&Retry::default(), open).await?;
    let mut unpacker = Unpacker::new(facts.size).map_err(unpacked)?;
    while let Some(chunk) = content.try_next().await? {
        unpacker.take(&chunk).map_err(unpacked)?;
    }
    unpacker.finish().map_err(unpacked)
}

/// Packs what is known, and what `theirs` has besides.
fn pack(known: &Snapshot, theirs: Option<&Snapshot>) -> io::Result<(Bytes, u64)> {
    let mut out = zstd::Encoder::new(Vec::new(), LEVEL)?;
    out.include_checksum(true)?;
    write_line(&mut out, &Head { format: FORMAT.to_owned(), format_version: VERSION.to_owned() })?;
    let mut entries = 0;
    let mut put = |entry: &Entry| {
        entries += 1;
        write_line(&mut out, entry)
    };
    let mut ours = known.cursor();
    let mut others = theirs.map(Snapshot::cursor);
    loop {
        let other = others.as_ref().and_then(|cursor| cursor.current());
        match (ours.current(), other) {
            (None, None) => break,
            (Some(our), other) if other.is_none_or(|other| our.path <= other.path) => {
                let is_both = other.is_some_and(|other| our.path == other.path);
                if is_worth_telling(&our.facts) {
                    put(our)?;
                }
                ours.advance();
                if is_both && let Some(others) = &mut others {
                    others.advance();
                }
            }
            (_, Some(other)) => {
                put(other)?;
                if let Some(others) = &mut others {
                    others.advance();
                }
            }
            (Some(_), None) => unreachable!("it comes before nothing"),
        }
    }
    Ok((out.finish()?.into(), entries))
}

/// Whether something is known of a file that its listing may not say.
fn is_worth_telling(facts: &Facts) -> bool {
    let known = facts.digest.is_some() || facts.fingerprint.is_some() || facts.vouched.is_some();
    facts.kind == EntryKind::File && facts.token.is_some() && (known || facts.mtime.is_some())
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Unpacks an index as it comes.
struct Unpacker {
    decoder: zstd::stream::write::Decoder<'static, Lines>,
}

impl Unpacker {
    fn new(size: u64) -> io::Result<Self> {
        let room = size.saturating_mul(MOST_PACKED).max(ALWAYS_ALLOWED);
        let lines = Lines { room, rest: Vec::new(), has_head: false, builder: SnapshotBuilder::new() };
        let mut decoder = zstd::stream::write::Decoder::new(lines)?;
        decoder.window_log_max(WINDOW)?;
        Ok(Self { decoder })
    }

    fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.decoder.write_all(chunk)
    }

    fn finish(mut self) -> io::Result<Snapshot> {
        self.decoder.flush()?;
        let lines = self.decoder.into_inner();
        if !lines.has_head || !lines.rest.is_empty() {
            return Err(bad("it has lost its end"));
        }
        Ok(lines.builder.finish())
    }
}

/// Takes lines as they come out, and refuses them all for one that is wrong.
struct Lines {
    /// How many bytes may still come.
    room: u64,
    rest: Vec<u8>,
    has_head: bool,
    builder: SnapshotBuilder,
}

impl Lines {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if line.len() > LONGEST_LINE {
            return Err(bad("a line of it is too long"));
        }
        if !self.has_head {
            let head: Head = serde_json::from_slice(line).map_err(|_| bad("it is no index"))?;
            if head.format != FORMAT || head.format_version.split('.').next() != Some("1") {
                return Err(bad("it is of another version"));
            }
            self.has_head = true;
            return Ok(());
        }
        let entry: Entry = serde_json::from_slice(line)?;
        if entry.path.is_reserved() || entry.facts.kind != EntryKind::File || entry.facts.token.is_none() {
            return Err(bad("it has an entry that is none"));
        }
        self.builder.push(&entry).map_err(io::Error::other)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room =
            self.room.checked_sub(bytes.len() as u64).ok_or_else(|| bad("too much comes out of it"))?;
        let mut left = bytes;
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = left.split_at(end);
            if self.rest.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.line(&whole)?;
                whole.clear();
                self.rest = whole;
            }
            left = &behind[1..];
        }
        if self.rest.len() + left.len() > LONGEST_LINE {
            return Err(bad("a line of it is too long"));
        }
        self.rest.extend_from_slice(left);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use syncplan_model::Digest;
    use syncplan_store::{LocalStore, MemoryStore};

    use super::*;

    fn task() -> TaskName {
        TaskName::new("photos").unwrap()
    }

    fn snapshot(paths: &[&str]) -> Snapshot {
        let mut builder = SnapshotBuilder::new();
        for at in paths {
            let (token, digest) = (Some(Token::new(format!("t-{at}"))), Some(Digest::of(at.as_bytes())));
            let facts = Facts { token, digest, ..Facts::file(1) };
            builder.push(&Entry { path: RelPath::new(*at).unwrap(), facts }).unwrap();
        }
        builder.finish()
    }

    fn paths(snapshot: &Snapshot) -> Vec<String> {
        let (mut cursor, mut paths) = (snapshot.cursor(), Vec::new());
        while let Some(entry) = cursor.current() {
            paths.push(entry.path.to_string());
            cursor.advance();
        }
        paths
    }

    async fn read(store: &dyn Store) -> Option<Snapshot> {
        read_index(store, &task(), None).await.unwrap().unwrap().content
    }

    async fn replace(store: &dyn Store, content: Vec<u8>) {
        put(store, &path(&task()).unwrap(), content.into(), Precondition::Any).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::open(folder.path(), "local".to_owned()).unwrap();
        for store in [&MemoryStore::new("memory") as &dyn Store, &local] {
            assert!(read_index(store, &task(), None).await.unwrap().is_none());
            for known in [snapshot(&["a", "b/c"]), snapshot(&["a"]), Snapshot::empty()] {
                let seen = read_index(store, &task(), None).await.unwrap().and_then(|found| found.token);
                let (token, entries) =
                    write_index(store, &task(), &known, seen.as_ref()).await.unwrap().unwrap();
                assert_eq!(entries, known.entries());
                assert_eq!(read(store).await.unwrap().digest(), known.digest());
                // The one that is known is not read again.
                let again = read_index(store, &task(), token.as_ref()).await.unwrap().unwrap();
                assert!(again.content.is_none() && again.token == token);
            }
        }
    }

    #[tokio::test]
    async fn only_what_is_worth_it_is_told() {
        let mut builder = SnapshotBuilder::new();
        let token = Some(Token::new("t"));
        let facts = [
            Facts { token: token.clone(), ..Facts::new(EntryKind::Dir) },
            Facts { digest: Some(Digest::of(b"no token")), ..Facts::file(1) },
            Facts { token: token.clone(), ..Facts::new(EntryKind::Ignored) },
            Facts { token: token.clone(), ..Facts::file(1) },
            Facts { token, digest: Some(Digest::of(b"x")), ..Facts::file(1) },
        ];
        for (at, facts) in ["a", "b", "c", "d", "e"].into_iter().zip(facts) {
            builder.push(&Entry { path: RelPath::new(at).unwrap(), facts }).unwrap();
        }
        let store = MemoryStore::new("memory");
        write_index(&store, &task(), &builder.finish(), None).await.unwrap();
        assert_eq!(paths(&read(&store).await.unwrap()), ["e"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_loses_what_others_wrote() {
        let store = std::sync::Arc::new(MemoryStore::new("memory"));
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let store = std::sync::Arc::clone(&store);
                tokio::spawn(async move {
                    let known = snapshot(&[&format!("own-{number}"), "shared"]);
                    write_index(&*store, &task(), &known, None).await.unwrap().is_some()
                })
            })
            .collect();
        for writer in writers {
            assert!(writer.await.unwrap());
        }
        let all = ["own-0", "own-1", "own-2", "own-3", "shared"];
        assert_eq!(paths(&read(&*store).await.unwrap()), all);
    }

    #[tokio::test]
    async fn what_was_read_before_is_known_and_goes_if_it_is_gone() {
        let store = MemoryStore::new("memory");
        let (token, _) =
            write_index(&store, &task(), &snapshot(&["a", "gone"]), None).await.unwrap().unwrap();
        write_index(&store, &task(), &snapshot(&["a"]), token.as_ref()).await.unwrap();
        assert_eq!(paths(&read(&store).await.unwrap()), ["a"]);
    }

    #[tokio::test]
    async fn what_means_harm_says_nothing() {
        let store = MemoryStore::new("memory");
        let packed = |text: &[u8]| zstd::encode_all(text, 19).unwrap();
        let head = b"{\"format\":\"syncplan.index\",\"format_version\":\"1.0\"}\n".to_vec();
        let with = |rest: &[u8]| packed(&[&head, rest].concat());
        let line = b"{\"path\":\"a\",\"token\":\"t\",\"size\":\"1\"}\n";
        assert_eq!(with(line).len().min(1), 1);
        replace(&store, with(line)).await;
        assert_eq!(paths(&read(&store).await.unwrap()), ["a"]);
        for (what, content) in [
            ("a bomb of lines", with(&vec![b'\n'; 64 << 20])),
            ("a bomb in one line", with(&vec![b' '; 64 << 20])),
            ("a long line", with(&[&vec![b' '; 70 << 10][..], &line[..]].concat())),
            ("no end", with(&line[..line.len() - 1])),
            ("the same twice", with(&line.repeat(2))),
            ("no token", with(b"{\"path\":\"a\",\"size\":\"1\"}\n")),
            ("a folder", with(b"{\"path\":\"a\",\"token\":\"t\",\"kind\":\"dir\"}\n")),
            ("no path", with(b"{\"path\":\"../a\",\"token\":\"t\"}\n")),
            ("no head", packed(line)),
            ("nothing", Vec::new()),
            ("garbage", b"garbage".to_vec()),
        ] {
            replace(&store, content).await;
            assert!(read(&store).await.is_none(), "{what}");
            // It is in nobody's way.
            let known = snapshot(&["b"]);
            assert!(write_index(&store, &task(), &known, None).await.unwrap().is_some(), "{what}");
            assert_eq!(paths(&read(&store).await.unwrap()), ["b"], "{what}");
        }
    }
}
