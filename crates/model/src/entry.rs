use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, Fingerprint};
use crate::mtime::Mtime;
use crate::path::{RelPath, deserialize_name, serialize_name};
use crate::text::text_enum;
use crate::token::Token;
use crate::vouched::Vouched;

text_enum! {
    /// What stands at a path.
    EntryKind {
        /// A regular file or an object.
        File = "file",
        /// A directory.
        Dir = "dir",
        /// A symbolic link, recorded and never followed.
        Symlink = "symlink",
        /// Something that a filter, an ignore file or a marker leaves out, with all below it.
        Ignored = "ignored",
        /// Something that could not be read, with all that may be below it.
        Unreadable = "unreadable",
        /// A FIFO, socket or device: reported, never opened.
        Special = "special",
    }
}

impl EntryKind {
    /// Whether nothing at this path or below it may be read, replaced or removed.
    pub fn is_opaque(self) -> bool {
        matches!(self, Self::Ignored | Self::Unreadable | Self::Special)
    }
}

/// One path of a snapshot, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands.
    pub path: RelPath,
    /// What stands there.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What is known about one place at one moment; whatever is not known is absent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What stands there.
    #[serde(default = "file", skip_serializing_if = "is_file")]
    pub kind: EntryKind,
    /// Changes whenever the content may have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The length of a file in bytes; 0 for everything else.
    #[serde(default, skip_serializing_if = "is_zero", with = "crate::text::u64_as_text")]
    pub size: u64,
    /// When the content was last modified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<Mtime>,
    /// The permission bits of a local file, without setuid, setgid and sticky.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// A hash of all of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// A hash of samples of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// What a checksum that the store keeps vouches for, where there is no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<Vouched>,
    /// Where a symbolic link points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<LinkTarget>,
}

impl Facts {
    /// Facts of something of which only the kind is known.
    pub fn new(kind: EntryKind) -> Self {
        Self {
            kind,
            token: None,
            size: 0,
            mtime: None,
            mode: None,
            digest: None,
            fingerprint: None,
            vouched: None,
            target: None,
        }
    }

    /// The same of another place: a token means something in its own only.
    #[must_use]
    pub fn without_token(&self) -> Self {
        let Self { kind, token: _, size, mtime, mode, digest, fingerprint, vouched, ref target } = *self;
        Self { kind, token: None, size, mtime, mode, digest, fingerprint, vouched, target: target.clone() }
    }

    /// The digest of the content, or else what a checksum vouches it to be.
    pub fn likely_digest(&self) -> Option<Digest> {
        self.digest.or_else(|| self.vouched?.content())
    }

    /// Facts of a file of which only the size is known.
    pub fn file(size: u64) -> Self {
        Self { size, ..Self::new(EntryKind::File) }
    }
}

/// Shown as its JSON, which leaves out what is not known.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

fn file() -> EntryKind {
    EntryKind::File
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_file(kind: &EntryKind) -> bool {
    *kind == EntryKind::File
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(size: &u64) -> bool {
    *size == 0
}

/// The text of a symbolic link: any bytes, never resolved by us.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkTarget(Box<[u8]>);

impl LinkTarget {
    /// Takes the text of a link as it is.
    pub fn new(target: impl Into<Box<[u8]>>) -> Self {
        Self(target.into())
    }

    /// The text of the link.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "→ {}", crate::Escaped(&self.0))
    }
}

impl Serialize for LinkTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_name(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for LinkTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_name(deserializer).map(Self::new)
    }
}
