//! Chance, for identifiers of transactions and for delays. Not for secrets.
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Marsaglia's xorshift64*.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// From the kernel's entropy, and from the Ethernet address: machines that start side by side, before there is any
    /// entropy, must not take the same numbers.
    pub(super) fn new(mac: &[u8]) -> Self {
        Self::from_seed(RandomState::new().hash_one(mac) ^ mac.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    pub(super) fn from_seed(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    /// Evenly from 0 to `most`.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(f64::from(self.next()) / f64::from(u32::MAX))
    }

    /// Within a tenth of `middle`, above or below.
    pub(super) fn around(&mut self, middle: Duration) -> Duration {
        middle.mul_f64(0.9) + self.up_to(middle.mul_f64(0.2))
    }
}
