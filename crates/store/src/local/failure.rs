use rustix::io::Errno;
use syncplan_model::RelPath;

use crate::error::{StoreError, StoreErrorKind};

/// An error of the operating system as one of this store.
pub(super) fn failure(errno: Errno, operation: &'static str, object: impl AsRef<[u8]>) -> StoreError {
    StoreError::new(kind(errno), operation, object).because(std::io::Error::from(errno))
}

/// An error of the standard library as one of this store.
pub(super) fn io_failure(error: std::io::Error, operation: &'static str, path: &RelPath) -> StoreError {
    match Errno::from_io_error(&error) {
        Some(errno) => failure(errno, operation, path),
        None => StoreError::new(StoreErrorKind::Other, operation, path).because(error),
    }
}

fn kind(errno: Errno) -> StoreErrorKind {
    match errno {
        Errno::NOENT => StoreErrorKind::NotFound,
        // `ELOOP` is how `O_NOFOLLOW` and `RESOLVE_NO_SYMLINKS` say that there is a link.
        Errno::NOTDIR | Errno::LOOP => StoreErrorKind::NotDirectory,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => StoreErrorKind::Denied,
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::Full,
        Errno::EXIST | Errno::ISDIR => StoreErrorKind::Precondition,
        Errno::NOTEMPTY => StoreErrorKind::NotEmpty,
        Errno::NAMETOOLONG | Errno::XDEV | Errno::OPNOTSUPP | Errno::FBIG => StoreErrorKind::Unsupported,
        Errno::AGAIN
        | Errno::INTR
        | Errno::MFILE
        | Errno::NFILE
        | Errno::STALE
        | Errno::BUSY
        | Errno::TXTBSY => StoreErrorKind::Transient,
        Errno::NOTCONN | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::TIMEDOUT => {
            StoreErrorKind::Unreachable
        }
        _ => StoreErrorKind::Other,
    }
}
