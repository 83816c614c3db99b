//! The only place that reads the host's clock.
mod stamp;

pub use stamp::StampClock;

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch. Never goes back: the wall clock is read once, when the process
/// first asks, and the monotonic clock counts from there.
#[allow(clippy::disallowed_methods)] // this is the place
pub fn now() -> u64 {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    let (start, wall) = START.get_or_init(|| {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        (Instant::now(), wall)
    });
    wall + start.elapsed().as_nanos() as u64
}
