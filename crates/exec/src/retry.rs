use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use syncplan_store::StoreErrorKind;

/// How often, and how soon, something that failed for the moment is tried again.
///
/// The wait before the n-th new try is drawn from 0 to `base` × 2ⁿ, at most `cap` ("full jitter":
/// whoever failed together does not come back together).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried again.
    pub times: u32,
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { times: 5, base: Duration::from_millis(250), cap: Duration::from_secs(20) }
    }
}

impl Retry {
    /// How long to wait before the new try with this number, from 0.
    pub(crate) fn wait(&self, number: u32) -> Duration {
        let longest = self.base.saturating_mul(2_u32.saturating_pow(number)).min(self.cap);
        // The keys of a hash map are as random as this needs to be.
        let draw = RandomState::new().hash_one(number);
        longest.mul_f64(draw as f64 / u64::MAX as f64)
    }
}

/// Whether it may work if tried again.
pub(crate) fn is_momentary(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Transient | StoreErrorKind::Unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let retry = Retry { times: 9, base: Duration::from_millis(10), cap: Duration::from_millis(50) };
        for number in 0..40 {
            let longest = Duration::from_millis(10 << number.min(3)).min(retry.cap);
            assert!((0..50).all(|_| retry.wait(number) <= longest));
        }
        assert!((0..100).any(|_| retry.wait(3) > Duration::from_millis(10)));
    }
}
