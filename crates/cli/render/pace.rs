use std::time::{Duration, Instant};

use super::{number, size, time};

/// Rates of the first moments say nothing.
const WARM_UP: Duration = Duration::from_millis(500);

/// How far a run is, and how fast.
pub(crate) struct Pace {
    began: Instant,
    actions: u64,
    bytes: u64,
    done: u64,
    /// What passed, what is tried again included.
    passed: u64,
    /// What need not pass, since it was there.
    skipped: u64,
}

impl Pace {
    /// A run of so many actions that transfers so many bytes.
    pub(crate) fn begin(actions: u64, bytes: u64) -> Self {
        Self { began: Instant::now(), actions, bytes, done: 0, passed: 0, skipped: 0 }
    }

    pub(crate) fn transfer(&mut self, bytes: u64) {
        self.passed += bytes;
    }

    pub(crate) fn skip(&mut self, bytes: u64) {
        self.skipped += bytes;
    }

    pub(crate) fn finish_action(&mut self) {
        self.done += 1;
    }

    /// What a bar measures: bytes, or actions where none transfers any.
    pub(crate) fn length(&self) -> u64 {
        if self.bytes > 0 { self.bytes } else { self.actions }
    }

    pub(crate) fn position(&self) -> u64 {
        if self.bytes > 0 { self.come().min(self.bytes) } else { self.done }
    }

    /// `12/40 actions, 1.2 MiB of 4.0 MiB, 600.0 KiB/s, 5 s left`.
    pub(crate) fn line(&self, now: Instant) -> String {
        let mut line = format!("{}/{} actions", number(self.done), number(self.actions));
        if self.bytes > 0 {
            line.push_str(&format!(", {} of {}", size(self.come()), size(self.bytes)));
        }
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed >= WARM_UP {
            let seconds = elapsed.as_secs_f64();
            if self.passed > 0 {
                line.push_str(&format!(", {}/s", size((self.passed as f64 / seconds) as u64)));
            }
            if let Some(left) = self.left(seconds) {
                line.push_str(&format!(", {} left", time::span(left)));
            }
        }
        line
    }

    fn come(&self) -> u64 {
        self.passed.saturating_add(self.skipped)
    }

    /// How long the rest takes if it goes on like this.
    fn left(&self, seconds: f64) -> Option<Duration> {
        let (went, rest) = match self.bytes {
            0 => (self.done, self.actions.saturating_sub(self.done)),
            bytes => (self.passed, bytes.saturating_sub(self.come())),
        };
        let left = seconds * rest as f64 / went as f64;
        (went > 0).then(|| Duration::try_from_secs_f64(left).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pace: &Pace, seconds: u64) -> String {
        pace.line(pace.began + Duration::from_secs(seconds))
    }

    #[test]
    fn bytes_tell_how_long_it_takes() {
        let mut pace = Pace::begin(3, 4 << 20);
        assert_eq!(after(&pace, 0), "0/3 actions, 0 B of 4.0 MiB");
        assert_eq!(after(&pace, 2), "0/3 actions, 0 B of 4.0 MiB");
        pace.transfer(1 << 20);
        pace.finish_action();
        assert_eq!(after(&pace, 2), "1/3 actions, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6.0 s left");
    }

    #[test]
    fn what_was_there_is_no_merit() {
        let mut pace = Pace::begin(1, 4 << 20);
        pace.skip(2 << 20);
        pace.transfer(1 << 20);
        assert_eq!(after(&pace, 2), "0/1 actions, 3.0 MiB of 4.0 MiB, 512.0 KiB/s, 2.0 s left");
        assert_eq!((pace.position(), pace.length()), (3 << 20, 4 << 20));
    }

    #[test]
    fn without_bytes_actions_tell_it() {
        let mut pace = Pace::begin(4, 0);
        pace.finish_action();
        assert_eq!(after(&pace, 10), "1/4 actions, 30 s left");
        assert_eq!((pace.position(), pace.length()), (1, 4));
    }
}
