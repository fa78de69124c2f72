//! Covers what must not be shown when a diagnostic quotes a manifest.

use std::ops::Range;

/// Settings whose value is a secret. A line that gives one literally is covered even where the text
/// does not parse.
pub(crate) const SECRET_SETTINGS: [&str; 12] = [
    "access-key-id",
    "secret-access-key",
    "session-token",
    "access-key",
    "sas-token",
    "service-account",
    "identity",
    "passphrase",
    "password",
    "bearer-token",
    "token",
    "secret",
];

const REFERENCES: [&str; 4] = ["env", "file", "command", "keyring"];

/// The text with `secrets`, whatever looks like one, and invisible characters covered by `*`. It is
/// as long as before, byte for byte.
pub(crate) fn cover(text: &str, secrets: impl Iterator<Item = Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let ranges = secrets.chain(literal_settings(text)).chain(credentials(text)).chain(invisible(text));
    for range in ranges {
        let range = range.start.min(bytes.len())..range.end.min(bytes.len());
        bytes[range].iter_mut().filter(|b| !matches!(b, b'\n' | b'\r')).for_each(|b| *b = b'*');
    }
    // Ranges are made of whole characters; should one not be, nothing is shown rather than a wrong thing.
    String::from_utf8(bytes).unwrap_or_else(|error| "*".repeat(error.as_bytes().len()))
}

/// What follows the name of a secret setting on its line, unless it is a reference.
fn literal_settings(text: &str) -> impl Iterator<Item = Range<usize>> {
    lines(text).flat_map(|(start, line)| {
        let names = SECRET_SETTINGS.iter().filter_map(move |name| Some((name, word_at(line, name)?)));
        names.filter_map(move |(name, at)| {
            let value = at + name.len();
            let rest = &line[value..];
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '=', ':']).len();
            let given = rest[blank..].split(['}', ';']).next().unwrap_or("");
            let reference =
                REFERENCES.iter().any(|key| given.strip_prefix(key).is_some_and(|g| g.starts_with('=')));
            let literal = !given.trim().is_empty() && !reference && !given.starts_with("//");
            literal.then(|| start + value + blank..start + value + blank + given.len())
        })
    })
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |start, line| {
        let at = *start;
        *start += line.len();
        Some((at, line.trim_end_matches(['\n', '\r'])))
    })
}

/// Where the word stands as the name of a node or as the key of a property.
fn word_at(line: &str, word: &str) -> Option<usize> {
    line.match_indices(word).map(|(at, _)| at).find(|&at| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let begins = before.trim_end().is_empty() || before.trim_end().ends_with(['{', ';']);
        let is_node = begins && after.starts_with([' ', '\t', ':']);
        let is_key = before.ends_with([' ', '\t']) && after.starts_with('=');
        is_node || is_key || begins && after.starts_with('=')
    })
}

/// The part of URLs before an `@`, and signatures in their queries.
pub(crate) fn credentials(text: &str) -> impl Iterator<Item = Range<usize>> {
    let users = text.match_indices("://").filter_map(|(at, separator)| {
        let start = at + separator.len();
        let authority = text[start..].split(['/', '"', '\'', ' ', '\t', '\n', '\r', '?', '#']).next()?;
        let at = authority.rfind('@')?;
        (at > 0).then_some(start..start + at)
    });
    let signatures = ["sig=", "X-Amz-Signature=", "X-Amz-Security-Token=", "access_token="].into_iter();
    let signatures = signatures.flat_map(move |key| {
        text.match_indices(key).filter_map(move |(at, key)| {
            let before = text[..at].bytes().next_back();
            let value = text[at + key.len()..].split(['&', '"', '\'', ' ', '\n', '\r', '#']).next()?;
            let is_query = matches!(before, Some(b'?' | b'&')) && !value.is_empty();
            is_query.then(|| at + key.len()..at + key.len() + value.len())
        })
    });
    users.chain(signatures)
}

/// Characters that could steer a terminal or reorder a line.
fn invisible(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.char_indices()
        .filter(|(_, c)| !matches!(c, '\n' | '\r' | '\t') && is_invisible(*c))
        .map(|(at, c)| at..at + c.len_utf8())
}

fn is_invisible(c: char) -> bool {
    !(' '..='~').contains(&c) && {
        let mut buffer = [0; 4];
        let shown = syncplan_model::Escaped(c.encode_utf8(&mut buffer).as_bytes()).to_string();
        shown.starts_with('\\')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(text: &str) -> String {
        let covered = cover(text, std::iter::empty());
        assert_eq!(covered.len(), text.len());
        covered
    }

    #[test]
    fn literal_secrets_are_covered_and_references_are_not() {
        assert_eq!(covered("secret-access-key \"abc\""), "secret-access-key *****");
        assert_eq!(covered("x { password hunter2; y 1 }"), "x { password *******; y 1 }");
        assert_eq!(covered("password=hunter2"), "password=*******");
        for shown in ["secret-access-key env=KEY", "password file=\"x\"", "a \"the password\"", "${password}"]
        {
            assert_eq!(covered(shown), shown);
        }
    }

    #[test]
    fn credentials_in_urls_are_covered() {
        assert_eq!(covered("url \"mysql://root:pw@db/x\""), "url \"mysql://*******@db/x\"");
        assert_eq!(covered("\"https://x/y?a=1&sig=abc&b\""), "\"https://x/y?a=1&sig=***&b\"");
        assert_eq!(covered("\"https://x/y@z\""), "\"https://x/y@z\"");
    }

    #[test]
    fn what_steers_a_terminal_is_covered() {
        assert_eq!(covered("a \u{1b}[2K \u{202e} é\tb\r\n"), "a *[2K *** é\tb\r\n");
    }
}
