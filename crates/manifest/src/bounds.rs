//! Bounds on a text, checked before the KDL parser sees it: that parser recurses into every block and
//! comment, and reads what `/-` comments out twice as often with every level.
//!
//! The scan knows strings and comments, so it also finds what was opened and never closed, which it
//! can say better than a parser that has run into the end of the file.

use crate::code;
use crate::problem::{FileId, Problem, Span};

/// The largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// How deep blocks may nest.
pub const MAX_DEPTH: usize = 64;

/// How deep blocks that `/-` comments out, and block comments, may nest.
pub const MAX_SKIPPED_DEPTH: usize = 4;

/// Signs that mean nothing where they stand: the parser recurses once for each.
const MAX_MISPLACED: usize = 64;

/// Slashdashes in one statement; each may be read several times.
const MAX_SKIPPED_IN_A_ROW: usize = 16;

/// Checks size and nesting, and that all that is opened is closed.
pub(crate) fn check(file: FileId, text: &str) -> Result<(), Problem> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", text.len());
        return Err(Problem::new(code::TOO_LARGE, message)
            .label(Span::new(file, 0..0), "in this file")
            .help("split it with `include`"));
    }
    Scanner {
        file,
        text,
        at: 0,
        blocks: Vec::new(),
        skip: Skip::None,
        last: Last::Nothing,
        slashdashes: 0,
        misplaced: 0,
    }
    .run()
}

struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    /// Where each open block begins, and whether it is commented out.
    blocks: Vec<(usize, bool)>,
    skip: Skip,
    last: Last,
    slashdashes: usize,
    misplaced: usize,
}

/// What stood last in the statement.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Name,
    Value,
    Equals,
    /// The value of a property: no `=` may follow.
    Property,
    Block,
}

/// What a `/-` has commented out and is not over yet.
#[derive(Clone, Copy, PartialEq)]
enum Skip {
    None,
    /// The next argument, property or block.
    Next,
    /// The whole node.
    Node,
}

