use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::op::{Enforce, Evidence, Op, Phase, Risk, Side};
use crate::entry::Facts;
use crate::hex;
use crate::name::TaskName;
use crate::path::RelPath;

/// One node of the plan's graph.
///
/// On disk it is one line of JSON with its keys in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Follows from what the action is, not from content: see [`ActionId::of`].
    pub id: ActionId,
    /// The task it belongs to.
    pub task: TaskName,
    /// What it does.
    pub op: Op,
    /// Where it has its effect.
    pub side: Side,
    /// What it reads, where that is not `path`: for a transfer on the other side, else on the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RelPath>,
    /// What it fills, changes or removes.
    pub path: RelPath,
    /// How many bytes it is about.
    #[serde(default, skip_serializing_if = "is_zero", with = "crate::text::u64_as_text")]
    pub bytes: u64,
    /// Why, for people: an open set of words.
    pub reason: Reason,
    /// Why the content is taken to be the same as another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What could be lost if it were wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risk: Vec<Risk>,
    /// How firmly its precondition can be held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<Enforce>,
    /// Its precondition.
    pub expect: Expect,
    /// Its postcondition: what stands at `path` afterwards, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<Facts>>,
    /// What the base learns when it is done, where that does not follow from the op.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Agreement>,
    /// Where what stands at `path` is kept before it is replaced or removed: below
    /// [`TRASH_DIR`](super::TRASH_DIR), on the same side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash: Option<RelPath>,
    /// When in its task it may begin, whatever it waits for besides.
    #[serde(default = "Phase::main", skip_serializing_if = "Phase::is_main")]
    pub phase: Phase,
    /// The actions that have to be done before it: always of the same task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<ActionId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

/// What has to be found for an action to go ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// At the place it reads, if it reads one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Expectation>,
    /// At the place it fills, changes or removes.
    pub path: Expectation,
}

/// What has to be found at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Expectation {
    /// Nothing: `"absent"`.
    Absent(Absent),
    /// Something with these facts; facts that are not stated may be any.
    Present(Box<Facts>),
}

/// Written `"absent"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absent {
    /// The only value.
    #[serde(rename = "absent")]
    Absent,
}

impl Expectation {
    /// Nothing stands there.
    pub const ABSENT: Self = Self::Absent(Absent::Absent);

    /// What stands there has these facts.
    pub fn present(facts: Facts) -> Self {
        Self::Present(Box::new(facts))
    }

    /// The facts, if something is expected.
    pub fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Absent(_) => None,
            Self::Present(facts) => Some(facts),
        }
    }
}

/// The places of an action at which both sides agree once it is done: what stands there on the
/// *other* side, as it was seen. The base learns it together with what the action left.
///
/// A transfer says nothing here: what it read and what it wrote agree. A place that is not named
/// leaves the base as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// At the place that the action vacates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Expectation>,
    /// At the place that it fills, changes or removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Expectation>,
}

impl Agreement {
    /// The sides agree at the action's path.
    pub fn at_path(counterpart: Expectation) -> Self {
        Self { from: None, path: Some(counterpart) }
    }
}

/// Why an action is planned, as a word for people; readers must not rely on the set being closed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(std::borrow::Cow<'static, str>);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Reason {
            $($(#[$doc])* pub const $name: Self = Self(std::borrow::Cow::Borrowed($text));)*
        }
    };
}

reasons! {
    /// The source has it, the target does not.
    CREATED = "created";
    /// The content differs.
    MODIFIED = "modified";
    /// The source has it under another name.
    RENAMED = "renamed";
    /// The source has it a second time.
    COPIED = "copied";
    /// The source had it and has it no more.
    DELETED_AT_SOURCE = "deleted-at-source";
    /// The source lacks it.
    EXTRA = "extra";
    /// The target lost it.
    RESTORED = "restored";
    /// The source is newer.
    NEWER = "newer";
    /// What stands there is of another kind.
    TYPE_CHANGED = "type-changed";
    /// Only time of modification or permission bits differ.
    METADATA = "metadata";
    /// It has to be out of the way of others.
    CYCLE = "cycle";
    /// Something is to stand in the directory.
    PARENT = "parent";
    /// One side deleted it; the base still had it on the other.
    DELETED = "deleted";
    /// One side deleted or replaced what the other edited: the edit stays.
    EDIT_SURVIVES = "edit-survives";
    /// A conflict copy.
    CONFLICT_KEPT = "conflict-kept";
    /// A conflict was decided for the other side.
    CONFLICT_DECIDED = "conflict-decided";
    /// A conflict is settled by a program.
    MERGED = "merged";
    /// What a run did is taken back.
    UNDONE = "undone";
    /// Both sides have the same, and the base did not know.
    AGREED = "agreed";
    /// The source lacks it and the target has its own: the base lets go of it.
    DROPPED = "dropped";
}

impl Reason {
    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Escaped(self.0.as_bytes()).fmt(f)
    }
}

/// The identity of an action: a BLAKE3 hash, cut to 128 bits, of task, op, side, from and path.
///
/// No fact about content enters, so that an edited file shows as a *changed* action between two
/// plans, not as one removed and one added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionId([u8; 16]);

impl ActionId {
    /// The identity of an action with these parts.
    pub fn of(task: &TaskName, op: Op, side: Side, from: Option<&RelPath>, path: &RelPath) -> Self {
        let from = from.map_or(b"".as_slice(), RelPath::as_bytes);
        let words = [task.as_str(), op.as_str(), side.as_str()].map(str::as_bytes);
        let parts = words.into_iter().chain([from, path.as_bytes()]);
        // Hashed at once: many short updates cost more than the copy.
        let mut text = Vec::with_capacity(128 + from.len() + path.as_bytes().len());
        for part in parts {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&text).as_bytes()[..16]);
        Self(id)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Takes stored bytes.
    pub fn from_bytes(id: [u8; 16]) -> Self {
        Self(id)
    }
}

impl Action {
    /// The identity that follows from the action's parts.
    pub fn identity(&self) -> ActionId {
        ActionId::of(&self.task, self.op, self.side, self.from.as_ref(), &self.path)
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ActionId {
    type Err = ActionIdError;

    fn from_str(text: &str) -> Result<Self, ActionIdError> {
        hex::decode(text).map(Self).ok_or(ActionIdError)
    }
}

/// Text that is no action id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action id is 32 lowercase hexadecimal digits")]
pub struct ActionIdError;

impl TryFrom<String> for ActionId {
    type Error = ActionIdError;

    fn try_from(text: String) -> Result<Self, ActionIdError> {
        text.parse()
    }
}

impl From<ActionId> for String {
    fn from(id: ActionId) -> Self {
        id.to_string()
    }
}
