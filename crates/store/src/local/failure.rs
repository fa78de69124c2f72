use rustix::io::Errno;

use crate::error::{StoreError, StoreErrorKind};

/// An error of the operating system as one of this store.
pub(super) fn failure(errno: Errno, operation: &'static str, object: impl AsRef<[u8]>) -> StoreError {
    StoreError::new(kind(errno), operation, object).because(std::io::Error::from(errno))
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