impl Scanner<'_> {
    fn run(mut self) -> Result<(), Problem> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'/' if self.peek(1) == Some(b'/') => self.line_comment(),
                b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
                b'/' if self.peek(1) == Some(b'-') => self.slashdash()?,
                b'"' => self.string(0)?,
                b'#' => self.raw_string()?,
                b'{' => self.open()?,
                b'}' => self.close()?,
                // An escaped newline does not end a statement.
                b'\\' => self.escaped_newline(),
                b'\n' | b'\r' | b';' => self.end_statement(),
                b'=' | b'(' | b')' | b'[' | b']' => self.sign(byte)?,
                b' ' | b'\t' => self.at += 1,
                _ => self.word()?,
            }
        }
        match self.blocks.first() {
            Some(&(start, _)) => {
                Err(self.unclosed(start..start + 1, "this block is never closed", "add a `}`"))
            }
            None => Ok(()),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn line_comment(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(rest.len());
    }

    fn block_comment(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let mut depth = 0;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    if depth > MAX_SKIPPED_DEPTH {
                        return Err(self.too_deep("comments nest", MAX_SKIPPED_DEPTH, 2));
                    }
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(self.unclosed(start..start + 2, "this comment is never closed", "add `*/`"))
    }

    fn slashdash(&mut self) -> Result<(), Problem> {
        self.slashdashes += 1;
        if self.slashdashes > MAX_SKIPPED_IN_A_ROW {
            return Err(self.too_deep("`/-` in one statement", MAX_SKIPPED_IN_A_ROW, 2));
        }
        self.skip = match self.skip {
            Skip::Node => Skip::Node,
            _ if self.last == Last::Nothing => Skip::Node,
            _ => Skip::Next,
        };
        self.at += 2;
        Ok(())
    }

    fn open(&mut self) -> Result<(), Problem> {
        let skipped = self.skip != Skip::None;
        self.blocks.push((self.at, skipped));
        if self.blocks.len() > MAX_DEPTH {
            return Err(self.too_deep("blocks nest", MAX_DEPTH, 1));
        }
        if skipped && self.blocks.iter().filter(|(_, skipped)| *skipped).count() > MAX_SKIPPED_DEPTH {
            return Err(self.too_deep("blocks behind `/-` nest", MAX_SKIPPED_DEPTH, 1));
        }
        if matches!(self.last, Last::Nothing | Last::Block | Last::Equals) {
            self.misplaced()?;
        }
        self.end_statement();
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        if self.blocks.pop().is_none() {
            let span = Span::new(self.file, self.at..self.at + 1);
            return Err(Problem::new(code::UNCLOSED, "a block is closed that was never opened")
                .label(span, "no `{` belongs to this")
                .help("remove the `}`, or add the `{` that is missing above"));
        }
        self.end_statement();
        // A block may follow a block of the same node.
        self.last = Last::Block;
        Ok(())
    }

    fn end_statement(&mut self) {
        self.at += 1;
        self.last = Last::Nothing;
        self.skip = Skip::None;
        self.slashdashes = 0;
    }

    fn escaped_newline(&mut self) {
        self.at += 1;
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if self.peek(0) == Some(b'\r') {
            self.at += 1;
        }
        if self.peek(0) == Some(b'\n') {
            self.at += 1;
        }
    }

    fn word(&mut self) -> Result<(), Problem> {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = |b: &u8| {
            matches!(
                b,
                b' ' | b'\t'
                    | b'\n'
                    | b'\r'
                    | b';'
                    | b'{'
                    | b'}'
                    | b'"'
                    | b'/'
                    | b'#'
                    | b'\\'
                    | b'='
                    | b'('
                    | b')'
                    | b'['
                    | b']'
            )
        };
        self.at += rest.iter().skip(1).position(ends).map_or(rest.len(), |length| length + 1);
        self.token_done()
    }

    fn token_done(&mut self) -> Result<(), Problem> {
        let before = self.last;
        self.last = match before {
            Last::Nothing => Last::Name,
            Last::Equals => Last::Property,
            _ => Last::Value,
        };
        // A `/-` before an argument ends with it, unless it is the key of a property.
        let is_key = self.text[self.at..].trim_start_matches([' ', '\t']).starts_with('=');
        if self.skip == Skip::Next && !is_key {
            self.skip = Skip::None;
        }
        if before == Last::Block { self.misplaced() } else { Ok(()) }
    }

    /// Strings stand apart from what is before them.
    fn glued(&mut self, start: usize) -> Result<(), Problem> {
        let before = self.text[..start].bytes().next_back();
        let apart = before.is_none_or(|b| {
            b.is_ascii_whitespace() || matches!(b, b'=' | b'{' | b'}' | b';' | b'(' | b')' | b'/' | b'-')
        });
        if apart { Ok(()) } else { self.misplaced() }
    }

    /// `=` stands between a key and its value; the others have no place outside of strings.
    fn sign(&mut self, sign: u8) -> Result<(), Problem> {
        if sign != b'=' || self.last != Last::Value {
            self.misplaced()?;
        }
        if sign == b'=' {
            self.last = Last::Equals;
        }
        self.at += 1;
        Ok(())
    }

    fn misplaced(&mut self) -> Result<(), Problem> {
        self.misplaced += 1;
        if self.misplaced <= MAX_MISPLACED {
            return Ok(());
        }
        let at = self.at.min(self.text.len().saturating_sub(1));
        Err(Problem::new(code::SYNTAX, "this is not KDL")
            .label(Span::new(self.file, at..at + 1), "one of many signs that mean nothing where they stand")
            .help(
                "a line is a name, then values and `key=value` separated by spaces, then perhaps `{` … `}`",
            ))
    }

    fn raw_string(&mut self) -> Result<(), Problem> {
        let hashes = self.text.as_bytes()[self.at..].iter().take_while(|&&b| b == b'#').count();
        if self.peek(hashes) == Some(b'"') {
            self.at += hashes;
            return self.string(hashes);
        }
        // `#true`, or a comment of another language: the parser's turn.
        self.at += hashes;
        self.token_done()
    }

    /// A string that opens at the quote here; raw ones have hashes around.
    fn string(&mut self, hashes: usize) -> Result<(), Problem> {
        let start = self.at - hashes;
        let multiline = self.text[self.at..].starts_with("\"\"\"");
        let quotes = if multiline { "\"\"\"" } else { "\"" };
        let end = format!("{quotes}{}", "#".repeat(hashes));
        self.at += quotes.len();
        let opened = start..self.at;
        self.glued(start)?;
        if multiline && !self.text[self.at..].starts_with(['\n', '\r']) {
            return Err(Problem::new(code::SYNTAX, "a string of several lines begins with a line break")
                .label(Span::new(self.file, opened), "no line break after this")
                .help("write a line break after `\"\"\"`, or use `\"` for a string on one line"));
        }
        loop {
            let rest = &self.text[self.at..];
            match rest.chars().next() {
                _ if rest.starts_with(&end) => break,
                None => {
                    return Err(self.unclosed(
                        opened,
                        "this string is never closed",
                        "close it with its quotes",
                    ));
                }
                Some('\n' | '\r') if !multiline => {
                    let help = "close it on its line; a string of several lines begins with `\"\"\"` and a line break";
                    return Err(self.unclosed(start..self.at, "this string is not closed on its line", help));
                }
                Some('\\') if hashes == 0 => self.escape()?,
                Some(c) => self.at += c.len_utf8(),
            }
        }
        self.at += end.len();
        self.token_done()
    }

    fn escape(&mut self) -> Result<(), Problem> {
        let mut rest = self.text[self.at + 1..].chars();
        match rest.next() {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 's' | 'u') => self.at += 2,
            // Blanks and line breaks after a backslash count for nothing.
            Some(c) if c.is_whitespace() => self.at += 1 + c.len_utf8(),
            other => {
                let end = self.at + 1 + other.map_or(0, char::len_utf8);
                let span = Span::new(self.file, self.at..end);
                return Err(Problem::new(code::SYNTAX, "a string has an escape that KDL does not know")
                    .label(span, "unknown escape")
                    .help(format!(
                        "write `\\\\{}` for a backslash, or use a raw string: `#\"…\"#`",
                        other.map(String::from).unwrap_or_default()
                    )));
            }
        }
        Ok(())
    }

    fn unclosed(&self, range: std::ops::Range<usize>, what: &str, help: &str) -> Problem {
        Problem::new(code::UNCLOSED, what).label(Span::new(self.file, range), "opened here").help(help)
    }

    fn too_deep(&self, what: &str, limit: usize, length: usize) -> Problem {
        let span = Span::new(self.file, self.at..self.at + length);
        Problem::new(code::TOO_DEEP, format!("{what} more than {limit} deep"))
            .label(span, "one too many")
            .help("no manifest needs more: take a level out")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(text: &str) -> Option<&'static str> {
        check(FileId(0), text).err().map(|problem| problem.code.id.trim_start_matches("syncplan::manifest::"))
    }

    #[test]
    fn what_stops_the_parser_is_stopped_before_it() {
        assert_eq!(code_of(&"a /-{\n".repeat(18)), Some("too-deep"));
        assert_eq!(code_of(&"a {\n".repeat(3_000)), Some("too-deep"));
        assert_eq!(code_of(&"/*".repeat(10_000)), Some("too-deep"));
        assert_eq!(code_of(&"/- a {\n".repeat(18)), Some("too-deep"));
        assert_eq!(code_of(&"/-".repeat(10_000)), Some("too-deep"));
        assert_eq!(code_of(&" ".repeat(MAX_FILE_BYTES + 1)), Some("too-large"));
    }

    #[test]
    fn what_is_in_strings_and_comments_does_not_count() {
        for fine in [
            &format!("a \"{}\"", "{".repeat(100)),
            &format!("a #\"{}\\\"#", "{\"".repeat(100)),
            &format!("// {}", "{ /*".repeat(100)),
            &format!("/* {} */ a", "{".repeat(100)),
            "a \"\"\"\n  { \"x\" {\n  \"\"\"",
            "a /-b { c { d { e { f { g; }; }; }; }; }",
            "a /-\"b\" /-c=1 { }",
            "glob \"**/*.html\"",
            "a \\\n {\n}",
            "a /- { b /-{ c /-{ d /-{ }; }; }; }",
        ] {
            assert_eq!(code_of(fine), None, "{fine}");
        }
        assert_eq!(code_of("a /- { b /-{ c /-{ d /-{ e /-{ }; }; }; }; }"), Some("too-deep"));
    }

    #[test]
    fn what_is_opened_is_closed() {
        for text in ["a {", "a }", "a \"x\nb", "a \"", "a \"\"\"\n x", "/* a", "a #\"x\""] {
            assert_eq!(code_of(text), Some("unclosed"), "{text}");
        }
        assert_eq!(code_of("a \"\\q\""), Some("syntax"));
    }
}
