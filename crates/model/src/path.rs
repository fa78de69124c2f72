use std::borrow::Borrow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::escape::Escaped;

/// The top-level name under which syncplan keeps its own things in every root and prefix.
pub const RESERVED_DIR: &str = ".syncplan";

/// What the name of every temporary begins with.
pub const TEMPORARY_PREFIX: &str = ".syncplan-tmp-";

/// The longest path that is accepted, in bytes (Linux's `PATH_MAX`).
pub const MAX_PATH_BYTES: usize = 4096;

/// A path below the root of a store: one or more components joined by `/`, as raw bytes.
///
/// There is one way to make one, and it refuses whatever could leave the root or be two things
/// at once:
///
/// - it is not empty, and neither is any component;
/// - no component is `.` or `..`;
/// - it holds no NUL byte and is at most [`MAX_PATH_BYTES`] long.
///
/// Nothing is ever normalised: a path is taken as it is, or refused.
///
/// ```
/// use syncplan_model::RelPath;
///
/// let path = RelPath::new("photos/raw/1.png").unwrap();
/// assert_eq!(path.file_name(), b"1.png");
/// assert_eq!(path.parent().unwrap().to_string(), "photos/raw");
///
/// for hostile in ["", "/etc/x", "a//b", "a/", "..", "x/../y", "./x", "nul\0"] {
///     assert!(RelPath::new(hostile).is_err(), "{hostile:?}");
/// }
/// ```
///
/// Paths are ordered by their bytes, which is the order of every snapshot and of every plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Vec<u8>);

/// Why some bytes are not a [`RelPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is named.
    #[error("the path is empty")]
    Empty,
    /// A leading, trailing or doubled slash.
    #[error("the path has an empty component (a leading, trailing or doubled `/`)")]
    EmptyComponent,
    /// `.` or `..`.
    #[error("the path has a `.` or `..` component")]
    Relative,
    /// A NUL byte.
    #[error("the path holds a NUL byte")]
    Nul,
    /// More than [`MAX_PATH_BYTES`].
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
}

impl RelPath {
    /// Checks the bytes and takes them as a path.
    pub fn new(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let path = path.as_ref();
        Self::check(path)?;
        Ok(Self(path.to_vec()))
    }

    /// Any valid path, for an entry that is about to be decoded into.
    pub(crate) fn placeholder() -> Self {
        Self(b"-".to_vec())
    }

    /// Whether the bytes could be a path, without making one.
    pub fn check(path: &[u8]) -> Result<(), PathError> {
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        if path.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        if path.contains(&0) {
            return Err(PathError::Nul);
        }
        path.split(|&b| b == b'/').try_for_each(|component| match component {
            b"" => Err(PathError::EmptyComponent),
            b"." | b".." => Err(PathError::Relative),
            _ => Ok(()),
        })
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The components, first to last; never empty.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/')
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        match self.0.iter().rposition(|&b| b == b'/') {
            Some(slash) => &self.0[slash + 1..],
            None => &self.0,
        }
    }

    /// The folder that holds it, or `None` right below the root.
    pub fn parent(&self) -> Option<Self> {
        parent_bytes(&self.0).map(|parent| Self(parent.to_vec()))
    }

    /// All folders above it, nearest first, as bytes.
    pub fn ancestors(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::successors(parent_bytes(&self.0), |path| parent_bytes(path))
    }

    /// This path with one or more components below it.
    pub fn join(&self, below: impl AsRef<[u8]>) -> Result<Self, PathError> {
        Self::new([&self.0, b"/".as_slice(), below.as_ref()].concat())
    }

    /// The path beside this one that has another last component.
    pub fn with_file_name(&self, name: impl AsRef<[u8]>) -> Result<Self, PathError> {
        match self.parent() {
            Some(parent) => parent.join(name),
            None => Self::new(name),
        }
    }

    /// Whether it stands somewhere below `folder` (a path is not below itself).
    pub fn is_below(&self, folder: &Self) -> bool {
        is_below(&self.0, &folder.0)
    }

    /// Whether syncplan keeps it for itself: [`RESERVED_DIR`] at the root and everything below
    /// it, and temporaries anywhere.
    pub fn is_reserved(&self) -> bool {
        self.components().next() == Some(RESERVED_DIR.as_bytes())
            || self.components().any(|name| name.starts_with(TEMPORARY_PREFIX.as_bytes()))
    }

    /// Keeps the first `shared` bytes and puts `suffix` behind them, in place.
    ///
    /// It is how a cursor walks front-coded paths without allocating; the result is checked.
    pub(crate) fn replace_suffix(&mut self, shared: usize, suffix: &[u8]) -> Result<(), PathError> {
        self.0.truncate(shared);
        self.0.extend_from_slice(suffix);
        Self::check(&self.0)
    }

    /// What two paths share at their ends, in bytes; it ranks candidates for a move.
    pub fn common_suffix(&self, other: &Self) -> usize {
        self.0.iter().rev().zip(other.0.iter().rev()).take_while(|(a, b)| a == b).count()
    }
}

/// Whether the path `below` stands somewhere below `folder`, both as bytes.
pub fn is_below(below: &[u8], folder: &[u8]) -> bool {
    below.len() > folder.len() && below.starts_with(folder) && below[folder.len()] == b'/'
}

fn parent_bytes(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&b| b == b'/').map(|slash| &path[..slash])
}

impl AsRef<[u8]> for RelPath {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for RelPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl std::str::FromStr for RelPath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::new(path)
    }
}

/// For people: control characters, bidirectional overrides and invalid UTF-8 are escaped.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// A string, or `{"bytes":"base64…"}` where the name is not UTF-8.
impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_name(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_name(deserializer).and_then(|name| Self::new(name).map_err(de::Error::custom))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Name<'a> {
    Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
    Bytes { bytes: String },
}

/// Writes any name from outside as a string, or as base64 where it is not UTF-8.
pub(crate) fn serialize_name<S: Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(name) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => Name::Bytes { bytes: BASE64.encode(name) }.serialize(serializer),
    }
}

/// Reads what [`serialize_name`] wrote.
pub(crate) fn deserialize_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    match Name::deserialize(deserializer)? {
        Name::Text(text) => Ok(text.into_owned().into_bytes()),
        Name::Bytes { bytes } => BASE64.decode(bytes).map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_known() {
        for ours in [".syncplan", ".syncplan/state.db", "a/.syncplan-tmp-1-2", ".syncplan-tmp-9-1/x"] {
            assert!(RelPath::new(ours).unwrap().is_reserved(), "{ours}");
        }
        for theirs in ["a/.syncplan", ".syncplan2", ".syncplanignore", "x.syncplan-tmp-"] {
            assert!(!RelPath::new(theirs).unwrap().is_reserved(), "{theirs}");
        }
    }

    #[test]
    fn names_that_are_not_utf8_round_trip() {
        let path = RelPath::new(b"a/\xff\xfe").unwrap();
        let json = serde_json::to_string(&path).unwrap();
        assert_eq!(json, r#"{"bytes":"YS//"}"#.replace("YS//", &BASE64.encode(b"a/\xff\xfe")));
        assert_eq!(serde_json::from_str::<RelPath>(&json).unwrap(), path);
        assert_eq!(path.to_string(), r"a/\xff\xfe");
    }

    #[test]
    fn a_path_from_json_is_checked() {
        assert!(serde_json::from_str::<RelPath>(r#""a/../b""#).is_err());
        assert!(serde_json::from_str::<RelPath>(r#"{"bytes":"Li4="}"#).is_err());
    }
}
