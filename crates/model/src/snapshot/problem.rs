use crate::entry::EntryKind;
use crate::escape::Escaped;
use crate::text::text_enum;

text_enum! {
    /// Why something that was met in a scan is not synchronised.
    ProblemKind {
        /// It could not be read; nothing at or below it is known.
        Unreadable = "unreadable",
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
            Self::Name | Self::IgnoreFile | Self::Marker => None,
        }
    }
}

/// Something that was met in a scan and is not synchronised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Its name as the store has it; it may be no [`RelPath`](crate::RelPath). Empty for the root.
    #[serde(serialize_with = "serialize_name", deserialize_with = "deserialize_name")]
    pub name: Vec<u8>,
    /// Why it is left alone.
    pub kind: ProblemKind,
    /// What went wrong, as a clause.
    pub message: String,
}

fn serialize_name<S: serde::Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    crate::path::serialize_name(name, serializer)
}

fn deserialize_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    crate::path::deserialize_name(deserializer)
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", Escaped(&self.name), self.message)
    }
}
