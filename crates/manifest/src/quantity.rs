//! Sizes, durations, rates and dates: one grammar for manifests, filters and flags.

use std::ops::Range;

use pest::Parser as _;
use pest::iterators::Pair;
use syncplan_grammar::quantity::{QuantityParser, Rule};
use syncplan_model::{ByteSize, Date, PERIOD_UNITS, Period, Rate, SIZE_UNITS};

use crate::code::{self, Code};
use crate::diagnostics::{Diagnostics, standalone};
use crate::problem::Mistake;
use crate::suggest::nearest;

/// Reads a size such as `10MiB`; `name` is what the text is called in diagnostics, as `--max-bytes`.
pub fn parse_size(text: &str, name: &str) -> Result<ByteSize, Diagnostics> {
    size(text, code::BAD_QUANTITY).map_err(|mistake| standalone(text, name, vec![mistake]))
}

/// Reads a duration such as `2h30m`.
pub fn parse_duration(text: &str, name: &str) -> Result<Period, Diagnostics> {
    duration(text, code::BAD_QUANTITY).map_err(|mistake| standalone(text, name, vec![mistake]))
}

/// Reads a rate such as `20MiB/s`.
pub fn parse_rate(text: &str, name: &str) -> Result<Rate, Diagnostics> {
    rate(text, code::BAD_QUANTITY).map_err(|mistake| standalone(text, name, vec![mistake]))
}

/// Reads a date such as `2026-01-31`.
pub fn parse_date(text: &str, name: &str) -> Result<Date, Diagnostics> {
    date(text, code::BAD_QUANTITY).map_err(|mistake| standalone(text, name, vec![mistake]))
}

pub(crate) fn size(text: &str, code: &'static Code) -> Result<ByteSize, Mistake> {
    let kind = Kind { code, what: "a size", example: "10MiB", units: &SIZE_UNITS };
    let pairs = kind.parse(Rule::size, text)?;
    kind.amount(text, &pairs).map(ByteSize)
}

pub(crate) fn rate(text: &str, code: &'static Code) -> Result<Rate, Mistake> {
    let kind = Kind { code, what: "a rate", example: "20MiB/s", units: &SIZE_UNITS };
    let pairs = kind.parse(Rule::rate, text)?;
    Rate::per_second(kind.amount(text, &pairs)?)
        .ok_or_else(|| kind.wrong(0..text.len(), "never ends").help("leave the setting out for no limit"))
}

pub(crate) fn duration(text: &str, code: &'static Code) -> Result<Period, Mistake> {
    let kind = Kind { code, what: "a duration", example: "2h30m", units: &PERIOD_UNITS };
    let pairs = kind.parse(Rule::duration, text)?;
    if let Some(gap) = pairs.iter().find(|pair| pair.as_rule() == Rule::gap && !pair.as_str().is_empty()) {
        return Err(kind.gap(text, range_of(gap)));
    }
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    for part in pairs.into_iter().filter(|pair| pair.as_rule() == Rule::part) {
        let range = range_of(&part);
        let inner: Vec<_> = part.into_inner().collect();
        let unit = kind.unit(text, &inner)?;
        if unit >= last {
            return Err(kind
                .wrong(range, "out of order")
                .help("write each unit once, from large to small: `2h30m`"));
        }
        last = unit;
        let sum = total.checked_add(kind.amount(text, &inner)?);
        total = sum.ok_or_else(|| kind.wrong(0..text.len(), "too long"))?;
    }
    Ok(Period::from_millis(total))
}

pub(crate) fn date(text: &str, code: &'static Code) -> Result<Date, Mistake> {
    let kind = Kind { code, what: "a date", example: "2026-01-31", units: &[] };
    let pairs = kind.parse(Rule::date, text)?;
    let numbers: Vec<i16> =
        pairs.iter().filter_map(|pair| pair.as_str().parse().ok()).filter(|n| *n >= 0).collect();
    let date = match numbers.as_slice() {
        [year, month, day] => Date::new(*year, *month as i8, *day as i8),
        _ => None,
    };
    date.ok_or_else(|| kind.wrong(0..text.len(), "the calendar has no such day"))
}

