//! The clocks: one for time stamps that people read, one for everything that waits.
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Time of day: nanoseconds since the Unix epoch. It may jump; nothing waits by it.
#[allow(clippy::disallowed_methods)] // this is the place
pub fn wall() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

/// Time since the process first asked. It never jumps.
#[allow(clippy::disallowed_methods)] // this is the place
pub fn monotonic() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The time of day as RFC 3339 writes it, in UTC: `2026-11-26T21:29:10.123456Z`.
pub fn rfc3339(wall: u64) -> String {
    let micros = i128::from(wall / 1_000 * 1_000);
    let time = OffsetDateTime::from_unix_timestamp_nanos(micros).ok();
    time.and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_else(|| "1970-01-01T00:00:00Z".into())
}

/// Now, as RFC 3339 writes it.
pub fn now() -> String {
    rfc3339(wall())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_never_longer_than_microseconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_795_728_550_123_456_789), "2026-11-26T21:29:10.123456Z");
        assert!(rfc3339(u64::MAX).ends_with('Z'));
    }
}
