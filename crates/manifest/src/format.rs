use kdl::KdlDocument;

use crate::diagnostics::Diagnostics;
use crate::problem::{FileId, Problem};
use crate::source::SourceFile;
use crate::{bounds, code, syntax};

/// Writes a manifest in the canonical form: four spaces a level, one blank between values, at most
/// one empty line between nodes. Comments, values and the breaking of lines stay as they were.
/// Formatting twice changes nothing.
pub fn format(text: &str) -> Result<String, Diagnostics> {
    let file = FileId(0);
    let refuse = |problems: Vec<Problem>| {
        let files = [SourceFile { path: "the manifest".to_owned(), text: text.to_owned() }];
        Diagnostics::some(problems, &files, &[])
    };
    let parse = |text: &str| {
        bounds::check(file, text).map_err(|problem| vec![problem])?;
        syntax::parse(file, text)
    };
    let before = parse(text).map_err(refuse)?;
    let formatted = Formatter::default().run(text);
    // Should the formatter ever change a meaning, the text stays as it was.
    let same = parse(&formatted).is_ok_and(|after| bare(after) == bare(before));
    let changed =
        || Problem::new(code::SYNTAX, "the manifest cannot be formatted without changing what it says");
    if same { Ok(formatted) } else { Err(refuse(vec![changed()])) }
}

fn bare(mut document: KdlDocument) -> String {
    document.clear_format_recursive();
    document.autoformat_no_comments();
    document.to_string()
}

#[derive(Default)]
struct Formatter {
    written: String,
    depth: usize,
    /// Line breaks since the last token.
    breaks: usize,
    /// Blanks since the last token.
    blanks: usize,
    continued: bool,
}

enum Token<'a> {
    Break,
    Blanks(usize),
    /// A word, a string or a sign, with nothing to change in it.
    Piece(&'a str),
}

impl Formatter {
    fn run(mut self, text: &str) -> String {
        let mut rest = text;
        while let Some((token, length)) = next(rest) {
            match token {
                Token::Break => self.breaks += 1,
                Token::Blanks(count) => self.blanks = count,
                Token::Piece(piece) => self.piece(piece),
            }
            rest = &rest[length..];
        }
        if !self.written.is_empty() {
            self.written.push('\n');
        }
        self.written
    }

    fn piece(&mut self, piece: &str) {
        if piece == ";" && self.ends_statement() {
            return;
        }
        if piece == "}" {
            self.depth = self.depth.saturating_sub(1);
        }
        self.space_before(piece);
        self.written.push_str(piece);
        if piece == "{" {
            self.depth += 1;
        }
        self.continued = piece == "\\";
        (self.breaks, self.blanks) = (0, 0);
    }

    /// A `;` that closes nothing is left out.
    fn ends_statement(&self) -> bool {
        self.written.is_empty() || self.breaks > 0 || self.written.ends_with([';', '{'])
    }

    fn space_before(&mut self, piece: &str) {
        if self.written.is_empty() {
            return;
        }
        if self.breaks > 0 {
            // A line break ends a statement as well as a `;` does.
            if self.written.ends_with(';') {
                self.written.pop();
            }
            let empty_line = self.breaks > 1 && !self.written.ends_with('{') && piece != "}";
            self.written.push_str(if empty_line { "\n\n" } else { "\n" });
            let level = self.depth + usize::from(self.continued);
            self.written.push_str(&"    ".repeat(level));
            return;
        }
        // Comments at the ends of lines may be aligned.
        let blanks = if piece.starts_with("//") { self.blanks.max(1) } else { usize::from(self.blanks > 0) };
        let tight = matches!(piece, "=" | ";" | ")")
            || self.written.ends_with(['=', '('])
            || self.written.ends_with("/-");
        let apart = matches!(piece, "{" | "}") || self.written.ends_with(['{', ';']);
        let blanks = match () {
            () if tight => 0,
            () if apart => blanks.max(1),
            () => blanks,
        };
        self.written.push_str(&" ".repeat(blanks));
    }
}

/// The next token and its length. The text is KDL: everything that opens closes.
fn next(text: &str) -> Option<(Token<'_>, usize)> {
    let first = text.chars().next()?;
    let hashes = text.bytes().take_while(|&b| b == b'#').count();
    Some(match first {
        '\r' if text.starts_with("\r\n") => (Token::Break, 2),
        '\n' | '\r' => (Token::Break, 1),
        ' ' | '\t' => {
            let length = text.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
            (Token::Blanks(length), length)
        }
        '/' if text.starts_with("//") => {
            let comment = text.split(['\n', '\r']).next().unwrap_or(text);
            (Token::Piece(comment.trim_end()), comment.len())
        }
        '/' if text.starts_with("/*") => piece(text, comment_length(text)),
        '/' if text.starts_with("/-") => piece(text, 2),
        '"' => piece(text, string_length(text, 0)),
        '#' if text[hashes..].starts_with('"') => piece(text, string_length(text, hashes)),
        '{' | '}' | ';' | '=' | '(' | ')' | '\\' => piece(text, 1),
        _ => {
            let ends = |c: char| {
                c.is_whitespace() || matches!(c, '{' | '}' | ';' | '=' | '(' | ')' | '"' | '/' | '\\')
            };
            let length = text.char_indices().skip(1).find(|(_, c)| ends(*c)).map_or(text.len(), |(at, _)| at);
            piece(text, length)
        }
    })
}

fn piece(text: &str, length: usize) -> (Token<'_>, usize) {
    (Token::Piece(&text[..length]), length)
}

fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        match rest {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string_length(text: &str, hashes: usize) -> usize {
    let quotes = if text[hashes..].starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let end = format!("{quotes}{}", "#".repeat(hashes));
    let mut at = hashes + quotes.len();
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(&end) {
            return at + end.len();
        }
        let escaped = if hashes == 0 && c == '\\' { text[at + 1..].chars().next() } else { None };
        at += c.len_utf8() + escaped.map_or(0, char::len_utf8);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        let once = format(text).unwrap();
        assert_eq!(format(&once).unwrap(), once, "formatting twice changes something");
        once
    }

    #[test]
    fn one_spelling_for_each_thing() {
        assert_eq!(formatted("a   b = 1  {\nc 1;\n\n\n\n  d\n}"), "a b=1 {\n    c 1\n\n    d\n}\n");
        assert_eq!(formatted("a{b 1;c 2}"), "a { b 1; c 2 }\n");
        assert_eq!(formatted("\r\na 1\r\n\r\n"), "a 1\n");
        assert_eq!(formatted("// x\na /* y */ 1    // z  \n"), "// x\na /* y */ 1    // z\n");
        assert_eq!(formatted("a {\n\n b \\\n c\n\n}\n"), "a {\n    b \\\n        c\n}\n");
        assert_eq!(
            formatted("a {\nb \"\"\"\n   x\n     y\n   \"\"\"\n}"),
            "a {\n    b \"\"\"\n   x\n     y\n   \"\"\"\n}\n"
        );
        assert_eq!(formatted("/- a 1\nb /-c #\"x  y\"# #true"), "/-a 1\nb /-c #\"x  y\"# #true\n");
        assert_eq!(formatted(""), "");
    }
}
