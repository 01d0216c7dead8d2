//! Numbers by chance that a seed gives again, for runs that scripts make long.

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A number that the environment may set.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |it| it.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Numbers that depend on `PAD_SEED` and the stream only.
pub(crate) struct Random(TestRng);

impl Random {
    pub(crate) fn new(stream: u8) -> Self {
        let mut seed = [stream; 32];
        seed[..8].copy_from_slice(&setting("PAD_SEED", 14).to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() % limit as u64).expect("it is small")
    }

    pub(crate) fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}
