//! Numbers that look random and come again with the same seed.

use std::hash::{DefaultHasher, Hash, Hasher};

/// SplitMix64, by Sebastiano Vigna.
pub(crate) struct Chance(u64);

impl Chance {
    /// What is drawn follows from the seed of this run and from what it is drawn for.
    pub(crate) fn of(seed: u64, what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, what).hash(&mut hasher);
        Self(hasher.finish())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..below`.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A number that whoever runs the tests may set.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is no number")),
        Err(_) => otherwise,
    }
}

/// What every draw of this run follows from.
pub(crate) fn seed() -> u64 {
    number("SYNCPLAN_SEED", 1)
}
