use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, RawDir};
use rustix::io::Errno;
use syncplan_model::{Entry, EntryKind, Facts, PathError, RESERVED_DIR, RelPath, TEMPORARY_PREFIX};

use super::facts::{facts, link_target};
use super::root::Root;
use crate::store::{Batch, Rejected};

/// Bytes of directory entries that are asked for at once: some thousand names.
const BUFFER: usize = 64 * 1024;

/// Lists one folder relative to its handle: no path is ever joined for the system to look up.
pub(super) fn read_dir(root: &Root, dir: Option<&RelPath>) -> rustix::io::Result<Batch> {
    let fd = root.open_dir(dir)?;
    let fd = std::os::fd::AsFd::as_fd(&fd);
    let mut buffer = Box::new_uninit_slice(BUFFER);
    let mut batch = Batch::default();
    let mut names: RawDir<'_, _> = RawDir::new(fd, as_uninit(&mut buffer));
    while let Some(name) = names.next() {
        let name = name?;
        if !is_left_out(dir, name.file_name().to_bytes()) {
            add(&mut batch, fd, dir, name.file_name())?;
        }
    }
    Ok(batch)
}

fn as_uninit(buffer: &mut [MaybeUninit<u8>]) -> &mut [MaybeUninit<u8>] {
    buffer
}

fn is_left_out(dir: Option<&RelPath>, name: &[u8]) -> bool {
    name == b"."
        || name == b".."
        || name.starts_with(TEMPORARY_PREFIX.as_bytes())
        || (dir.is_none() && name == RESERVED_DIR.as_bytes())
}

fn add(batch: &mut Batch, fd: BorrowedFd<'_>, dir: Option<&RelPath>, name: &CStr) -> rustix::io::Result<()> {
    let facts = match look(fd, name) {
        Ok(facts) => facts,
        // It vanished after its name was read.
        Err(Errno::NOENT) => return Ok(()),
        // Its name is known and nothing else: whoever plans must leave it alone, not take it as gone.
        Err(Errno::ACCESS | Errno::PERM | Errno::IO | Errno::STALE) => Facts::new(EntryKind::Unreadable),
        Err(errno) => return Err(errno),
    };
    match join(dir, name.to_bytes()) {
        Ok(path) => batch.entries.push(Entry { path, facts }),
        Err(error) => {
            batch.rejected.push(Rejected { name: whole_name(dir, name), reason: error.to_string() })
        }
    }
    Ok(())
}

fn look(fd: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<Facts> {
    let mut facts = facts(&rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)?);
    if facts.kind == EntryKind::Symlink {
        facts.target = Some(link_target(fd, name)?);
    }
    Ok(facts)
}

fn join(dir: Option<&RelPath>, name: &[u8]) -> Result<RelPath, PathError> {
    dir.map_or_else(|| RelPath::new(name), |dir| dir.join(name))
}

fn whole_name(dir: Option<&RelPath>, name: &CStr) -> Vec<u8> {
    let dir = dir.map(|dir| [dir.as_bytes(), b"/"].concat()).unwrap_or_default();
    [&dir, name.to_bytes()].concat()
}
