//! Numbers with a fraction, exactly: decimal digits, never a binary float in between.

use super::{FromArg, NameDb};
use alloc::string::{String, ToString};

/// Reads a decimal number such as `1.5`, `.25` or `2e3` and gives it times `scale`, rounded to
/// the nearest whole. `None` if it is no number, or negative; saturates.
pub(crate) fn scaled(text: &str, scale: u128) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, exponent) = match text.find(['e', 'E']) {
        Some(i) => (&text[..i], text[i + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if all().next().is_none() || !all().all(|c| c.is_ascii_digit() || c == b'_') {
        return None;
    }
    // 23 digits are more than any result keeps, and leave room for the scale.
    let mut value: u128 = 0;
    let mut power = exponent.saturating_sub(i32::try_from(fraction.bytes().filter(|c| *c != b'_').count()).ok()?);
    for d in all().filter(|c| *c != b'_') {
        if value < 10u128.pow(22) {
            value = value * 10 + u128::from(d - b'0');
        } else {
            power = power.saturating_add(1);
        }
    }
    if value == 0 {
        return Some(0);
    }
    let mut value = value.saturating_mul(scale);
    while power > 0 {
        value = value.saturating_mul(10);
        power -= 1;
        if value == u128::MAX {
            return Some(value);
        }
    }
    let mut last = 0;
    while power < 0 && value > 0 {
        last = value % 10;
        value /= 10;
        power += 1;
    }
    Some(if power == 0 && last >= 5 { value + 1 } else { value })
}

/// A real number, as `strtod` reads it but for hexadecimal, infinities and NaN.
impl FromArg for f64 {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let plain = text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'+' | b'-'));
        match text.parse::<f64>() {
            Ok(x) if plain && x.is_finite() => Ok(x),
            Ok(x) if plain => Err(alloc::format!("out of range, bound {}", if x > 0.0 { f64::MAX } else { f64::MIN })),
            _ => Err("invalid number".to_string()),
        }
    }
    fn blank() -> Self {
        0.0
    }
}

/// A share between 0 and 1, such as a probability: `0.25` or `25%`.
///
/// Kept as Click keeps it, in units of 2^-28 (`RandomSample` and its like).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(u32);

impl Fraction {
    /// The number of bits after the point.
    pub const BITS: u32 = 28;
    /// All.
    pub const ONE: Fraction = Fraction(1 << Self::BITS);

    /// In units of 2^-28: 0 to 2^28.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// What is missing to all.
    pub fn complement(self) -> Fraction {
        Fraction(Self::ONE.0 - self.0)
    }

    /// As a number from 0 to 1.
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE.0)
    }
}

/// Writes a binary fixed-point number with the fewest decimal digits that read back as the same:
/// `value` / 2^`bits`, `bits` at most 32. (Knuth, "A simple program whose proof isn't", 1989.)
///
/// ```
/// assert_eq!(sluice_dataplane::args::unparse_real2(1536, 10), "1.5");
/// assert_eq!(sluice_dataplane::args::unparse_real2(103, 10), "0.101");
/// ```
pub fn unparse_real2(value: u64, bits: u32) -> String {
    let one = 1u64 << bits;
    let mut text = alloc::format!("{}", value >> bits);
    if value & (one - 1) == 0 {
        return text;
    }
    text.push('.');
    let (mut rest, mut slack) = (10 * (value & (one - 1)) + 5, 10);
    loop {
        if slack > one {
            rest = rest + one / 2 - slack / 2; // the last digit: to the nearest
        }
        text.push(char::from(b'0' + (rest / one).min(9) as u8));
        rest = 10 * (rest % one);
        slack *= 10;
        if rest <= slack {
            return text;
        }
    }
}

impl core::fmt::Display for Fraction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&unparse_real2(self.0.into(), Self::BITS))
    }
}

impl FromArg for Fraction {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let value = match text.strip_suffix('%') {
            Some(percent) => scaled(percent.trim_end(), 1 << Self::BITS).map(|v| (v + 50) / 100),
            None => scaled(text, 1 << Self::BITS),
        };
        let value = value.ok_or_else(|| "invalid number".to_string())?;
        match u32::try_from(value) {
            Ok(v) if v <= Self::ONE.0 => Ok(Fraction(v)),
            _ => Err("out of range, bound 1".to_string()),
        }
    }
    fn blank() -> Self {
        Fraction(0)
    }
}
