//! Text → KDL document, with messages of our own where the parser's are hard to understand or point
//! to the wrong place.

use std::ops::Range;

use kdl::{KdlDiagnostic, KdlDocument};

use crate::code;
use crate::problem::{FileId, Problem, Span};

/// Parses a text whose bounds were checked. All mistakes of syntax are told, one a line.
pub(crate) fn parse(file: FileId, text: &str) -> Result<KdlDocument, Vec<Problem>> {
    if let Some(problem) = version_marker(file, text) {
        return Err(vec![problem]);
    }
    KdlDocument::parse_v2(text).map_err(|error| {
        let mut problems: Vec<Problem> = Vec::new();
        let mut last_line = None;
        for diagnostic in error.diagnostics.iter().take(MAX_MISTAKES) {
            let at = token_at(text, diagnostic);
            if at.is_empty() && diagnostic.message.as_deref() != Some("Expected property value") {
                continue;
            }
            // What follows a mistake on its line is most often a consequence of it.
            let line = text[..at.start].matches('\n').count();
            if last_line != Some(line) {
                problems.push(explain(file, text, at, diagnostic));
            }
            last_line = Some(line);
        }
        if problems.is_empty() {
            problems.push(unreadable(file, text, &error.diagnostics));
        }
        problems
    })
}

/// The parser gave up and points to nothing.
fn unreadable(file: FileId, text: &str, diagnostics: &[KdlDiagnostic]) -> Problem {
    let at = floor(text, diagnostics.first().map_or(0, |diagnostic| diagnostic.span.offset()));
    Problem::new(code::SYNTAX, "this is not KDL")
        .label(Span::new(file, at..at), "cannot be read from here on")
        .help(SHAPE)
}

/// One mistake often leads to thousands; the first are enough.
const MAX_MISTAKES: usize = 100;

const SHAPE: &str =
    "a line is a name, then values and `key=value` separated by spaces, then perhaps `{` … `}`";

/// `/- kdl-version 1` at the beginning.
fn version_marker(file: FileId, text: &str) -> Option<Problem> {
    let rest = text.strip_prefix("/-")?;
    let rest = rest.trim_start_matches([' ', '\t']).strip_prefix("kdl-version")?;
    let line = rest.split(['\n', '\r']).next().unwrap_or(rest);
    let version = line.trim();
    if version == "2" {
        return None;
    }
    let start = text.len() - rest.len() + line.len() - line.trim_start().len();
    Some(
        Problem::new(code::KDL_VERSION, "the file says that it is not KDL 2")
            .label(Span::new(file, start..start + version.len()), "manifests are KDL 2")
            .help("write `/- kdl-version 2`, or remove the line"),
    )
}

/// The token that the parser stumbled over. It sometimes gives a range that begins with the file
/// and ends shortly before or within the token.
fn token_at(text: &str, diagnostic: &KdlDiagnostic) -> Range<usize> {
    let start = floor(text, diagnostic.span.offset());
    let end = floor(text, start + diagnostic.span.len()).max(start);
    let claimed = &text[start..end];
    if claimed.contains(['\n', '=']) && diagnostic.message.as_deref() == Some("Expected property value") {
        let start = start + claimed.rfind('=').map_or(0, |at| at + 1);
        return start..start + token_length(&text[start..]);
    }
    let first_line = claimed.split(['\n', '\r']).next().unwrap_or(claimed);
    let length =
        if first_line.chars().count() <= 1 { token_length(&text[start..]) } else { first_line.len() };
    start..start + length
}

fn token_length(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '{' | '}');
    text.find(ends).unwrap_or(text.len())
}

/// The nearest beginning of a character at or before an offset.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn explain(file: FileId, text: &str, at: Range<usize>, diagnostic: &KdlDiagnostic) -> Problem {
    let token = &text[at.clone()];
    let span = Span::new(file, at.clone());
    let line_start = text[..at.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].split(['\n', '\r']).next().unwrap_or("").trim();
    let begins_line = text[line_start..at.start].trim().is_empty();
    match token {
        "" => Problem::new(code::SYNTAX, "a value is missing")
            .label(span, "expected a value here")
            .help("write the value directly after the `=`"),
        "true" | "false" | "null" | "nan" | "inf" | "-inf" => {
            Problem::new(code::KDL1_KEYWORD, format!("`{token}` is not KDL 2"))
                .label(span, "KDL 1 wrote it like this")
                .help(format!("write `#{token}`"))
        }
        _ if begins_line && token.starts_with('#') => {
            let comment = line.trim_start_matches('#').trim_start();
            Problem::new(code::COMMENT, "comments do not begin with `#`")
                .label(span, "not a comment in KDL")
                .help(format!("write `// {comment}`"))
        }
        _ if token.starts_with('#') => Problem::new(code::KDL1_KEYWORD, format!("`{token}` is no word of KDL"))
            .label(span, "unknown")
            .help("after `#` there is only `#true`, `#false`, `#null`, or a raw string `#\"…\"#`; comments begin with `//`"),
        _ if begins_line && line.starts_with('=') || token.starts_with('=') => {
            Problem::new(code::COLON, "a `=` where a value should stand")
                .label(span, "unexpected")
                .help("a setting and its value are separated by a space: `mode mirror`; `key=value` has no space around the `=`")
        }
        _ if let Some(c) = token.chars().find(|c| is_forbidden(*c)) => {
            Problem::new(code::SYNTAX, "KDL does not allow this character, which nobody would see")
                .label(span, "in here")
                .help(format!("remove it, or write it in a string as `\\u{{{:x}}}`", u32::from(c)))
        }
        _ if let Some(number) = meant_number(token) => {
            Problem::new(code::UNQUOTED, format!("`{token}` is neither a number nor text in quotes"))
                .label(span, "letters among the digits")
                .help(format!("write `{number}`, or `\"{token}\"` if it is text"))
        }
        _ if is_bare_text(token) => Problem::new(code::UNQUOTED, format!("`{token}` needs quotes"))
            .label(span, "KDL does not take this for text")
            .help(format!("write `\"{token}\"`")),
        _ => {
            let message = diagnostic.message.clone().unwrap_or_else(|| "this is not KDL".to_owned());
            Problem::new(code::SYNTAX, lower_first(&message))
                .label(span, "unexpected")
                .help(diagnostic.help.as_deref().unwrap_or(SHAPE))
        }
    }
}

/// Something that was meant as text, and needs no more than quotes.
fn is_bare_text(token: &str) -> bool {
    !token.contains(['"', '\\', '{', '}', '='])
        && token.chars().any(|c| c.is_alphanumeric())
        && !token.starts_with(['(', '[', ','])
}

/// What KDL forbids outside and inside of strings.
fn is_forbidden(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
        || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Digits, some of them typed as the letters that look like them.
fn meant_number(token: &str) -> Option<String> {
    let digits: String = token
        .chars()
        .map(|c| match c {
            'O' | 'o' => '0',
            'l' | 'I' => '1',
            c => c,
        })
        .collect();
    (token.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit()))
        .then_some(digits)
}

fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
