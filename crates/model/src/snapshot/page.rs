use super::cursor::Cursor;
use crate::digest::{Digest, Fingerprint};
use crate::entry::{Entry, EntryKind, Facts, LinkTarget};
use crate::mtime::Mtime;
use crate::path::RelPath;
use crate::token::Token;
use crate::vouched::Vouched;

/// How many entries a full page holds.
pub(crate) const PAGE_ENTRIES: u32 = 4096;

/// A run of sorted entries, packed.
///
/// An entry is, in order (integers as LEB128, `i` zigzag): length shared with the path before it,
/// length and bytes of the rest, one byte of kind, one byte of flags, size, and as flagged: mtime
/// (`i` seconds, nanoseconds), mode, token (length, bytes), digest (32), fingerprint (4 + 32), link
/// target (length, bytes), what a checksum vouches for (one byte: 0 content, 1 the checksum itself; 32). The first path of a page shares nothing, so that pages stand alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) count: u32,
}

/// Bytes that are no page: damaged, or written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot page is damaged at byte {at}")]
pub struct PageError {
    at: usize,
}

impl Page {
    /// Checks stored bytes and takes them as a page.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, PageError> {
        let mut entry = blank();
        let mut last: Option<RelPath> = None;
        let (mut at, mut count) = (0, 0);
        while at < bytes.len() {
            at = decode(&bytes, at, &mut entry).ok_or(PageError { at })?;
            if last.as_ref().is_some_and(|last| *last >= entry.path) {
                return Err(PageError { at });
            }
            last.clone_from(&Some(entry.path.clone()));
            count += 1;
        }
        Ok(Self { bytes: bytes.into(), count })
    }

    /// A cursor on its first entry.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(std::slice::from_ref(self))
    }

    /// The packed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many entries it holds.
    pub fn count(&self) -> u32 {
        self.count
    }
}

/// An entry to decode into.
pub(crate) fn blank() -> Entry {
    Entry { path: RelPath::placeholder(), facts: Facts::new(EntryKind::File) }
}

const MTIME: u8 = 1;
const MODE: u8 = 2;
const TOKEN: u8 = 4;
const DIGEST: u8 = 8;
const FINGERPRINT: u8 = 16;
const TARGET: u8 = 32;
const VOUCHED: u8 = 64;

/// Appends an entry to a page whose last path is `previous` (empty at its beginning).
pub(crate) fn encode(out: &mut Vec<u8>, previous: &[u8], entry: &Entry) {
    let (path, facts) = (entry.path.as_bytes(), &entry.facts);
    let shared = previous.iter().zip(path).take_while(|(a, b)| a == b).count();
    put_number(out, shared as u64);
    put_bytes(out, &path[shared..]);
    out.push(facts.kind as u8);
    out.push(flags(facts));
    put_number(out, facts.size);
    if let Some(mtime) = facts.mtime {
        put_number(out, zigzag(mtime.seconds));
        put_number(out, u64::from(mtime.nanos));
    }
    if let Some(mode) = facts.mode {
        put_number(out, u64::from(mode));
    }
    if let Some(token) = &facts.token {
        put_bytes(out, token.as_str().as_bytes());
    }
    if let Some(digest) = &facts.digest {
        out.extend_from_slice(digest.as_bytes());
    }
    if let Some(fingerprint) = &facts.fingerprint {
        out.extend_from_slice(&fingerprint.scheme());
        out.extend_from_slice(fingerprint.as_bytes());
    }
    if let Some(target) = &facts.target {
        put_bytes(out, target.as_bytes());
    }
    if let Some(vouched) = &facts.vouched {
        let (kind, hash) = match vouched {
            Vouched::Content(digest) => (0, digest),
            Vouched::Checksum(hash) => (1, hash),
        };
        out.push(kind);
        out.extend_from_slice(hash.as_bytes());
    }
}

fn flags(facts: &Facts) -> u8 {
    let flag = |present: bool, flag: u8| if present { flag } else { 0 };
    flag(facts.mtime.is_some(), MTIME)
        | flag(facts.mode.is_some(), MODE)
        | flag(facts.token.is_some(), TOKEN)
        | flag(facts.digest.is_some(), DIGEST)
        | flag(facts.fingerprint.is_some(), FINGERPRINT)
        | flag(facts.target.is_some(), TARGET)
        | flag(facts.vouched.is_some(), VOUCHED)
}