/// What is being read.
struct Kind {
    code: &'static Code,
    what: &'static str,
    example: &'static str,
    units: &'static [(&'static str, u64)],
}

impl Kind {
    fn parse<'a>(&self, rule: Rule, text: &'a str) -> Result<Vec<Pair<'a, Rule>>, Mistake> {
        let parsed = QuantityParser::parse(rule, text);
        let pairs = parsed.map_err(|_| {
            let label = format!("not {}", self.what);
            self.wrong(0..text.len(), &label)
                .help(format!("{} is written like `{}`", self.what, self.example))
        })?;
        Ok(pairs.flat_map(Pair::into_inner).collect())
    }

    /// A number with its unit, in the smallest unit.
    fn amount(&self, text: &str, pairs: &[Pair<'_, Rule>]) -> Result<u64, Mistake> {
        if let Some(gap) = pairs.iter().find(|pair| pair.as_rule() == Rule::gap && !pair.as_str().is_empty())
        {
            return Err(self.gap(text, range_of(gap)));
        }
        let unit = self.unit(text, pairs)?;
        let Some(number) = pairs.iter().find(|pair| pair.as_rule() == Rule::number) else {
            return Err(self.wrong(0..text.len(), "no number"));
        };
        if number.as_str().contains('.') {
            return Err(self.fraction(number, unit));
        }
        let amount = number.as_str().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        amount.ok_or_else(|| self.wrong(range_of(number), "too large"))
    }

    fn unit(&self, text: &str, pairs: &[Pair<'_, Rule>]) -> Result<u64, Mistake> {
        let Some(unit) = pairs.iter().find(|pair| pair.as_rule() == Rule::unit) else {
            return Err(self.wrong(0..text.len(), "no unit"));
        };
        let found = self.units.iter().find(|(name, _)| *name == unit.as_str());
        found.map(|(_, factor)| *factor).ok_or_else(|| self.unknown_unit(text, unit))
    }

    fn unknown_unit(&self, text: &str, unit: &Pair<'_, Rule>) -> Mistake {
        let names: Vec<&str> = self.units.iter().map(|(name, _)| *name).collect();
        let range = range_of(unit);
        if unit.as_str().is_empty() {
            let smallest = names.last().copied().unwrap_or_default();
            let example = format!("{}{smallest}{}", &text[..range.start], &text[range.end..]);
            return self
                .wrong(0..text.len(), "the unit is missing")
                .help(format!("write `{example}`, or another unit of {}", names.join(", ")));
        }
        let corrected = meant_unit(unit.as_str(), &names);
        let help = corrected.map(|name| {
            format!("did you mean `{}{name}{}`?", text[..range.start].trim_end(), &text[range.end..])
        });
        self.wrong(range, "unknown unit")
            .help(help.unwrap_or_else(|| format!("units are {}", names.join(", "))))
    }

    fn gap(&self, text: &str, range: Range<usize>) -> Mistake {
        let tight = text.replace(' ', "");
        self.wrong(range, "a space").help(format!("write `{tight}`"))
    }

    fn fraction(&self, number: &Pair<'_, Rule>, unit: u64) -> Mistake {
        let exact = number.as_str().parse::<f64>().ok().map(|figure| (figure * unit as f64).round());
        let exact = exact.filter(|exact| *exact < 9e15).map(|exact| match self.units {
            units if units.len() == SIZE_UNITS.len() => ByteSize(exact as u64).to_string(),
            _ => Period::from_millis(exact as u64).to_string(),
        });
        let help = exact.map(|exact| format!("write `{exact}`"));
        self.wrong(range_of(number), "not a whole number").maybe_help(help)
    }

    fn wrong(&self, range: Range<usize>, label: &str) -> Mistake {
        Mistake::new(self.code, range, format!("this is not {}", self.what), label)
    }
}

/// The unit that was meant: one that differs in case only, what people abbreviate, or a near one.
fn meant_unit<'a>(unit: &str, names: &[&'a str]) -> Option<&'a str> {
    const HABITS: [(&str, &str); 18] = [
        ("k", "KiB"),
        ("m", "MiB"),
        ("g", "GiB"),
        ("t", "TiB"),
        ("p", "PiB"),
        ("ki", "KiB"),
        ("mi", "MiB"),
        ("gi", "GiB"),
        ("byte", "B"),
        ("bytes", "B"),
        ("sec", "s"),
        ("min", "m"),
        ("minutes", "m"),
        ("hours", "h"),
        ("day", "d"),
        ("days", "d"),
        ("weeks", "w"),
        ("seconds", "s"),
    ];
    let lower = unit.to_ascii_lowercase();
    let same = names.iter().copied().find(|name| name.eq_ignore_ascii_case(unit));
    let habit = HABITS.iter().filter(|(habit, _)| *habit == lower).map(|(_, meant)| *meant);
    let mut habit = habit.filter_map(|meant| names.iter().copied().find(|name| *name == meant));
    same.or_else(|| habit.next()).or_else(|| nearest(unit, names.iter().copied()))
}

