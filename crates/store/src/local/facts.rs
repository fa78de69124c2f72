use rustix::fs::{FileType, Stat};
use syncplan_model::{EntryKind, Facts, LinkTarget, Mtime, Token};

use super::root::Place;

/// The bits of a mode that are kept: setuid, setgid and sticky never travel.
pub(super) const PERMISSIONS: u32 = 0o777;

/// What stands at a place, with the text of a link.
pub(super) fn facts_at(place: &Place<'_>) -> rustix::io::Result<Option<Facts>> {
    let Some(stat) = place.stat()? else { return Ok(None) };
    let mut facts = facts(&stat);
    if facts.kind == EntryKind::Symlink {
        facts.target = Some(link_target(place, place.name())?);
    }
    Ok(Some(facts))
}

/// The text of the link `name` in `dir`.
pub(super) fn link_target(
    dir: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
) -> rustix::io::Result<LinkTarget> {
    Ok(LinkTarget::new(rustix::fs::readlinkat(dir, name, Vec::new())?.into_bytes()))
}

/// What a `stat` says; the text of a link is still missing.
pub(super) fn facts(stat: &Stat) -> Facts {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Facts {
            token: Some(token(stat)),
            mtime: Some(mtime(stat)),
            mode: Some(stat.st_mode & PERMISSIONS),
            ..Facts::file(u64::try_from(stat.st_size).unwrap_or(0))
        },
        FileType::Directory => Facts::new(EntryKind::Dir),
        FileType::Symlink => {
            Facts { token: Some(token(stat)), mtime: Some(mtime(stat)), ..Facts::new(EntryKind::Symlink) }
        }
        _ => Facts::new(EntryKind::Special),
    }
}

/// Whether two looks at one open file found the same content, as far as can be told.
pub(super) fn unchanged(before: &Facts, after: &Facts) -> bool {
    before.token == after.token && before.size == after.size && before.mtime == after.mtime
}

/// The inode and the time of its last change, which nobody can set, in hexadecimal.
fn token(stat: &Stat) -> Token {
    Token::new(format!("{:x}-{:x}.{:x}", stat.st_ino, stat.st_ctime, stat.st_ctime_nsec))
}

/// When it was last changed, by the clock of the system: nobody can set it.
pub(super) fn changed_at(stat: &Stat) -> Mtime {
    Mtime { seconds: stat.st_ctime, nanos: u32::try_from(stat.st_ctime_nsec).unwrap_or(0) }
}

fn mtime(stat: &Stat) -> Mtime {
    Mtime { seconds: stat.st_mtime, nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}
