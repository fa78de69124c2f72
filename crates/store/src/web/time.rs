//! The ways in which servers write times.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use jiff::Timestamp;
use syncplan_model::Mtime;

/// How long a server asks to be left alone: in seconds, or until a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    // A date that is past asks for nothing.
    Some(SystemTime::from(date).duration_since(SystemTime::now()).unwrap_or_default())
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`, as headers have it.
pub(crate) fn http_date(text: &str) -> Option<Mtime> {
    let time = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Mtime { seconds: time.as_second(), nanos: 0 })
}

/// `2026-01-31T17:50:30.000Z`, as documents have it.
pub(crate) fn moment(text: &str) -> Option<Mtime> {
    let time: Timestamp = text.trim().parse().ok()?;
    let nanos = time.as_nanosecond().rem_euclid(1_000_000_000);
    let seconds = time.as_nanosecond().div_euclid(1_000_000_000);
    Some(Mtime { seconds: seconds.try_into().ok()?, nanos: nanos.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn pauses_are_seconds_or_dates() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let left = asked("Tue, 21 Oct 2155 07:28:00 GMT").unwrap();
        assert!(left > Duration::from_secs(365 * 86_400), "{left:?}");
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn moments_are_kept_to_the_nanosecond() {
        let read = |text| moment(text).map(|time| (time.seconds, time.nanos));
        assert_eq!(read("2010-11-10T20:48:33.250Z"), Some((1_289_422_113, 250_000_000)));
        assert_eq!(read("1969-12-31T23:59:59.5Z"), Some((-1, 500_000_000)));
        assert_eq!(read("yesterday"), None);
    }
}
