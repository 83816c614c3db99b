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

/// Click's form of an interval: `500ms`, `20us`, `1.000000s`, with nine digits where six are not enough.
impl core::fmt::Display for Interval {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (s, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        match (s, ns) {
            (0, _) if ns % 1_000_000 == 0 => write!(f, "{}ms", ns / 1_000_000),
            (0, _) if ns % 1_000 == 0 => write!(f, "{}us", ns / 1_000),
            (0, _) => write!(f, "{ns}ns"),
            _ if ns % 1_000 == 0 => write!(f, "{s}.{:06}s", ns / 1_000),
            _ => write!(f, "{s}.{ns:09}s"),
        }
    }
}

/// Click's form of a bandwidth: `1.6kbps`, or `MBps` from 2^29 bytes a second on.
impl core::fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (value, digits, unit) =
            if self.0 >= 1 << 29 { (self.0, 1_000_000, "MBps") } else { (self.0 * 8, 1_000, "kbps") };
        write!(f, "{}", value / digits)?;
        if value % digits != 0 {
            let width = if digits == 1_000 { 3 } else { 6 };
            write!(f, ".{}", alloc::format!("{:0width$}", value % digits).trim_end_matches('0'))?;
        }
        f.write_str(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_printed_as_they_are_read() {
        for (ns, text) in
            [(0, "0ms"), (500_000_000, "500ms"), (20_000, "20us"), (15, "15ns"), (1_000_002_000, "1.000002s")]
        {
            assert_eq!(Interval(ns).to_string(), text);
            assert_eq!(Interval::from_arg(text, &NameDb::default()), Ok(Interval(ns)));
        }
        for (bytes, text) in [(200, "1.6kbps"), (125_000, "1000kbps"), (600_000_500, "600.0005MBps")] {
            assert_eq!(Bandwidth(bytes).to_string(), text);
            assert_eq!(Bandwidth::from_arg(text, &NameDb::default()), Ok(Bandwidth(bytes)));
        }
    }
}
