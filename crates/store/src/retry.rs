use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::error::{StoreError, StoreErrorKind};
use futures::future::BoxFuture;

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
    /// The longest that is waited before the new try with this number, from 0.
    pub fn longest(&self, number: u32) -> Duration {
        self.base.saturating_mul(2_u32.saturating_pow(number)).min(self.cap)
    }

    /// How long to wait before the new try with this number, from 0.
    pub fn wait(&self, number: u32) -> Duration {
        let longest = self.longest(number);
        // The keys of a hash map are as random as this needs to be.
        let draw = RandomState::new().hash_one(number);
        longest.mul_f64(draw as f64 / u64::MAX as f64)
    }
}

/// What is left of the will to try something again.
///
/// A store that is asked for too much at once gets better by waiting: it is given twice as many tries.
#[derive(Debug)]
pub struct Patience<'a> {
    retry: &'a Retry,
    failures: u32,
    refusals: u32,
}

impl<'a> Patience<'a> {
    /// All of it.
    pub fn new(retry: &'a Retry) -> Self {
        Self { retry, failures: 0, refusals: 0 }
    }

    /// How long to wait after this error before the next try; nothing, if there is to be none.
    pub fn after(&mut self, error: &StoreError) -> Option<Duration> {
        let (number, most) = match error.kind {
            StoreErrorKind::Throttled => (&mut self.refusals, self.retry.times.saturating_mul(2)),
            kind if kind.is_momentary() => (&mut self.failures, self.retry.times),
            _ => return None,
        };
        if *number >= most {
            return None;
        }
        *number += 1;
        Some(self.retry.wait(*number - 1).max(error.pause().unwrap_or_default()))
    }
}

/// A way to fail that may be a store's failure for the moment.
pub trait Failure {
    /// What the store said, if it was the store.
    fn of_store(&self) -> Option<&StoreError>;
}

impl Failure for StoreError {
    fn of_store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

/// Tries again what failed for the moment, as long as there is patience.
pub async fn insist<'a, T, E: Failure>(
    retry: &Retry,
    attempt: impl Fn() -> BoxFuture<'a, Result<T, E>>,
) -> Result<T, E> {
    let mut patience = Patience::new(retry);
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        match error.of_store().and_then(|error| patience.after(error)) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
    }
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
