use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{ProfileName, StoreName, TaskName, VariableName};
use crate::spec::{Direction, Mode};
use crate::text::u64_as_text;

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The manifest.
    pub manifest: ManifestInfo,
    /// Which part of the manifest's work was asked for.
    pub selection: Selection,
    /// The tasks, in the order of the manifest.
    pub tasks: Vec<TaskHeader>,
}

impl Header {
    /// The task of that name.
    pub fn task(&self, name: &TaskName) -> Option<&TaskHeader> {
        self.tasks.iter().find(|task| task.name == *name)
    }
}

/// The manifest that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestInfo {
    /// A digest of all its files.
    pub digest: Digest,
    /// The manifest and what it includes.
    pub files: Vec<FileInfo>,
    /// The profile that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// The values of its variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<VariableName, String>,
}

/// One file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Relative to the manifest's folder.
    pub path: String,
    /// Of its content.
    pub digest: Digest,
}

/// Which part of the manifest's work was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// The tasks.
    pub tasks: Vec<TaskName>,
    /// `--only`, in its canonical text.
    #[serde(default)]
    pub only: Option<String>,
    /// `--exclude`, in its canonical text.
    #[serde(default)]
    pub exclude: Option<String>,
    /// The run that is taken back; absent in plans that go forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<u64>,
}

/// One task, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHeader {
    /// Its name.
    pub name: TaskName,
    /// `files`.
    pub kind: String,
    /// How differences were resolved.
    pub mode: Mode,
    /// Which side was the source; absent when both were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The tasks of the plan that have to be done before any of its actions begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskName>,
    /// The local side.
    pub local: SideHeader,
    /// The remote side.
    pub remote: SideHeader,
    /// The base archive it was planned against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseHeader>,
    /// What was seen on each side.
    pub snapshots: Snapshots,
    /// What judges the plan again when it is applied.
    pub limits: Limits,
}

/// One side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideHeader {
    /// The store's name.
    pub store: StoreName,
    /// The store's kind.
    pub kind: String,
    /// Where in the world it is: relative to the manifest's folder, or bucket and prefix.
    pub location: String,
    /// Which server the location is on, as the first digits of a hash: two servers may have buckets
    /// of one name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What the store can do.
    pub capabilities: Vec<String>,
}

/// A base archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseHeader {
    /// Which line of archives it belongs to.
    pub lineage: String,
    /// Rises with every change.
    pub serial: u64,
    /// Of its content.
    pub digest: Digest,
    /// How many entries it has.
    #[serde(default, with = "u64_as_text")]
    pub entries: u64,
    /// How many of its files and links still stand on each side, whatever is in them by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// What the local side says of it; absent where nobody asked or it cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<super::Mark>,
    /// What the remote side says of it, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<super::Mark>,
}

/// How many files and links of a base are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Left {
    /// In all.
    #[serde(with = "u64_as_text")]
    pub of: u64,
    /// On the local side.
    #[serde(with = "u64_as_text")]
    pub local: u64,
    /// On the remote side.
    #[serde(with = "u64_as_text")]
    pub remote: u64,
}

impl Left {
    /// On one side.
    pub fn on(&self, side: super::Side) -> u64 {
        match side {
            super::Side::Local => self.local,
            super::Side::Remote => self.remote,
        }
    }
}

impl BaseHeader {
    /// Whether a side is not the one that the base was made with: it says nothing about it.
    pub fn is_foreign(&self) -> bool {
        let is_other = |mark| matches!(mark, Some(super::Mark::Missing | super::Mark::Older));
        is_other(self.local) || is_other(self.remote)
    }

    /// What one side says of it.
    pub fn mark(&self, side: super::Side) -> Option<super::Mark> {
        match side {
            super::Side::Local => self.local,
            super::Side::Remote => self.remote,
        }
    }
}

/// What was seen on each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshots {
    /// On the local one.
    pub local: SnapshotHeader,
    /// On the remote one.
    pub remote: SnapshotHeader,
}

/// What was seen on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotHeader {
    /// Of the snapshot.
    pub digest: Digest,
    /// How many entries it had.
    #[serde(with = "u64_as_text")]
    pub entries: u64,
    /// The sizes of its files.
    #[serde(with = "u64_as_text")]
    pub bytes: u64,
    /// Whether everything could be read.
    pub complete: bool,
}

/// The guards of one task: what is absent is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// What happens when the source is empty: `hard`, `soft` or `off`; `hard` when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_source: Option<crate::spec::GuardLevel>,
    /// Deletes of the task, as the task says.
    #[serde(default, skip_serializing_if = "DeleteLimit::is_none")]
    pub delete: DeleteLimit,
    /// Deletes, as the manifest's guard says: for each task and for all together.
    #[serde(default, skip_serializing_if = "DeleteLimit::is_none")]
    pub max_delete: DeleteLimit,
    /// Changes, in percent of all entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_change_percent: Option<u8>,
    /// What no action may touch, as filter expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protect: Vec<String>,
    /// The same, of what the last applied manifest protected and this one does not: it holds once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_before: Vec<String>,
}

/// How much may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteLimit {
    /// So many entries.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "number_as_text")]
    pub count: Option<u64>,
    /// This part of the entries, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// So many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "number_as_text")]
    pub bytes: Option<u64>,
}

impl DeleteLimit {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl TaskHeader {
    /// The header of one side.
    pub fn side(&self, side: super::Side) -> &SideHeader {
        match side {
            super::Side::Local => &self.local,
            super::Side::Remote => &self.remote,
        }
    }

    /// What was seen on one side.
    pub fn snapshot(&self, side: super::Side) -> &SnapshotHeader {
        match side {
            super::Side::Local => &self.snapshots.local,
            super::Side::Remote => &self.snapshots.remote,
        }
    }
}

/// As all 64-bit numbers, where there is one.
mod number_as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(|number| number.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}
