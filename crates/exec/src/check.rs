use std::fmt::Write as _;

use syncplan_model::plan::Expectation;
use syncplan_model::{EntryKind, Facts};

/// How what was found differs from what was expected, as a clause; nothing if it does not.
///
/// A token decides alone where both have one. Without it, everything that is known on both sides
/// has to agree; times agree if they are the same in multiples of `precision` nanoseconds.
pub(crate) fn mismatch(expected: &Expectation, found: Option<&Facts>, precision: u64) -> Option<String> {
    match (expected.facts(), found) {
        (None, None) => None,
        (None, Some(found)) => Some(format!("expected nothing, found {}", describe(found))),
        (Some(expected), None) => Some(format!("expected {}, found nothing", describe(expected))),
        (Some(expected), Some(found)) if differs(expected, found, precision) => {
            let (expected, found) = (describe(expected), describe(found));
            // What a date to the second does not show, a token does.
            let another = if expected == found { ", which is another" } else { "" };
            Some(format!("expected {expected}, found {found}{another}"))
        }
        _ => None,
    }
}

fn differs(expected: &Facts, found: &Facts, precision: u64) -> bool {
    if expected.kind != found.kind {
        return true;
    }
    if let (Some(expected), Some(found)) = (&expected.token, &found.token) {
        return expected != found;
    }
    let mtime = both(expected.mtime, found.mtime).is_none_or(|(a, b)| a.agrees_with(b, precision));
    let digest = both(expected.digest, found.digest).is_none_or(|(a, b)| a == b);
    let target = both(expected.target.as_ref(), found.target.as_ref()).is_none_or(|(a, b)| a == b);
    match expected.kind {
        EntryKind::File => expected.size != found.size || !mtime || !digest,
        EntryKind::Symlink => !target,
        _ => false,
    }
}

/// Why what was found is taken to be what an action leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// All of it is the same.
    Content,
    /// Size and time are the same, the content is not known.
    SizeAndTime,
}

/// Whether what was found is what an action leaves behind, and how well that is known.
pub(crate) fn satisfies(result: &Facts, found: &Facts, precision: u64) -> Option<Proof> {
    if result.kind != found.kind {
        return None;
    }
    match result.kind {
        EntryKind::Dir => Some(Proof::Content),
        EntryKind::Symlink => both(result.target.as_ref(), found.target.as_ref())
            .is_some_and(|(a, b)| a == b)
            .then_some(Proof::Content),
        EntryKind::File if result.size == found.size => match both(result.digest, found.digest) {
            Some((a, b)) => (a == b).then_some(Proof::Content),
            None => both(result.mtime, found.mtime)
                .is_some_and(|(a, b)| a.agrees_with(b, precision))
                .then_some(Proof::SizeAndTime),
        },
        _ => None,
    }
}

fn both<T>(a: Option<T>, b: Option<T>) -> Option<(T, T)> {
    a.zip(b)
}

/// What stands somewhere, for people.
pub(crate) fn describe(facts: &Facts) -> String {
    let mut text = match facts.kind {
        EntryKind::File if facts.size == 1 => "a file of 1 byte".to_owned(),
        EntryKind::File => format!("a file of {} bytes", facts.size),
        EntryKind::Dir => "a directory".to_owned(),
        EntryKind::Symlink => "a symbolic link".to_owned(),
        kind => format!("something {kind}"),
    };
    if let (EntryKind::File, Some(mtime)) = (facts.kind, facts.mtime) {
        let _ = write!(text, " of {}", mtime.to_date());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncplan_model::{Digest, LinkTarget, Mtime, Token};

    fn file(size: u64, token: Option<&str>, mtime: Option<i64>, content: Option<&str>) -> Facts {
        Facts {
            token: token.map(Token::new),
            mtime: mtime.map(|seconds| Mtime { seconds, nanos: 5 }),
            digest: content.map(|content| Digest::of(content.as_bytes())),
            ..Facts::file(size)
        }
    }

    #[test]
    fn a_token_decides_alone() {
        let expected = Expectation::present(file(1, Some("a"), Some(1), Some("x")));
        assert_eq!(mismatch(&expected, Some(&file(2, Some("a"), Some(2), None)), 1), None);
        assert!(mismatch(&expected, Some(&file(1, Some("b"), Some(1), Some("x"))), 1).is_some());
    }

    #[test]
    fn without_a_token_all_that_is_known_has_to_agree() {
        let expected = Expectation::present(file(1, None, Some(1), Some("x")));
        assert_eq!(mismatch(&expected, Some(&file(1, Some("any"), Some(1), None)), 1), None);
        assert!(mismatch(&expected, Some(&file(2, None, Some(1), None)), 1).is_some());
        assert!(mismatch(&expected, Some(&file(1, None, Some(2), None)), 1).is_some());
        assert!(mismatch(&expected, Some(&file(1, None, Some(1), Some("y"))), 1).is_some());
        assert!(mismatch(&expected, Some(&Facts::new(EntryKind::Dir)), 1).is_some());
        assert!(mismatch(&expected, None, 1).is_some());
    }

    #[test]
    fn absence_is_absence() {
        assert_eq!(mismatch(&Expectation::ABSENT, None, 1), None);
        assert!(mismatch(&Expectation::ABSENT, Some(&Facts::new(EntryKind::Dir)), 1).is_some());
    }

    #[test]
    fn equal_sizes_prove_nothing() {
        assert_eq!(satisfies(&file(1, None, None, Some("x")), &file(1, None, Some(1), None), 1), None);
        assert_eq!(
            satisfies(&file(1, None, Some(1), Some("x")), &file(1, None, Some(1), Some("y")), 1),
            None
        );
        let proof = satisfies(&file(1, None, Some(1), Some("x")), &file(1, None, Some(1), None), 1);
        assert_eq!(proof, Some(Proof::SizeAndTime));
        assert_eq!(
            satisfies(&file(1, None, None, Some("x")), &file(1, None, None, Some("x")), 1),
            Some(Proof::Content)
        );
    }

    #[test]
    fn links_are_the_same_by_their_text() {
        let link =
            |text: &[u8]| Facts { target: Some(LinkTarget::new(text)), ..Facts::new(EntryKind::Symlink) };
        assert_eq!(satisfies(&link(b"a"), &link(b"a"), 1), Some(Proof::Content));
        assert_eq!(satisfies(&link(b"a"), &link(b"b"), 1), None);
        assert!(mismatch(&Expectation::present(link(b"a")), Some(&link(b"b")), 1).is_some());
    }
}
