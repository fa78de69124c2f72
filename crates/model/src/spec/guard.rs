use crate::quantity::ByteSize;
use crate::text::text_enum;

/// The limits that judge a whole plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// What happens when one side is empty where the base had entries.
    pub empty_source: GuardLevel,
    /// How much may be deleted, in each task and in all.
    pub max_delete: MaxDelete,
    /// Changes beyond this part of all entries, in percent, are suspicious; `None` is off.
    pub max_change_percent: Option<u8>,
}

/// Limits on deletes; what is `None` is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxDelete {
    /// So many entries.
    pub count: Option<u64>,
    /// This part of the entries there were, in percent; it counts from [`MaxDelete::PERCENT_FROM`] on.
    pub percent: Option<u8>,
    /// So many bytes.
    pub bytes: Option<ByteSize>,
}

text_enum! {
    /// How firmly a guard stands.
    GuardLevel {
        /// The plan cannot be applied.
        Hard = "hard",
        /// The plan needs `--override CODE --reason TEXT`.
        Soft = "soft",
        /// The guard does not look.
        Off = "off",
    }
}

impl MaxDelete {
    /// Percentages mean nothing among fewer deletes than this.
    pub const PERCENT_FROM: u64 = 10;
}

/// Hard on an empty source, half of the entries deleted, no limit on changes.
impl Default for Guard {
    fn default() -> Self {
        Self {
            empty_source: GuardLevel::Hard,
            max_delete: MaxDelete { percent: Some(50), ..MaxDelete::default() },
            max_change_percent: None,
        }
    }
}
