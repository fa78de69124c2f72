use crate::entry::EntryKind;
use crate::escape::Escaped;
use crate::text::text_enum;

text_enum! {
    /// Why something that was met in a scan is not synchronised.
    ProblemKind {
        /// It could not be read; nothing at or below it is known.
        Unreadable = "unreadable",
        /// A listing broke off: what comes behind the name, up to where it was taken up again, is not known.
        Gap = "gap",
        /// It is a FIFO, a socket or a device.
        Special = "special",
        /// Its name cannot be used.
        Name = "name",
        /// A line of an ignore file is no pattern.
        IgnoreFile = "ignore-file",
        /// A marker stands where it has no meaning.
        Marker = "marker",
    }
}

impl ProblemKind {
    /// The kind of the entry that stands for it in the snapshot, if its name can be used at all.
    pub fn entry_kind(self) -> Option<EntryKind> {
        match self {
            Self::Unreadable => Some(EntryKind::Unreadable),
            Self::Special => Some(EntryKind::Special),
            Self::Gap | Self::Name | Self::IgnoreFile | Self::Marker => None,
        }
    }
}

/// Something that was met in a scan and is not synchronised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Its name as the store has it; it may be no [`RelPath`](crate::RelPath). Empty for the root.
    #[serde(serialize_with = "serialize_name", deserialize_with = "deserialize_name")]
    pub name: Vec<u8>,
    /// Of a gap, the last name that may stand in it; without one it goes on to the end.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_name")]
    pub until: Option<Vec<u8>>,
    /// Why it is left alone.
    pub kind: ProblemKind,
    /// What went wrong, as a clause.
    pub message: String,
}

/// A run of names of which it is not known whether anything stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap<'a> {
    /// The last name before it.
    after: &'a [u8],
    /// The last name in it.
    until: Option<&'a [u8]>,
}

impl Problem {
    /// The gap that it is, if it is one.
    pub fn gap(&self) -> Option<Gap<'_>> {
        (self.kind == ProblemKind::Gap).then_some(Gap { after: &self.name, until: self.until.as_deref() })
    }
}

impl Gap<'_> {
    /// Whether a path may stand in it.
    pub fn covers(&self, path: &[u8]) -> bool {
        self.after < path && self.until.is_none_or(|until| path <= until)
    }

    /// Whether something below a path may stand in it.
    ///
    /// ```
    /// use syncplan_model::snapshot::{Problem, ProblemKind};
    ///
    /// let (name, until) = (b"b/x".to_vec(), Some(b"d/m".to_vec()));
    /// let problem = Problem { name, until, kind: ProblemKind::Gap, message: String::new() };
    /// let gap = problem.gap().unwrap();
    /// assert!(["b", "c", "d", "b/x"].iter().all(|dir| gap.reaches_below(dir.as_bytes())));
    /// assert!(["a", "b/w", "d/m", "e"].iter().all(|dir| !gap.reaches_below(dir.as_bytes())));
    /// ```
    pub fn reaches_below(&self, path: &[u8]) -> bool {
        // What is below stands between these two, neither included: no name ends in a slash.
        let (start, end) = ([path, b"/"].concat(), [path, b"0"].concat());
        self.after < end.as_slice() && self.until.is_none_or(|until| until > start.as_slice())
    }

    /// Whether nothing at all is known.
    pub fn is_everything(&self) -> bool {
        self.after.is_empty() && self.until.is_none()
    }
}

mod optional_name {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Name(#[serde(deserialize_with = "super::deserialize_name")] Vec<u8>);

    pub(super) fn serialize<S: Serializer>(name: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match name {
            Some(name) => crate::path::serialize_name(name, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Name>::deserialize(deserializer)?.map(|Name(name)| name))
    }
}

fn serialize_name<S: serde::Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    crate::path::serialize_name(name, serializer)
}

fn deserialize_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    crate::path::deserialize_name(deserializer)
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, message) = (Escaped(&self.name), &self.message);
        match (self.gap(), &self.until) {
            (None, _) => write!(f, "`{name}`: {message}"),
            (Some(_), Some(until)) if self.name.is_empty() => {
                write!(f, "everything up to `{}`: {message}", Escaped(until))
            }
            (Some(_), Some(until)) => {
                write!(f, "everything behind `{name}` up to `{}`: {message}", Escaped(until))
            }
            (Some(_), None) => write!(f, "everything behind `{name}`: {message}"),
        }
    }
}
