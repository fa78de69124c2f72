use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hex;
use crate::sample::SampleSpec;

/// A BLAKE3 hash of all of the content, written `b3:` and 64 hexadecimal digits.
///
/// ```
/// use syncplan_model::Digest;
///
/// let digest = Digest::of(b"");
/// assert!(digest.to_string().starts_with("b3:af1349b9"));
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A hash of the size and of samples of the content, written `s3-`, the scheme, `:` and the hash.
///
/// Two fingerprints say something about each other only if they were sampled alike; the scheme,
/// a short hash of the [`SampleSpec`], tells. Equal fingerprints *nominate* a match, and unequal
/// ones of one scheme refute it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    scheme: [u8; 4],
    hash: [u8; 32],
}

/// Text that should have been a digest or a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest of a known kind")]
pub struct DigestError(String);

impl Digest {
    /// Hashes content that is in memory.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// Takes a finished hash.
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl Fingerprint {
    /// Takes a finished hash of samples drawn as `spec` says.
    pub fn new(spec: &SampleSpec, hash: [u8; 32]) -> Self {
        Self { scheme: spec.scheme(), hash }
    }

    /// Takes the parts of one that was stored.
    pub fn from_parts(scheme: [u8; 4], hash: [u8; 32]) -> Self {
        Self { scheme, hash }
    }

    /// Which sampling it was made with.
    pub fn scheme(&self) -> [u8; 4] {
        self.scheme
    }

    /// The 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.hash
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b3:{}", hex::encode(&self.0))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3-{}:{}", hex::encode(&self.scheme), hex::encode(&self.hash))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hash = text.strip_prefix("b3:").and_then(hex::decode);
        hash.map(Self).ok_or_else(|| DigestError(text.to_owned()))
    }
}

impl FromStr for Fingerprint {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let parts = text.strip_prefix("s3-").and_then(|rest| rest.split_once(':'));
        parts
            .and_then(|(scheme, hash)| Some(Self { scheme: hex::decode(scheme)?, hash: hex::decode(hash)? }))
            .ok_or_else(|| DigestError(text.to_owned()))
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = DigestError;

            fn try_from(text: String) -> Result<Self, DigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(Digest, Fingerprint);