fn range_of(pair: &Pair<'_, Rule>) -> Range<usize> {
    pair.as_span().start()..pair.as_span().end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(result: Result<impl std::fmt::Debug, Mistake>) -> String {
        let mistake = result.unwrap_err();
        mistake.help.unwrap_or(mistake.label)
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for bytes in [0, 1, 1023, 1024, 5_000_000_000, 10 << 20, u64::MAX] {
            assert_eq!(size(&ByteSize(bytes).to_string(), code::BAD_QUANTITY).unwrap().bytes(), bytes);
        }
        for millis in [0, 1, 500, 9_000_000, 30 * 86_400_000, u64::MAX] {
            let period = Period::from_millis(millis);
            assert_eq!(duration(&period.to_string(), code::BAD_QUANTITY).unwrap(), period);
        }
        assert_eq!(rate("20MiB/s", code::BAD_QUANTITY).unwrap().bytes_per_second(), 20 << 20);
        assert_eq!(date("2024-02-29", code::BAD_QUANTITY).unwrap().to_string(), "2024-02-29");
    }

    #[test]
    fn mistakes_show_what_to_write() {
        let size = |text| help(size(text, code::BAD_QUANTITY));
        assert_eq!(size("10mib"), "did you mean `10MiB`?");
        assert_eq!(size("10G"), "did you mean `10GiB`?");
        assert_eq!(size("10 GiB"), "write `10GiB`");
        assert_eq!(size("1.5GiB"), "write `1536MiB`");
        assert!(size("500").starts_with("write `500B`, or another unit of PiB"));
        assert_eq!(size("99999999PiB"), "too large");
        assert_eq!(size("-1B"), "a size is written like `10MiB`");
        let duration = |text| help(duration(text, code::BAD_QUANTITY));
        assert_eq!(duration("30 days"), "did you mean `30d`?");
        assert_eq!(duration("30days"), "did you mean `30d`?");
        assert_eq!(duration("1h 30m"), "write `1h30m`");
        assert_eq!(duration("30m1h"), "write each unit once, from large to small: `2h30m`");
        assert_eq!(help(rate("0B/s", code::BAD_QUANTITY)), "leave the setting out for no limit");
        assert_eq!(help(rate("10MiB", code::BAD_QUANTITY)), "a rate is written like `20MiB/s`");
        assert_eq!(help(date("2026-02-30", code::BAD_QUANTITY)), "the calendar has no such day");
    }
}
