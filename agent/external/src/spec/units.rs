//! Numbers with units, as descriptions have them: `100 ms`, `64 MiB`.
use serde::Deserialize;
use std::time::Duration;

/// A time: a number and `ms`, `s`, `min` or `h`; 0 needs no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct Time(pub(super) Duration);

/// An amount: a number and `kB`, `MB`, `GB` (powers of 10), `KiB`, `MiB` or `GiB` (of 2); bytes without a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct Size(pub(super) u64);

const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];
const SIZES: [(&str, u64); 7] = [
    ("", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// The number times its unit.
fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    if number == 0 && unit.is_empty() {
        return Some(0);
    }
    number.checked_mul(units.iter().find(|(name, _)| *name == unit)?.1)
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

impl TryFrom<toml::Value> for Time {
    type Error = String;
    fn try_from(value: toml::Value) -> Result<Time, String> {
        let text = text(&value);
        let wrong = || format!("a time is wanted, such as \"100 ms\", \"2 s\", \"5 min\" or \"1 h\", not {text}");
        read(&text, &TIMES).map(|ms| Time(Duration::from_millis(ms))).ok_or_else(wrong)
    }
}

impl TryFrom<toml::Value> for Size {
    type Error = String;
    fn try_from(value: toml::Value) -> Result<Size, String> {
        let text = text(&value);
        let wrong = || format!("an amount is wanted, such as \"64 MB\", \"1 GiB\" or a number of bytes, not {text}");
        read(&text, &SIZES).map(Size).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        let read = |text: &str| read(text, &TIMES);
        assert_eq!(read("100 ms"), Some(100));
        assert_eq!(read("2s"), Some(2000));
        assert_eq!(read("0"), Some(0));
        for wrong in
            ["", "5", "ms", "-1 s", "1.5 s", "1 S", "99999999999999999999 s", "99999999999999999 h", "1 µs", "1s2"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(super::read("64 MiB", &SIZES), Some(64 << 20));
        assert_eq!(super::read("4096", &SIZES), Some(4096));
    }
}