/// Reads the entry at `at` into `entry`, which holds the one before it; answers where the next
/// begins, or nothing if the bytes are no entry.
pub(crate) fn decode(bytes: &[u8], at: usize, entry: &mut Entry) -> Option<usize> {
    let mut reader = Reader { bytes, at };
    let shared = usize::try_from(reader.number()?).ok()?;
    if shared > entry.path.as_bytes().len() || (at == 0 && shared > 0) {
        return None;
    }
    let suffix = reader.run()?;
    entry.path.replace_suffix(shared, suffix).ok()?;
    let facts = &mut entry.facts;
    facts.kind = *EntryKind::ALL.get(usize::from(reader.byte()?))?;
    let flags = reader.byte()?;
    facts.size = reader.number()?;
    facts.mtime = reader.when(flags & MTIME, Reader::mtime)?;
    facts.mode = reader.when(flags & MODE, |r| u32::try_from(r.number()?).ok())?;
    match flags & TOKEN {
        0 => facts.token = None,
        _ => facts.token.get_or_insert_with(Token::default).assign(std::str::from_utf8(reader.run()?).ok()?),
    }
    facts.digest = reader.when(flags & DIGEST, |r| r.array().map(Digest::from_bytes))?;
    facts.fingerprint =
        reader.when(flags & FINGERPRINT, |r| Some(Fingerprint::from_parts(r.array()?, r.array()?)))?;
    facts.target = reader.when(flags & TARGET, |r| r.run().map(LinkTarget::new))?;
    facts.vouched = reader.when(flags & VOUCHED, Reader::vouched)?;
    Some(reader.at)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let run = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(run)
    }

    fn run(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn mtime(&mut self) -> Option<Mtime> {
        let seconds = self.number()?;
        let nanos = u32::try_from(self.number()?).ok().filter(|&nanos| nanos < 1_000_000_000)?;
        Some(Mtime { seconds: unzigzag(seconds), nanos })
    }

    fn vouched(&mut self) -> Option<Vouched> {
        let kind = self.byte()?;
        let hash = self.array().map(Digest::from_bytes)?;
        match kind {
            0 => Some(Vouched::Content(hash)),
            1 => Some(Vouched::Checksum(hash)),
            _ => None,
        }
    }

    /// `Some(None)` without the flag, `None` when the value is damaged.
    fn when<T>(&mut self, flag: u8, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if flag == 0 { Some(None) } else { read(self).map(Some) }
    }
}

fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::SnapshotBuilder;

    fn rich(path: &str) -> Entry {
        let facts = Facts {
            kind: EntryKind::File,
            token: Some(Token::new("tok")),
            size: u64::MAX,
            mtime: Some(Mtime { seconds: -5, nanos: 999_999_999 }),
            mode: Some(0o644),
            digest: Some(Digest::of(b"x")),
            fingerprint: Some(Fingerprint::from_parts([1, 2, 3, 4], [5; 32])),
            target: Some(LinkTarget::new(b"\xff".as_slice())),
            vouched: Some(Vouched::Checksum(Digest::of(b"y"))),
        };
        Entry { path: RelPath::new(path).unwrap(), facts }
    }

    #[test]
    fn pages_round_trip() {
        let entries =
            [rich("a/b"), Entry { path: RelPath::new("a/c").unwrap(), facts: Facts::file(0) }, rich("a/d/e")];
        let mut builder = SnapshotBuilder::new();
        entries.iter().for_each(|entry| builder.push(entry).unwrap());
        let snapshot = builder.finish();
        let mut cursor = snapshot.cursor();
        for entry in &entries {
            assert_eq!(cursor.current(), Some(entry));
            cursor.advance();
        }
        assert_eq!(cursor.current(), None);
    }

    #[test]
    fn every_truncation_and_many_flips_are_survived() {
        let mut bytes = Vec::new();
        encode(&mut bytes, b"", &rich("a/b"));
        encode(&mut bytes, b"a/b", &rich("a/c"));
        assert_eq!(Page::parse(bytes.clone()).unwrap().count(), 2);
        let one = {
            let mut one = Vec::new();
            encode(&mut one, b"", &rich("a/b"));
            one.len()
        };
        for cut in (1..bytes.len()).filter(|&cut| cut != one) {
            assert!(Page::parse(bytes[..cut].to_vec()).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0xff;
            let _ = Page::parse(flipped);
        }
    }
}
