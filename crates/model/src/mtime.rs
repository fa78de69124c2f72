use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A time of modification: seconds since 1970 (negative before it) and nanoseconds.
///
/// Its text is `SECONDS.NNNNNNNNN`, trailing zeros left out, as rclone writes it into object
/// metadata. Times are only ever compared and copied, never computed with.
///
/// ```
/// use syncplan_model::Mtime;
///
/// let mtime: Mtime = "1700000000.25".parse().unwrap();
/// assert_eq!(mtime, Mtime { seconds: 1_700_000_000, nanos: 250_000_000 });
/// assert_eq!(mtime.to_string(), "1700000000.25");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mtime {
    /// Whole seconds, rounded towards the past.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

/// Text that should have been a time of modification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of modification: it should be seconds since 1970, with up to 9 decimals")]
pub struct MtimeError(String);

impl Mtime {
    /// Whether both are the same time on a store that keeps multiples of `precision` nanoseconds.
    pub fn agrees_with(self, other: Self, precision: u64) -> bool {
        self.round_down(precision) == other.round_down(precision)
    }

    /// The day in UTC, as `20260131`; nothing for times that no calendar holds.
    pub fn to_day(self) -> Option<String> {
        let timestamp = jiff::Timestamp::new(self.seconds, i32::try_from(self.nanos).unwrap_or(0)).ok()?;
        Some(timestamp.strftime("%Y%m%d").to_string())
    }

    /// As a date in UTC, for people; times that no calendar holds as their text.
    pub fn to_date(self) -> String {
        match jiff::Timestamp::new(self.seconds, i32::try_from(self.nanos).unwrap_or(0)) {
            Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Err(_) => self.to_string(),
        }
    }

    fn round_down(self, precision: u64) -> i128 {
        let nanos = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
        nanos.div_euclid(i128::from(precision.max(1)))
    }
}

impl fmt::Display for Mtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return write!(f, "{}", self.seconds);
        }
        let decimals = format!("{:09}", self.nanos);
        write!(f, "{}.{}", self.seconds, decimals.trim_end_matches('0'))
    }
}

impl fmt::Debug for Mtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mtime {
    type Err = MtimeError;

    fn from_str(text: &str) -> Result<Self, MtimeError> {
        parse(text).ok_or_else(|| MtimeError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Mtime> {
    let (seconds, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if decimals.is_empty() || decimals.len() > 9 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Mtime { seconds: seconds.parse().ok()?, nanos: format!("{decimals:0<9}").parse().ok()? })
}

impl TryFrom<String> for Mtime {
    type Error = MtimeError;

    fn try_from(text: String) -> Result<Self, MtimeError> {
        text.parse()
    }
}

impl From<Mtime> for String {
    fn from(mtime: Mtime) -> Self {
        mtime.to_string()
    }
}
