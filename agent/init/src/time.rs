//! The clock of this process.
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time since the machine booted.
pub fn now() -> Duration {
    let t = clock_gettime(ClockId::Boottime);
    Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec.unsigned_abs() as u32)
}
