use std::fmt;

use jiff::civil;

/// A number of bytes, written in the largest unit that divides it: `10MiB`, `5GB`, `17B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

/// Bytes in a second, written as a size and `/s`: `20MiB/s`. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(std::num::NonZeroU64);

/// A length of time, to the millisecond: `30d`, `2h30m`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Period {
    milliseconds: u64,
}

/// A day of the calendar, in UTC: `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

/// The units of sizes with their bytes, from large to small; within one power, binary first.
pub const SIZE_UNITS: [(&str, u64); 11] = [
    ("PiB", 1 << 50),
    ("PB", 1_000_000_000_000_000),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// The units of periods with their milliseconds, from large to small.
pub const PERIOD_UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SECONDS_A_DAY: i64 = 86_400;

impl ByteSize {
    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl Rate {
    /// A rate of so many bytes in a second; `None` for zero, which would never end.
    pub fn per_second(bytes: u64) -> Option<Self> {
        std::num::NonZeroU64::new(bytes).map(Self)
    }

    /// Bytes in a second.
    pub fn bytes_per_second(self) -> u64 {
        self.0.get()
    }
}

impl Period {
    /// A period of so many milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// A period of so many seconds (at most about 580 million years).
    pub const fn from_secs(seconds: u64) -> Self {
        Self { milliseconds: seconds.saturating_mul(1_000) }
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.milliseconds
    }

    /// The length as the standard library has it.
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.milliseconds)
    }
}

impl Date {
    /// A day, if the calendar has it.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        civil::Date::new(year, month, day).ok().map(Self)
    }

    /// When the day begins, in seconds since 1970, UTC.
    pub fn start(self) -> i64 {
        let days = i64::from(self.0.duration_since(civil::Date::constant(1970, 1, 1)).as_hours() as i32) / 24;
        days * SECONDS_A_DAY
    }

    /// When the next day begins.
    pub fn end(self) -> i64 {
        self.start() + SECONDS_A_DAY
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |&&(_, unit): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(unit);
        match SIZE_UNITS.iter().find(divides) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => f.write_str("0B"),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.bytes_per_second()))
    }
}

/// Weeks are accepted but not written: a keep of `30d` reads better than `4w2d`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.milliseconds;
        for (name, unit) in PERIOD_UNITS.iter().filter(|(name, _)| *name != "w") {
            if rest >= *unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_in_one_way() {
        let sizes = [0, 17, 1 << 10, 5_000_000_000, 10 << 20, 1536 << 10].map(|n| ByteSize(n).to_string());
        assert_eq!(sizes, ["0B", "17B", "1KiB", "5GB", "10MiB", "1536KiB"]);
        let periods = [0, 500, 2_000, 9_000_000, 30 * 86_400_000].map(|n| Period::from_millis(n).to_string());
        assert_eq!(periods, ["0s", "500ms", "2s", "2h30m", "30d"]);
        assert_eq!(Rate::per_second(20 << 20).unwrap().to_string(), "20MiB/s");
        assert_eq!(Date::new(2026, 1, 31).unwrap().to_string(), "2026-01-31");
    }

    #[test]
    fn days_begin_and_end_in_utc() {
        assert_eq!(Date::new(1970, 1, 1).unwrap().start(), 0);
        assert_eq!(Date::new(2026, 1, 31).unwrap().start(), 1_769_817_600);
        assert_eq!(Date::new(1969, 12, 31).unwrap().end(), 0);
        assert_eq!(Date::new(2026, 2, 29), None);
    }
}
