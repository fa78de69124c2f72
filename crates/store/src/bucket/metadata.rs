//! What is kept with an object, as text.

use jiff::Timestamp;
use syncplan_model::{Digest, Mtime};

use crate::web::moment;

/// A time as rclone writes it where it does not write seconds; none where a calendar ends.
pub(crate) fn mtime_text(mtime: Mtime) -> Option<String> {
    let time = Timestamp::new(mtime.seconds, i32::try_from(mtime.nanos).ok()?);
    // A time before 1970 with a fraction has the fraction count forwards here, and backwards there.
    let time =
        time.ok().filter(|time| time.as_nanosecond().rem_euclid(1_000_000_000) == i128::from(mtime.nanos));
    time.map(|time| time.to_string())
}

/// A time, whichever way a tool wrote it; finer times than ours are cut.
pub(crate) fn mtime_of(text: &str) -> Option<Mtime> {
    let text = text.trim();
    let end = text.find('.').map_or(text.len(), |dot| text.len().min(dot + 10));
    text.get(..end).and_then(|seconds| seconds.parse().ok()).or_else(|| moment(text))
}

/// A digest and the size of the content it was taken of: whoever changes one without the other
/// is not believed.
pub(crate) fn digest_text(digest: Digest, size: u64) -> String {
    format!("{digest}-{size}").replace(':', "-")
}

pub(crate) fn digest_of(text: &str, size: u64) -> Option<Digest> {
    let (digest, of_size) = text.trim().rsplit_once('-')?;
    if of_size.parse() != Ok(size) {
        return None;
    }
    digest.replacen('-', ":", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (seconds, nanos) in
            [(0, 0), (1_700_000_000, 5), (1_700_000_000, 999_999_999), (-1, 0), (-2, 500_000_000)]
        {
            let mtime = Mtime { seconds, nanos };
            let text = mtime_text(mtime).unwrap();
            assert_eq!(mtime_of(&text), Some(mtime), "{text}");
        }
        assert_eq!(mtime_text(Mtime { seconds: i64::MAX, nanos: 0 }), None);
        assert_eq!(mtime_of("1700000000.5"), Some(Mtime { seconds: 1_700_000_000, nanos: 500_000_000 }));
        assert_eq!(
            mtime_of("2023-11-14T23:13:20.25+01:00"),
            Some(Mtime { seconds: 1_700_000_000, nanos: 250_000_000 })
        );
        assert_eq!(mtime_of("yesterday"), None);
        let digest = Digest::of(b"x");
        assert_eq!(digest_of(&digest_text(digest, 1), 1), Some(digest));
        // Someone put other content there and kept the metadata.
        assert_eq!(digest_of(&digest_text(digest, 1), 2), None);
    }
}
