//! Points in time as Click writes them.
use alloc::format;
use alloc::string::String;
use core::fmt;

/// Displays nanoseconds since the Unix epoch as seconds: `1000.000020`; nine digits behind the point only where six
/// would lose something.
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
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
