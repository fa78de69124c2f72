use std::fmt;

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};

/// The longest pattern that is compiled, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// What a compiled pattern may weigh, in bytes.
const MAX_PROGRAM_BYTES: usize = 1 << 20;

/// A glob over bytes: `*` and `?` stop at `/`, `**` does not, `[a-z]`, `{a,b}`, `\` escapes.
#[derive(Clone)]
pub struct Glob {
    text: String,
    program: Regex,
}

/// A regular expression over the bytes of a path, matched in linear time, anywhere in the path.
#[derive(Clone)]
pub struct PathRegex {
    text: String,
    program: Regex,
}

/// Why a pattern does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It matches nothing, and was hardly meant to.
    #[error("the pattern is empty")]
    Empty,
    /// Longer than [`MAX_PATTERN_BYTES`], or too large once compiled.
    #[error("the pattern is too large")]
    TooLarge,
    /// Anything else, in the words of the compiler.
    #[error("{0}")]
    Syntax(String),
}

impl Glob {
    /// Compiles a glob.
    ///
    /// ```
    /// use syncplan_model::filter::Glob;
    ///
    /// let glob = Glob::new("photos/**/*.{raw,dng}").unwrap();
    /// assert!(glob.is_match(b"photos/2023/may/1.dng"));
    /// assert!(!Glob::new("*.raw").unwrap().is_match(b"photos/1.raw"));
    /// ```
    pub fn new(text: &str) -> Result<Self, PatternError> {
        check_length(text)?;
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| PatternError::Syntax(error.kind().to_string()))?;
        // globset's own matcher panics on a program that is too large.
        Ok(Self { text: text.to_owned(), program: compile(glob.regex())? })
    }

    /// Whether all of the bytes match.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.program.is_match(path)
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PathRegex {
    /// Compiles a regular expression in the syntax of the `regex` crate.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        check_length(text)?;
        Ok(Self { text: text.to_owned(), program: compile(text)? })
    }

    /// Whether it matches somewhere in the path.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.program.is_match(path)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn check_length(text: &str) -> Result<(), PatternError> {
    match text.len() {
        0 => Err(PatternError::Empty),
        1..=MAX_PATTERN_BYTES => Ok(()),
        _ => Err(PatternError::TooLarge),
    }
}

fn compile(text: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(text).size_limit(MAX_PROGRAM_BYTES).nest_limit(64).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            other => PatternError::Syntax(last_line(&other.to_string())),
        },
    )
}

/// The regex crate draws the pattern with a caret; the reason is in the last line.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or(message).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl PartialEq for PathRegex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathRegex {}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Debug for PathRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes_and_names_may_be_any_bytes() {
        let glob = |text: &str, path: &[u8]| Glob::new(text).unwrap().is_match(path);
        assert!(glob("*.tmp", b"\xff\xfe.tmp"));
        assert!(!glob("*.tmp", b"a/b.tmp"));
        assert!(glob("**/*.html", b"index.html"));
        assert!(glob("**/*.html", b"a/b/index.html"));
        assert!(glob("a/**", b"a/b/c"));
        assert!(!glob("a?b", b"a/b"));
        assert!(glob("[a-c]{x,y}", b"by"));
        assert!(glob(r"\*", b"*"));
        assert!(glob("caf\u{e9}*", "caf\u{e9}.txt".as_bytes()));
    }

    #[test]
    fn hostile_patterns_are_refused_at_once() {
        assert_eq!(Glob::new("").unwrap_err(), PatternError::Empty);
        assert!(matches!(Glob::new("[").unwrap_err(), PatternError::Syntax(_)));
        assert_eq!(PathRegex::new("(a{1000}){1000}").unwrap_err(), PatternError::TooLarge);
        assert_eq!(PathRegex::new(&"a".repeat(5000)).unwrap_err(), PatternError::TooLarge);
        assert!(PathRegex::new(&"(".repeat(4000)).is_err());
        assert!(Glob::new(&"{".repeat(4000)).is_err());
        assert!(Glob::new(&"{a,".repeat(1000)).is_err());
        assert!(
            matches!(PathRegex::new("(a").unwrap_err(), PatternError::Syntax(why) if why == "unclosed group")
        );
    }
}
