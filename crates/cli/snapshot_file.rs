//! Portable snapshots on disk.

use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use syncplan_model::plan::Side;
use syncplan_model::snapshot::portable::{self, Header, PortableError};
use syncplan_model::{Digest, Snapshot, TaskName};

use crate::failure::Failure;

/// Reads a snapshot of one side.
pub(crate) fn read(path: &Path, side: Side) -> Result<(Header, Snapshot), Failure> {
    let name = path.display();
    let file = std::fs::File::open(path).map_err(PortableError::Io);
    let (header, snapshot) = file.and_then(|file| portable::read(BufReader::new(file))).map_err(|error| {
        Failure::new("syncplan::snapshot::refused", format!("the snapshot `{name}` is refused"))
            .because(error)
            .help(format!("make one: syncplan scan TASK --side {side} -o FILE"))
    })?;
    if header.side != side {
        return Err(Failure::usage(format!(
            "`{name}` is a snapshot of the {} side, not of the {side} one",
            header.side
        )));
    }
    Ok((header, snapshot))
}

/// Writes a snapshot; `-` is stdout.
pub(crate) fn write(
    path: &Path,
    snapshot: &Snapshot,
    task: &TaskName,
    side: Side,
    filter: Digest,
) -> Result<(), Failure> {
    let written = if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        portable::write(&mut out, snapshot, task, side, filter).and_then(|()| out.flush())
    } else {
        crate::durable::write(path, |out| portable::write(out, snapshot, task, side, filter))
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
