use std::borrow::Cow;

use syncplan_model::{Entry, EntryKind, Mtime, Snapshot};

use crate::inquiry::{Answers, rewrite};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Without the hashes of files that were modified so shortly before `begun` that an edit right after they
/// were read may have the same time, and so the same token, on a store that keeps times of such a precision.
///
/// They hold for now; to remember them could hide that edit for good.
pub fn without_hasty(snapshot: &Snapshot, precision: u64, begun: Mtime) -> Cow<'_, Snapshot> {
    let mut answers = Answers::new();
    if precision >= SECOND {
        let latest = begun.seconds.saturating_sub(i64::try_from(precision / SECOND).unwrap_or(i64::MAX));
        let mut cursor = snapshot.cursor();
        while let Some(Entry { path, facts }) = cursor.current() {
            let hashed = facts.digest.is_some() || facts.fingerprint.is_some() || facts.vouched.is_some();
            let is_hasty = facts.mtime.is_some_and(|mtime| mtime.seconds >= latest);
            if facts.kind == EntryKind::File && hashed && is_hasty {
                let mut facts = facts.clone();
                (facts.digest, facts.fingerprint, facts.vouched) = (None, None, None);
                answers.insert(path.clone(), facts);
            }
            cursor.advance();
        }
    }
    if answers.is_empty() { Cow::Borrowed(snapshot) } else { Cow::Owned(rewrite(snapshot, &answers)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::{Digest, Facts, RelPath, SnapshotBuilder};

    #[test]
    fn what_was_modified_a_moment_ago_is_read_again() {
        let mut builder = SnapshotBuilder::new();
        for (at, seconds) in [("a", 90), ("b", 98), ("c", 99), ("d", 100), ("e", 105)] {
            let (mtime, digest) = (Some(Mtime { seconds, nanos: 0 }), Some(Digest::of(b"x")));
            let facts = Facts { mtime, digest, ..Facts::file(1) };
            builder.push(&Entry { path: RelPath::new(at).unwrap(), facts }).unwrap();
        }
        let snapshot = builder.finish();
        let begun = Mtime { seconds: 100, nanos: 5 };
        let hashed = |precision: u64| {
            let found = without_hasty(&snapshot, precision, begun);
            let paths = ["a", "b", "c", "d", "e"].map(|at| RelPath::new(at).unwrap());
            paths.map(|path| found.get(&path).unwrap().digest.is_some())
        };
        assert_eq!(hashed(1), [true; 5]);
        assert_eq!(hashed(SECOND), [true, true, false, false, false]);
        assert_eq!(hashed(2 * SECOND), [true, false, false, false, false]);
    }
}
