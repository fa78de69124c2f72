//! Portable snapshots on disk.

use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Read as _, Write};
use std::path::Path;

use serde_json::{Value, json};
use syncplan_model::plan::{BaseHeader, Side};
use syncplan_model::snapshot::portable::{self, Header, PortableError};
use syncplan_model::{Digest, Snapshot, TaskName};

use crate::failure::Failure;

/// What the header says of a snapshot that is of neither side: what both agreed on.
const BASE: &str = "base";

/// The longest header line that is taken, in bytes: problems of a scan stand in it.
const MAX_HEADER: u64 = 64 << 20;

/// Which base a snapshot is of.
pub(crate) struct Named {
    pub(crate) lineage: String,
    pub(crate) serial: u64,
    pub(crate) digest: Option<Digest>,
}

/// A snapshot of one side, or of the base.
pub(crate) struct Portable {
    pub(crate) header: Header,
    pub(crate) snapshot: Snapshot,
    /// Which base it is, if it is one.
    pub(crate) base: Option<Named>,
}

/// Reads a snapshot of one side.
pub(crate) fn read(path: &Path, side: Side) -> Result<(Header, Snapshot), Failure> {
    let Portable { header, snapshot, base } = read_any(path, side.as_str())?;
    let found = if base.is_some() { BASE } else { header.side.as_str() };
    if found != side.as_str() {
        let name = path.display();
        return Err(Failure::usage(format!(
            "`{name}` is a snapshot of the {found} side, not of the {side} one"
        )));
    }
    Ok((header, snapshot))
}

/// Reads a snapshot of what both sides agreed on; one of a side says what stood there.
pub(crate) fn read_base(path: &Path) -> Result<Portable, Failure> {
    read_any(path, BASE)
}

fn read_any(path: &Path, side: &str) -> Result<Portable, Failure> {
    let opened = std::fs::File::open(path).map_err(PortableError::Io);
    opened.and_then(|file| decode(BufReader::new(file))).map_err(|error| {
        let name = path.display();
        Failure::new("syncplan::snapshot::refused", format!("the snapshot `{name}` is refused"))
            .because(error)
            .help(format!("make one: syncplan scan TASK --side {side} -o FILE"))
    })
}

/// The header names a side; that of a base is read as if it were of the local one.
fn decode(mut input: impl BufRead) -> Result<Portable, PortableError> {
    let mut line = Vec::new();
    input.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
    let mut base = None;
    if let Ok(mut head) = serde_json::from_slice::<Value>(&line)
        && head["side"] == BASE
    {
        let text = |name: &str| head[name].as_str().unwrap_or_default().to_owned();
        let (serial, digest) = (text("serial").parse().unwrap_or(0), text("digest").parse().ok());
        base = Some(Named { lineage: text("lineage"), serial, digest });
        head["side"] = json!(Side::Local);
        line = serde_json::to_vec(&head).map_err(io::Error::from)?;
        line.push(b'\n');
    }
    let (header, snapshot) = portable::read(Cursor::new(line).chain(input))?;
    Ok(Portable { header, snapshot, base })
}

/// Writes a snapshot of one side; `-` is stdout.
pub(crate) fn write(
    path: &Path,
    snapshot: &Snapshot,
    task: &TaskName,
    side: Side,
    filter: Digest,
) -> Result<(), Failure> {
    write_with(path, &|mut out| portable::write(&mut out, snapshot, task, side, filter))
}

/// Writes a snapshot of what both sides agreed on.
pub(crate) fn write_base(
    path: &Path,
    snapshot: &Snapshot,
    task: &TaskName,
    base: &BaseHeader,
    filter: Digest,
) -> Result<(), Failure> {
    write_with(path, &|out| {
        let mut out = Relabelled { out, head: Some(Vec::new()), base };
        portable::write(&mut out, snapshot, task, Side::Local, filter)
    })
}

fn write_with(path: &Path, content: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let written = if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        content(&mut out).and_then(|()| out.flush())
    } else {
        crate::durable::write(path, |out| content(out))
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            "syncplan::snapshot::write",
            format!("the snapshot cannot be written to `{}`", path.display()),
        )
        .because(error)),
        _ => Ok(()),
    }
}

/// Lets everything pass but the header line, which says that this is a base, and which.
struct Relabelled<'a> {
    out: &'a mut dyn Write,
    /// The header line, until it is whole.
    head: Option<Vec<u8>>,
    base: &'a BaseHeader,
}

impl Relabelled<'_> {
    fn write_head(&mut self, line: &[u8]) -> io::Result<()> {
        let side = format!("\"side\":{}", json!(Side::Local));
        let label = format!(
            "\"side\":\"{BASE}\",\"lineage\":{},\"serial\":\"{}\",\"digest\":\"{}\"",
            json!(self.base.lineage),
            self.base.serial,
            self.base.digest
        );
        let line = String::from_utf8_lossy(line).replacen(&side, &label, 1);
        self.out.write_all(line.as_bytes())
    }
}

impl Write for Relabelled<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(head) = &mut self.head else { return self.out.write(bytes) };
        let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let taken = end.unwrap_or(bytes.len());
        head.extend_from_slice(&bytes[..taken]);
        if end.is_some()
            && let Some(head) = self.head.take()
        {
            self.write_head(&head)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
