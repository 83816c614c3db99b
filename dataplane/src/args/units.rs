//! Numbers with units: times and bandwidths.

use super::{FromArg, NameDb, real::scaled};
use alloc::string::{String, ToString};

/// A span of time in nanoseconds. Seconds, unless a unit follows: `ns us ms s sec m min h hr d day`.
///
/// `m` alone is a minute; saturates at 2^64 - 1 ns (584 years).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub u64);

/// Longest first where one ends in another. The factor is in nanoseconds.
const TIMES: [(&str, u128); 14] = [
    ("nsec", 1),
    ("usec", 1_000),
    ("msec", 1_000_000),
    ("sec", 1_000_000_000),
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("m", 60_000_000_000),
    ("hr", 3_600_000_000_000),
    ("h", 3_600_000_000_000),
    ("day", 86_400_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The number before the first unit that a text ends in, and the unit's factor.
fn unit<'t>(text: &'t str, units: &[(&str, u128)]) -> (&'t str, Option<u128>) {
    let found = units.iter().find_map(|(name, factor)| Some((text.strip_suffix(name)?, *factor)));
    match found {
        Some((number, factor)) => (number.trim_end(), Some(factor)),
        None => (text, None),
    }
}

impl FromArg for Interval {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let (number, factor) = unit(text, &TIMES);
        let ns = scaled(number, factor.unwrap_or(1_000_000_000)).ok_or_else(|| "parse error".to_string())?;
        Ok(Interval(u64::try_from(ns).unwrap_or(u64::MAX)))
    }
    fn blank() -> Self {
        Interval(0)
    }
}

/// A bandwidth in bytes per second. Bytes, unless a unit follows: `bps b/s baud` are bits,
/// `Bps B/s` bytes, with `k`, `K`, `M` or `G` (powers of 1000) before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(pub u64);

impl FromArg for Bandwidth {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        // In bits, so that an eighth of a byte is a whole number.
        let units = [("baud", 1), ("bps", 1), ("b/s", 1), ("Bps", 8), ("B/s", 8)];
        let (number, factor) = unit(text, &units);
        let prefixes = [("k", 1_000), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
        let (number, prefix) = if factor.is_some() { unit(number, &prefixes) } else { (number, None) };
        let bits = scaled(number, factor.unwrap_or(8) * prefix.unwrap_or(1));
        let bits = bits.ok_or_else(|| "parse error".to_string())?;
        match u64::try_from(bits.saturating_add(4) / 8) {
            Ok(bytes) => Ok(Bandwidth(bytes)),
            Err(_) => Err("out of range".to_string()),
        }
    }
    fn blank() -> Self {
        Bandwidth(0)
    }
}
