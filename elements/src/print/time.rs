//! Points in time as Click writes them.
use alloc::format;
use alloc::string::String;
use core::fmt;
use sluice_dataplane::args::{FromArg, Interval, NameDb};

/// Nanoseconds since the Unix epoch, in two's complement: times before the epoch are huge numbers. Displayed and read as
/// seconds: `1000.000020`, `-0.5`; nine digits behind the point only where six would lose something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seconds(pub u64);

impl FromArg for Seconds {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let (digits, before) = text.strip_prefix('-').map_or((text, false), |t| (t, true));
        let ns = Interval::from_arg(digits, names)?.0.min(i64::MAX as u64);
        Ok(Seconds(if before { ns.wrapping_neg() } else { ns }))
    }
    fn blank() -> Self {
        Seconds(0)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = (self.0 as i64).unsigned_abs();
        let (seconds, ns) = (size / 1_000_000_000, size % 1_000_000_000);
        if (self.0 as i64) < 0 {
            f.write_str("-")?;
        }
        if ns.is_multiple_of(1000) { write!(f, "{seconds}.{:06}", ns / 1000) } else { write!(f, "{seconds}.{ns:09}") }
    }
}

/// A point in time as the C function `ctime` shows it, in UTC: `Tue Jul 24 17:53:30 2001`.
pub fn calendar(ns: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let seconds = ns / 1_000_000_000;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is their last: Hinnant, "chrono-compatible low-level date
    // algorithms" (2021). 719,468 days lie between 0000-03-01 and 1970-01-01.
    let from_zero = days + 719_468;
    let (era, day) = (from_zero / 146_097, from_zero % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month >= 10);
    format!(
        "{} {} {day_of_month:2} {:02}:{:02}:{:02} {year}",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_unless_nine_are_needed() {
        assert_eq!(format!("{}", Seconds(1_000_020_000)), "1.000020");
        assert_eq!(format!("{}", Seconds(1_000_020_001)), "1.000020001");
        assert_eq!(format!("{}", Seconds(0)), "0.000000");
    }

    #[test]
    fn times_before_the_epoch_have_a_sign() {
        let names = NameDb::new();
        for (text, shown) in
            [("-0.9", "-0.900000"), ("-2", "-2.000000"), ("+1.5", "1.500000"), ("-1ns", "-0.000000001")]
        {
            assert_eq!(Seconds::from_arg(text, &names).map(|t| format!("{t}")), Ok(shown.into()), "{text}");
        }
        assert!(["--1", "", "-", "x"].iter().all(|bad| Seconds::from_arg(bad, &names).is_err()));
    }

    #[test]
    fn days_have_names_and_years_leap() {
        for (seconds, text) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (995_997_210, "Tue Jul 24 17:53:30 2001"),
            (951_782_400, "Tue Feb 29 00:00:00 2000"),
            (4_107_542_399, "Sun Feb 28 23:59:59 2100"),
            (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
        ] {
            assert_eq!(calendar(seconds * 1_000_000_000), text);
        }
    }
}
