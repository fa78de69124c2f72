//! Strings, with the way back from every character to the place where it was written: through
//! escapes, raw strings, the indentation of strings of several lines, and replaced variables.

use std::ops::Range;

use crate::problem::{FileId, Span};

/// A string of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    /// All of it, with its quotes.
    pub(crate) span: Span,
    /// For each character: where it begins in the value, and what stands for it in the file.
    origins: Vec<(usize, Range<usize>)>,
}

impl Text {
    /// Reads the `repr` of a value that begins at `start`. Should that not come to the `value` that
    /// the KDL parser got, labels fall on the whole string.
    pub(crate) fn new(value: &str, repr: &str, file: FileId, start: usize) -> Self {
        let span = Span::new(file, start..start + repr.len());
        let mut characters = characters(repr);
        let read: String = characters.iter().map(|(c, _)| *c).collect();
        if read != value {
            characters = value.chars().map(|c| (c, 0..repr.len())).collect();
        }
        let mut text = Self { value: String::new(), span, origins: Vec::new() };
        characters.into_iter().for_each(|(c, range)| text.push(c, start + range.start..start + range.end));
        text
    }

    /// A text that was not written in a file of the manifest.
    #[cfg(test)]
    pub(crate) fn plain(value: &str) -> Self {
        Self::new(value, &format!("\"{value}\""), FileId(0), 0)
    }

    pub(crate) fn push(&mut self, c: char, origin: Range<usize>) {
        self.origins.push((self.value.len(), origin));
        self.value.push(c);
    }

    /// An empty text at the same place, to be filled.
    pub(crate) fn emptied(&self) -> Self {
        Self { value: String::new(), span: self.span, origins: Vec::new() }
    }

    /// Each character with what stands for it in the file.
    pub(crate) fn characters(&self) -> impl Iterator<Item = (char, Range<usize>)> {
        self.value.chars().zip(&self.origins).map(|(c, (_, origin))| (c, origin.clone()))
    }

    /// Where a range of the value was written.
    pub(crate) fn locate(&self, range: Range<usize>) -> Span {
        let at = |offset: usize| self.origins.partition_point(|(start, _)| *start <= offset).checked_sub(1);
        let end_of_all = self.origins.last().map_or(self.span.start, |(_, origin)| origin.end);
        let start = match at(range.start) {
            Some(index) if range.start < self.value.len() => self.origins[index].1.start,
            _ => end_of_all,
        };
        let end = match range.end.checked_sub(1).and_then(at) {
            Some(index) if range.end > range.start => self.origins[index].1.end,
            _ => start,
        };
        Span { start, end: end.max(start), ..self.span }
    }
}

/// The characters of a KDL string, each with its range in `repr`.
fn characters(repr: &str) -> Vec<(char, Range<usize>)> {
    let hashes = repr.bytes().take_while(|&b| b == b'#').count();
    let body = repr.get(hashes..repr.len().saturating_sub(hashes)).unwrap_or("");
    match quoted(body) {
        Some((quotes, inner)) => {
            let start = hashes + quotes;
            let plain: Vec<_> =
                inner.char_indices().map(|(at, c)| (c, start + at..start + at + c.len_utf8())).collect();
            let lines = if quotes == 3 { dedent(plain) } else { plain };
            if hashes == 0 { unescape(&lines) } else { lines }
        }
        // A bare word.
        None => repr.char_indices().map(|(at, c)| (c, at..at + c.len_utf8())).collect(),
    }
}

fn quoted(body: &str) -> Option<(usize, &str)> {
    let multiline = body.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\""));
    let single = || body.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    multiline.map(|inner| (3, inner)).or_else(|| single().map(|inner| (1, inner)))
}

type Character = (char, Range<usize>);

