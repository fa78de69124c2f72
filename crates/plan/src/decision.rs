use syncplan_model::plan::{Reason, Side};

/// What a difference means, before it is known what stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It stays as it is.
    Leave,
    /// Both sides are the same: the base learns it.
    Record,
    /// The sides go their own ways: the base lets go of it.
    Drop,
    /// Content is the same: times and permission bits follow the other side.
    Touch(Side),
    /// What the other side has comes to this one.
    Bring(Side, Reason),
    /// What this side has goes.
    Remove(Side, Reason),
    /// What this side has makes room for another kind of thing.
    Replace(Side, Reason),
    /// Only a policy decides, and this is why.
    Conflict(String),
    /// Nobody can decide it, and this is why.
    Hold(String),
}
