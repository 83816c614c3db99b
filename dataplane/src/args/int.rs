//! Whole numbers and booleans.
//!
//! Click's numbers: decimal, `0x` hexadecimal, `0b` binary, a leading `0` means octal, and `_`
//! may stand between digits.

use super::{FromArg, NameDb};
use alloc::{
    format,
    string::{String, ToString},
};

/// Why a text is no number of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntError {
    /// It is not a number at all.
    Invalid,
    /// It is one, but the type ends at this bound.
    OutOfRange(i128),
}

impl IntError {
    /// In Click's words.
    pub fn message(self) -> String {
        match self {
            IntError::Invalid => "invalid number".into(),
            IntError::OutOfRange(bound) => format!("out of range, bound {bound}"),
        }
    }
}

/// An integer type that arguments may have.
pub trait Int: TryFrom<i128> {
    /// Its smallest value.
    const LOWEST: i128;
    /// Its greatest value.
    const HIGHEST: i128;
}

macro_rules! ints {
    ($($t:ty)*) => { $(
        impl Int for $t {
            const LOWEST: i128 = <$t>::MIN as i128;
            const HIGHEST: i128 = <$t>::MAX as i128;
        }
        impl FromArg for $t {
            fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
                parse_int(text).map_err(IntError::message)
            }
            fn blank() -> Self {
                0
            }
        }
    )* };
}
ints!(u8 u16 u32 u64 usize i8 i16 i32 i64);

/// Reads a whole number as Click does.
///
/// # Errors
/// The text is no number, or none of this type.
///
/// ```
/// use sluice_dataplane::args::{IntError, parse_int};
/// assert_eq!(parse_int("0x1F"), Ok(31u8));
/// assert_eq!(parse_int("-010"), Ok(-8i32));
/// assert_eq!(parse_int::<u8>("256"), Err(IntError::OutOfRange(255)));
/// assert_eq!(parse_int::<u8>("1.5"), Err(IntError::Invalid));
/// ```
pub fn parse_int<T: Int>(text: &str) -> Result<T, IntError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') if T::LOWEST < 0 => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let prefix = digits.get(..2).filter(|_| digits.len() > 2).unwrap_or_default();
    let (base, digits) = match prefix {
        "0x" | "0X" => (16, &digits[2..]),
        "0b" | "0B" => (2, &digits[2..]),
        _ if digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    let mut value: i128 = 0;
    let mut digit_before = false;
    for c in digits.chars() {
        if c == '_' && digit_before {
            digit_before = false;
            continue;
        }
        let d = c.to_digit(base).ok_or(IntError::Invalid)?;
        digit_before = true;
        // Far beyond every type already: stay there.
        value = value.saturating_mul(base.into()).saturating_add(d.into());
    }
    if !digit_before {
        return Err(IntError::Invalid);
    }
    let value = if negative { -value } else { value };
    let bound = if negative { T::LOWEST } else { T::HIGHEST };
    if value < T::LOWEST || value > T::HIGHEST {
        return Err(IntError::OutOfRange(bound));
    }
    T::try_from(value).map_err(|_| IntError::OutOfRange(bound))
}

impl FromArg for bool {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        match text {
            "0" | "n" | "f" | "no" | "false" => Ok(false),
            "1" | "y" | "t" | "yes" | "true" => Ok(true),
            _ => Err("parse error".to_string()),
        }
    }
    fn blank() -> Self {
        false
    }
}
