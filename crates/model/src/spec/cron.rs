use std::fmt;
use std::str::FromStr;

/// The times of a schedule: the five fields of cron, in the machine's time zone.
///
/// Fields are minute, hour, day of month, month, day of week (0 and 7 are Sunday); each is `*`, a
/// number, a range `a-b`, either with a step `/n`, or a list of those. Months and days of the week may
/// be named (`jan`, `mon`). When both days are restricted, either one suffices, as in cron(8).
///
/// ```
/// use syncplan_model::spec::Cron;
///
/// let nightly: Cron = "15 2 * * *".parse().unwrap();
/// assert!(nightly.matches(15, 2, 31, 12, 0));
/// assert!(!nightly.matches(16, 2, 31, 12, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    // One bit for each value of a field.
    fields: [u64; 5],
}

/// Why some text is not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("a cron expression has 5 fields (minute, hour, day of month, month, day of week), not {0}")]
    Fields(usize),
    /// A field that is nothing the field knows.
    #[error(
        "`{part}` does not fit the field {field}: a number or a range from {least} to {most}, `*`, or a list of those"
    )]
    Part {
        /// The part of the field.
        part: String,
        /// What the field is called.
        field: &'static str,
        /// The least number.
        least: u8,
        /// The greatest number.
        most: u8,
    },
}

struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, words: &[] },
    Field { name: "hour", least: 0, most: 23, words: &[] },
    Field { name: "day of month", least: 1, most: 31, words: &[] },
    Field { name: "month", least: 1, most: 12, words: MONTHS },
    Field { name: "day of week", least: 0, most: 7, words: DAYS },
];

impl Cron {
    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names this minute; `weekday` counts from Sunday, 0.
    pub fn matches(&self, minute: u8, hour: u8, day: u8, month: u8, weekday: u8) -> bool {
        let has = |field: usize, value: u8| self.fields[field] >> value & 1 == 1;
        let restricted =
            |field: usize| !self.text.split_whitespace().nth(field).is_some_and(|f| f.starts_with('*'));
        let on_day = match (restricted(2), restricted(4)) {
            (true, true) => has(2, day) || has(4, weekday),
            _ => has(2, day) && has(4, weekday),
        };
        has(0, minute) && has(1, hour) && has(3, month) && on_day
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let parts: [&str; 5] = parts.try_into().map_err(|parts: Vec<_>| CronError::Fields(parts.len()))?;
        let mut fields = [0; 5];
        for ((bits, part), field) in fields.iter_mut().zip(parts).zip(&FIELDS) {
            *bits = field.parse(part)?;
        }
        // Sunday has two numbers.
        fields[4] |= fields[4] >> 7 & 1;
        Ok(Self { text: text.to_owned(), fields })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Field {
    fn parse(&self, list: &str) -> Result<u64, CronError> {
        list.split(',').try_fold(0, |bits, part| Ok(bits | self.part(part).ok_or_else(|| self.error(part))?))
    }

    fn part(&self, part: &str) -> Option<u64> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|&step: &usize| step > 0)?),
            None => (part, 1),
        };
        let (least, most) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((least, most)) => (self.value(least)?, self.value(most)?),
            None if step > 1 => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        let values = (least..=most).step_by(step);
        (least <= most).then(|| values.fold(0, |bits, value| bits | 1 << value))
    }

    fn value(&self, text: &str) -> Option<u8> {
        let named = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => u8::try_from(index).ok()? + self.least,
            None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }

    fn error(&self, part: &str) -> CronError {
        CronError::Part { part: part.to_owned(), field: self.name, least: self.least, most: self.most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(cron: &str, at: [u8; 5]) -> bool {
        let [minute, hour, day, month, weekday] = at;
        cron.parse::<Cron>().unwrap().matches(minute, hour, day, month, weekday)
    }

    #[test]
    fn fields_are_ranges_lists_steps_and_names() {
        assert!(matches("*/15 8-18 * * mon-fri", [45, 18, 1, 1, 5]));
        assert!(!matches("*/15 8-18 * * mon-fri", [46, 18, 1, 1, 5]));
        assert!(!matches("*/15 8-18 * * mon-fri", [45, 18, 1, 1, 6]));
        assert!(matches("0 0 1,15 jan,JUL *", [0, 0, 15, 7, 3]));
        assert!(matches("0 0 * * 7", [0, 0, 1, 1, 0]), "7 is Sunday");
        assert!(matches("0 0 13 * fri", [0, 0, 13, 1, 1]), "either day suffices");
    }

    #[test]
    fn what_is_not_cron_is_refused() {
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "x * * * *",
            "+1 * * * *",
            "1,,2 * * * *",
        ] {
            assert!(bad.parse::<Cron>().is_err(), "{bad}");
        }
    }
}
