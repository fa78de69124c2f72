//! What a policy makes of a conflict.

use syncplan_model::plan::Side;
use syncplan_model::spec::ConflictPolicy;
use syncplan_model::{Digest, EntryKind, Facts, RelPath};

use crate::difference::Difference;
use crate::input::Take;
use crate::sides::Sides;

/// How a conflict ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing changes on either side.
    Held,
    /// What this side has is taken; what the other has goes to the trash.
    Winner(Side),
    /// What this side has gets another name beside what the other has.
    KeepBoth {
        /// Whose name changes.
        loser: Side,
    },
    /// A program makes one of both.
    Merge,
}

/// Applies a policy. It is symmetric: a tie is broken by content, never by the side it is on.
pub(crate) fn settle(policy: &ConflictPolicy, difference: &Difference) -> Ending {
    let (Some(local), Some(remote)) = facts(difference) else { return by_presence(policy, difference) };
    let both_files = local.kind == EntryKind::File && remote.kind == EntryKind::File;
    match policy {
        ConflictPolicy::Hold => Ending::Held,
        ConflictPolicy::Local => Ending::Winner(Side::Local),
        ConflictPolicy::Remote => Ending::Winner(Side::Remote),
        ConflictPolicy::Merge(_) if both_files => Ending::Merge,
        ConflictPolicy::Merge(_) => Ending::Held,
        ConflictPolicy::Newer if both_files && local.mtime != remote.mtime => {
            winner(local.mtime > remote.mtime)
        }
        ConflictPolicy::Larger if both_files && local.size != remote.size => winner(local.size > remote.size),
        ConflictPolicy::KeepBoth | ConflictPolicy::Newer | ConflictPolicy::Larger => {
            Ending::KeepBoth { loser: loser(local, remote) }
        }
    }
}

/// The policy that a person's word stands for.
pub(crate) fn policy_of(take: Take) -> ConflictPolicy {
    match take {
        Take::Local => ConflictPolicy::Local,
        Take::Remote => ConflictPolicy::Remote,
        Take::Both => ConflictPolicy::KeepBoth,
    }
}

fn facts(difference: &Difference) -> (Option<&Facts>, Option<&Facts>) {
    let Sides { local, remote } = &difference.sides;
    (local.facts.as_deref(), remote.facts.as_deref())
}

/// One side has a directory that it does not list: there is nothing to compare.
fn by_presence(policy: &ConflictPolicy, difference: &Difference) -> Ending {
    match policy {
        ConflictPolicy::Local => Ending::Winner(Side::Local),
        ConflictPolicy::Remote => Ending::Winner(Side::Remote),
        ConflictPolicy::Hold | ConflictPolicy::Merge(_) => Ending::Held,
        _ if difference.sides.local.facts.is_some() => Ending::KeepBoth { loser: Side::Local },
        _ => Ending::KeepBoth { loser: Side::Remote },
    }
}

fn winner(local: bool) -> Ending {
    Ending::Winner(if local { Side::Local } else { Side::Remote })
}

/// A file makes room for a directory; of two files the older one, or the one whose content comes first.
fn loser(local: &Facts, remote: &Facts) -> Side {
    let rank = |facts: &Facts| (facts.kind == EntryKind::Dir, facts.mtime, digest(facts));
    if rank(local) < rank(remote) { Side::Local } else { Side::Remote }
}

/// A hash of what a name stands for.
fn digest(facts: &Facts) -> Option<Digest> {
    match facts.kind {
        EntryKind::Symlink => facts.target.as_ref().map(|target| Digest::of(target.as_bytes())),
        _ => facts.digest,
    }
}

/// Why a loser gets no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// Its content is not known.
    NoDigest,
    /// The name would be too long.
    TooLong,
}

/// The name of a loser: `NAME.conflict-<side>-<date>-<digest8>.EXT`.
///
/// It follows from what the loser is, so that the same conflict met again has the same name.
pub(crate) fn kept_name(
    path: &RelPath,
    side: Side,
    facts: &Facts,
    max_name: usize,
) -> Result<RelPath, Unnamed> {
    let digest = digest(facts).ok_or(Unnamed::NoDigest)?.to_string();
    let digest = digest.rsplit(':').next().unwrap_or_default();
    let date = facts.mtime.and_then(|mtime| mtime.to_day()).map_or(String::new(), |day| format!("-{day}"));
    let mark = format!(".conflict-{side}{date}-{}", digest.get(..8).unwrap_or(digest));
    let (stem, extension) = split(path.file_name());
    let room = max_name.checked_sub(mark.len() + extension.len()).ok_or(Unnamed::TooLong)?;
    let stem = &stem[..floor_char(stem, room)];
    path.with_file_name([stem, mark.as_bytes(), extension].concat()).map_err(|_| Unnamed::TooLong)
}

/// A name and its extension, with the dot; a leading dot begins none.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|&byte| byte == b'.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, b""),
    }
}

/// The longest beginning of at most so many bytes that cuts no character.
fn floor_char(name: &[u8], most: usize) -> usize {
    let mut len = name.len().min(most);
    while len > 0 && len < name.len() && name[len] & 0xc0 == 0x80 {
        len -= 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::Mtime;

    fn named(path: &str, max_name: usize) -> Result<String, Unnamed> {
        let facts = Facts {
            mtime: Some(Mtime { seconds: 1_763_661_600, nanos: 0 }),
            digest: Some(Digest::of(b"1")),
            ..Facts::file(1)
        };
        kept_name(&RelPath::new(path).unwrap(), Side::Local, &facts, max_name).map(|name| name.to_string())
    }

    #[test]
    fn a_kept_name_says_whose_when_and_what() {
        assert_eq!(
            named("d/a.md", 255).unwrap(),
            "d/a.conflict-local-20251120-c3ea9ea8.md".replace("c3ea9ea8", &hash())
        );
        assert_eq!(named(".env", 255).unwrap(), format!(".env.conflict-local-20251120-{}", hash()));
        assert_eq!(named("Makefile", 255).unwrap(), format!("Makefile.conflict-local-20251120-{}", hash()));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = "ö".repeat(120);
        let name = named(&format!("{long}.md"), 255).unwrap();
        assert!(name.len() <= 255 && name.ends_with(".md") && name.is_char_boundary(2));
        assert_eq!(named("a.md", 20), Err(Unnamed::TooLong));
    }

    fn hash() -> String {
        Digest::of(b"1").to_string()[3..11].to_owned()
    }
}
