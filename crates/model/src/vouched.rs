use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// What a checksum that a store keeps vouches for, of content that nobody here has hashed.
///
/// It is as good as the checksum, which may be an MD5: like samples it *nominates* a match, and is never
/// taken for a digest. Written `b3:` or `sum:` and 64 hexadecimal digits.
///
/// ```
/// use syncplan_model::{Digest, Vouched};
///
/// let vouched = Vouched::Checksum(Digest::of(b"md5:900150983cd24fb0d6963f7d28e17f72"));
/// assert!(vouched.to_string().starts_with("sum:"));
/// assert_eq!(vouched.to_string().parse(), Ok(vouched));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Vouched {
    /// The digest of content that has the same checksum.
    Content(Digest),
    /// The checksum itself, hashed: two stores that keep the same one hold the same.
    Checksum(Digest),
}

impl Vouched {
    /// The digest of the content, if that is what is vouched for.
    pub fn content(self) -> Option<Digest> {
        match self {
            Self::Content(digest) => Some(digest),
            Self::Checksum(_) => None,
        }
    }
}

impl fmt::Display for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(digest) => fmt::Display::fmt(digest, f),
            Self::Checksum(hash) => write!(f, "sum:{}", &hash.to_string()[3..]),
        }
    }
}

impl fmt::Debug for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Vouched {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.strip_prefix("sum:") {
            Some(hash) => format!("b3:{hash}").parse().map(Self::Checksum),
            None => text.parse().map(Self::Content),
        }
    }
}

impl TryFrom<String> for Vouched {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Vouched> for String {
    fn from(value: Vouched) -> Self {
        value.to_string()
    }
}
