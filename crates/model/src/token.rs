use std::fmt;

use serde::{Deserialize, Serialize};

/// An opaque string that changes whenever the content of a place may have changed.
///
/// An ETag or a version id; for local files inode and ctime. Tokens of one place are compared for
/// equality and nothing else; tokens of two places say nothing about each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Token(String);

impl Token {
    /// Takes a store's own text as a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn assign(&mut self, text: &str) {
        self.0.clear();
        self.0.push_str(text);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {:?}", self.0)
    }
}