/// Takes the first line break, the last line and its indentation away from every line.
fn dedent(characters: Vec<Character>) -> Vec<Character> {
    let mut lines: Vec<Vec<Character>> = vec![Vec::new()];
    let mut previous = None;
    for character in characters {
        let c = character.0;
        match c {
            '\n' if previous == Some('\r') => {}
            '\n' | '\r' => lines.push(Vec::new()),
            _ => {}
        }
        if let Some(line) = lines.last_mut() {
            // Every line keeps the break that it begins with, read as `\n`.
            match c {
                '\r' => line.push(('\n', character.1)),
                '\n' if previous == Some('\r') => {}
                _ => line.push(character),
            }
        }
        previous = Some(c);
    }
    let indentation = lines.pop().map_or(0, |last| last.len().saturating_sub(1));
    let kept = lines.into_iter().skip(1).flat_map(|line| {
        let blank = line.iter().skip(1).all(|(c, _)| c.is_whitespace());
        let skipped = if blank { line.len() } else { indentation + 1 };
        let (first, rest) = (line.first().cloned(), line.into_iter().skip(skipped));
        first.into_iter().chain(rest)
    });
    kept.skip(1).collect()
}

fn unescape(characters: &[Character]) -> Vec<Character> {
    let mut read = Vec::with_capacity(characters.len());
    let mut at = 0;
    while let Some((c, range)) = characters.get(at) {
        let (c, length) = if *c == '\\' { escape(&characters[at + 1..]) } else { (Some(*c), 0) };
        at += 1 + length;
        let end = characters[..at].last().map_or(range.end, |(_, last)| last.end);
        read.extend(c.map(|c| (c, range.start..end)));
    }
    read
}

/// What follows a backslash: the character it stands for, if any, and how long it is.
fn escape(rest: &[Character]) -> (Option<char>, usize) {
    match rest.first().map(|(c, _)| *c) {
        Some('n') => (Some('\n'), 1),
        Some('r') => (Some('\r'), 1),
        Some('t') => (Some('\t'), 1),
        Some('b') => (Some('\u{8}'), 1),
        Some('f') => (Some('\u{c}'), 1),
        Some('s') => (Some(' '), 1),
        Some('u') => {
            let digits: String = rest.iter().skip(2).map(|(c, _)| *c).take_while(|c| *c != '}').collect();
            (u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32), digits.len() + 3)
        }
        Some(c) if c.is_whitespace() => (None, rest.iter().take_while(|(c, _)| c.is_whitespace()).count()),
        Some(c) => (Some(c), 1),
        None => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the only argument of a node, and marks in the file where `part` of it was written.
    fn marked(source: &str, part: &str) -> String {
        let document = kdl::KdlDocument::parse(source).unwrap();
        let entry = &document.nodes()[0].entries()[0];
        let repr = &entry.format().unwrap().value_repr;
        let value = entry.value().as_string().unwrap();
        let text = Text::new(value, repr, FileId(0), source.find(repr.as_str()).unwrap());
        assert_eq!(text.value, value);
        let at = value.find(part).unwrap();
        let span = text.locate(at..at + part.len());
        source[span.start..span.end].to_owned()
    }

    #[test]
    fn every_character_is_found_again() {
        assert_eq!(marked("a bäre", "re"), "re");
        assert_eq!(marked("é \"äö\\tü\\u{1F600}ß\"", "ü"), "ü");
        assert_eq!(marked("é \"äö\\tü\\u{1F600}ß\"", "\t"), "\\t");
        assert_eq!(marked("é \"äö\\tü\\u{1F600}ß\"", "😀ß"), "\\u{1F600}ß");
        assert_eq!(marked("a \"x \\   \n  yé\"", "yé"), "yé");
        assert_eq!(marked("a ##\"é\"#\\n\"##", "\\n"), "\\n");
        assert_eq!(marked("a \"\"\"\n    é\n\n      \\tö x\n    \"\"\"", "ö x"), "ö x");
        assert_eq!(marked("a #\"\"\"\r\n  é\r\n    ö\\x\r\n  \"\"\"#", "ö\\x"), "ö\\x");
        assert_eq!(marked("a \"\"\"\n\té \\\n\t  ö\n\t\"\"\"", "ö"), "ö");
    }

    #[test]
    fn the_end_is_a_place_too() {
        let text = Text::plain("ab");
        assert_eq!((text.locate(2..2).start, text.locate(2..2).end), (3, 3));
        assert_eq!((text.locate(0..0).start, text.locate(0..0).end), (1, 1));
        assert_eq!((text.locate(1..9).start, text.locate(1..9).end), (2, 3));
        assert_eq!(Text::plain("").locate(0..0).start, 0);
    }
}
