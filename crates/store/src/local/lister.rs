use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, RawDir};
use rustix::io::Errno;
use syncplan_model::{Entry, EntryKind, Facts, PathError, RESERVED_DIR, RelPath};

use super::facts::{facts, link_target};
use super::is_temporary;
use super::root::Root;
use crate::store::{Batch, Rejected};

/// Bytes of directory entries that are asked for at once: some thousand names.
const BUFFER: usize = 64 * 1024;

/// Lists one folder relative to its handle: no path is ever joined for the system to look up.
pub(super) fn read_dir(root: &Root, dir: Option<&RelPath>) -> rustix::io::Result<Batch> {
    let mut batch = Batch::default();
    for_each_name(root, dir, |fd, name| {
        if is_left_out(dir, name.to_bytes()) { Ok(()) } else { add(&mut batch, root, fd, dir, name) }
    })?;
    Ok(batch)
}

/// Everything in a folder but the folder itself and the one above it.
pub(super) fn for_each_name(
    root: &Root,
    dir: Option<&RelPath>,
    mut visit: impl FnMut(BorrowedFd<'_>, &CStr) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let fd = root.open_dir(dir)?;
    let mut buffer = Box::new_uninit_slice(BUFFER);
    let mut names: RawDir<'_, _> = RawDir::new(fd.as_fd(), as_uninit(&mut buffer));
    while let Some(name) = names.next() {
        let name = name?;
        if !matches!(name.file_name().to_bytes(), b"." | b"..") {
            visit(fd.as_fd(), name.file_name())?;
        }
    }
    Ok(())
}

fn as_uninit(buffer: &mut [MaybeUninit<u8>]) -> &mut [MaybeUninit<u8>] {
    buffer
}

fn is_left_out(dir: Option<&RelPath>, name: &[u8]) -> bool {
    is_temporary(name) || (dir.is_none() && name == RESERVED_DIR.as_bytes())
}

fn add(
    batch: &mut Batch,
    root: &Root,
    fd: BorrowedFd<'_>,
    dir: Option<&RelPath>,
    name: &CStr,
) -> rustix::io::Result<()> {
    let facts = match look(fd, name) {
        Ok(facts) => facts,
        // It vanished after its name was read.
        Err(Errno::NOENT) => return Ok(()),
        // Its name is known and nothing else: whoever plans must leave it alone, not take it as gone.
        Err(Errno::ACCESS | Errno::PERM | Errno::IO | Errno::STALE) => Facts::new(EntryKind::Unreadable),
        Err(errno) => return Err(errno),
    };
    match join(dir, name.to_bytes()) {
        Ok(path) if root.follows() && facts.kind == EntryKind::Symlink => {
            let followed = super::follow::followed(root, &path);
            let facts = followed.unwrap_or_else(|reason| super::follow::leave_alone(batch, &path, reason));
            batch.entries.push(Entry { path, facts });
        }
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

pub(super) fn join(dir: Option<&RelPath>, name: &[u8]) -> Result<RelPath, PathError> {
    dir.map_or_else(|| RelPath::new(name), |dir| dir.join(name))
}

fn whole_name(dir: Option<&RelPath>, name: &CStr) -> Vec<u8> {
    let dir = dir.map(|dir| [dir.as_bytes(), b"/"].concat()).unwrap_or_default();
    [&dir, name.to_bytes()].concat()
}
