//! Times of the state, for people and for programs.

use std::time::Duration;

/// In UTC, to the second: `2026-11-20 18:00:01Z`.
pub(crate) fn to_the_second(milliseconds: i64) -> String {
    written(milliseconds, "%Y-%m-%d %H:%M:%SZ")
}

/// As programs read it: `2026-11-20T18:00:01.250Z`.
pub(crate) fn exact(milliseconds: i64) -> String {
    written(milliseconds, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

fn written(milliseconds: i64, format: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds);
    time.map_or_else(|_| "at an unknown time".to_owned(), |time| time.strftime(format).to_string())
}

/// How long something takes, as coarse as it matters: `0.3 s`, `4 min`, `2 h 10 min`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_coarse_as_it_matters() {
        let spans = [250, 9_900, 10_000, 119_000, 121_000, 7_800_000, 400_000_000];
        let spans = spans.map(|milliseconds| span(Duration::from_millis(milliseconds)));
        assert_eq!(spans, ["0.2 s", "9.9 s", "10 s", "119 s", "3 min", "2 h 10 min", "4 days"]);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(to_the_second(1_250), "1970-01-01 00:00:01Z");
        assert_eq!(exact(1_250), "1970-01-01T00:00:01.250Z");
    }
}
