//! Snapshots that travel: NDJSON, a header line and then one line an entry, sorted by path bytes.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::{OrderError, Problem, Snapshot, SnapshotBuilder};
use crate::digest::Digest;
use crate::entry::Entry;
use crate::name::TaskName;
use crate::plan::Side;

const FORMAT: &str = "syncplan.snapshot";
const VERSION: &str = "1.0";

/// The first line of a portable snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    format_version: String,
    /// The task that was scanned.
    pub task: TaskName,
    /// The side that was scanned.
    pub side: Side,
    /// What decides which entries are left out; snapshots of other filters are not comparable.
    pub filter: Digest,
    /// Whether everything could be read.
    pub complete: bool,
    /// How many entries follow.
    #[serde(with = "crate::text::u64_as_text")]
    pub entries: u64,
    /// The sizes of all files together.
    #[serde(with = "crate::text::u64_as_text")]
    pub bytes: u64,
    /// What was met that is no entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// A portable snapshot that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum PortableError {
    /// Reading failed.
    #[error("the snapshot cannot be read")]
    Io(#[from] io::Error),
    /// There is no header line, or it is another format's.
    #[error("this is no snapshot of syncplan: its first line is no header of the format {FORMAT}")]
    Foreign,
    /// The format's major version is unknown.
    #[error("the snapshot has format version {0}, this syncplan reads 1.x")]
    Version(String),
    /// A line is no entry.
    #[error("line {line} of the snapshot is no entry")]
    Entry {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The entries are not sorted.
    #[error("line {line} of the snapshot is out of order")]
    Order {
        /// Counted from 1.
        line: u64,
        /// Which entry.
        source: OrderError,
    },
    /// The header announces another number of entries.
    #[error("the snapshot should hold {expected} entries and holds {found}: it was cut or edited")]
    Count {
        /// What the header says.
        expected: u64,
        /// What there is.
        found: u64,
    },
}

/// Writes a snapshot.
pub fn write(
    out: &mut impl Write,
    snapshot: &Snapshot,
    task: &TaskName,
    side: Side,
    filter: Digest,
) -> io::Result<()> {
    let header = Header {
        format: FORMAT.to_owned(),
        format_version: VERSION.to_owned(),
        task: task.clone(),
        side,
        filter,
        complete: snapshot.is_complete(),
        entries: snapshot.entries(),
        bytes: snapshot.bytes(),
        problems: snapshot.problems().to_vec(),
    };
    write_line(out, &header)?;
    let mut cursor = snapshot.cursor();
    while let Some(entry) = cursor.current() {
        write_line(out, entry)?;
        cursor.advance();
    }
    Ok(())
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Reads a snapshot, checking its order and its length.
pub fn read(input: impl BufRead) -> Result<(Header, Snapshot), PortableError> {
    let mut lines = input.split(b'\n');
    let header = read_header(&lines.next().ok_or(PortableError::Foreign)??)?;
    let mut builder = SnapshotBuilder::new();
    header.problems.iter().cloned().for_each(|problem| builder.report(problem));
    for (line, text) in (2..).zip(lines) {
        let text = text?;
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let entry: Entry =
            serde_json::from_slice(&text).map_err(|source| PortableError::Entry { line, source })?;
        builder.push(&entry).map_err(|source| PortableError::Order { line, source })?;
    }
    let snapshot = builder.finish();
    if snapshot.entries() != header.entries {
        return Err(PortableError::Count { expected: header.entries, found: snapshot.entries() });
    }
    Ok((header, snapshot))
}

fn read_header(line: &[u8]) -> Result<Header, PortableError> {
    #[derive(Deserialize)]
    struct Version {
        format: String,
        format_version: String,
    }
    let version: Version = serde_json::from_slice(line).map_err(|_| PortableError::Foreign)?;
    if version.format != FORMAT {
        return Err(PortableError::Foreign);
    }
    if version.format_version.split('.').next() != Some("1") {
        return Err(PortableError::Version(version.format_version));
    }
    serde_json::from_slice(line).map_err(|source| PortableError::Entry { line: 1, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, RelPath};

    fn sample() -> Vec<u8> {
        let mut builder = SnapshotBuilder::new();
        for path in ["a", "b/c"] {
            builder.push(&Entry { path: RelPath::new(path).unwrap(), facts: Facts::file(1) }).unwrap();
        }
        let mut out = Vec::new();
        write(&mut out, &builder.finish(), &TaskName::new("t").unwrap(), Side::Local, Digest::of(b""))
            .unwrap();
        out
    }

    #[test]
    fn it_round_trips() {
        let (header, snapshot) = read(sample().as_slice()).unwrap();
        assert_eq!((header.entries, snapshot.entries(), snapshot.bytes()), (2, 2, 2));
    }

    #[test]
    fn damage_is_noticed() {
        let text = String::from_utf8(sample()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let cut = format!("{}\n{}\n", lines[0], lines[1]);
        let swapped = format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]);
        assert!(matches!(read(cut.as_bytes()), Err(PortableError::Count { expected: 2, found: 1 })));
        assert!(matches!(read(swapped.as_bytes()), Err(PortableError::Order { line: 3, .. })));
        assert!(matches!(read(b"{}\n".as_slice()), Err(PortableError::Foreign)));
        let newer = text.replacen("\"1.0\"", "\"2.0\"", 1);
        assert!(matches!(read(newer.as_bytes()), Err(PortableError::Version(_))));
    }
}
