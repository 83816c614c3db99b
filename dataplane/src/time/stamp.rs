//! A clock for whoever stamps frames: the processor's time-stamp counter, which is read in some ten nanoseconds.
//!
//! The counter is used where it runs at one speed whatever the processor does and the kernel trusts it; elsewhere the host's
//! clock is.
use crate::io::sys::tsc::ticks;
use std::time::Duration;

/// How long the counter's speed is measured.
const CALIBRATION: Duration = Duration::from_millis(20);
/// Readings of both clocks of which the one is taken that was interrupted least.
const TRIES: usize = 16;

/// Nanoseconds since the Unix epoch, from a time-stamp counter whose speed was measured against the host's clock: to
/// some millionths. All cores show the same.
#[derive(Clone, Copy, Debug)]
pub struct StampClock {
    /// Reading of the counter, and of the host's clock, from which it counts.
    tick: u64,
    time: u64,
    /// Nanoseconds of a tick, times 2^32; 0: the counter is not used.
    scale: u64,
}

impl StampClock {
    /// Measures the counter's speed, which takes 20 ms.
    pub fn calibrated() -> StampClock {
        let none = StampClock { tick: 0, time: 0, scale: 0 };
        if !trusted() {
            return none;
        }
        let (tick, time) = both();
        std::thread::sleep(CALIBRATION);
        let (later, end) = both();
        let (ticks, passed) = (later.wrapping_sub(tick), end.saturating_sub(time));
        match (u128::from(passed) << 32).checked_div(ticks.into()).map(u64::try_from) {
            Some(Ok(scale)) => StampClock { tick, time, scale },
            _ => none,
        }
    }

    /// The time now.
    #[inline]
    pub fn now(&self) -> u64 {
        if self.scale == 0 {
            return super::now();
        }
        // Another core's counter may be a little behind the reading that this one counts from.
        let ticks = ticks().saturating_sub(self.tick);
        self.time.saturating_add(((u128::from(ticks) * u128::from(self.scale)) >> 32) as u64)
    }

    /// Whether the time-stamp counter is read, not the host's clock.
    pub fn is_counter(&self) -> bool {
        self.scale != 0
    }
}

/// Readings of both clocks that belong together.
fn both() -> (u64, u64) {
    let pair = || {
        let before = ticks();
        let time = super::now();
        let spent = ticks().wrapping_sub(before);
        (spent, (before.wrapping_add(spent / 2), time))
    };
    (0..TRIES).map(|_| pair()).min_by_key(|p| p.0).map_or_else(|| (ticks(), super::now()), |p| p.1)
}

/// Whether the counter has one speed, never stops, and the kernel did not fall back on another clock because of it.
fn trusted() -> bool {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let flags = info.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|f| f == flag);
    let source = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    has("constant_tsc") && has("nonstop_tsc") && !["hpet", "acpi_pm", "jiffies"].contains(&source.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_follow_the_hosts_clock_and_never_go_back() {
        let clock = StampClock::calibrated();
        let host = super::super::now;
        let (before, first, after) = (host(), clock.now(), host());
        let mut last = first;
        while host() < after + 50_000_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        let (earlier, stamp, later) = (host(), clock.now(), host());
        // Whatever happens between two readings: what passed by one clock lies within what passed by the other around it.
        let passed = (stamp - first) as f64;
        assert!(passed >= (earlier - after) as f64 * 0.999, "{passed} of {}", earlier - after);
        assert!(passed <= (later - before) as f64 * 1.001, "{passed} of {}", later - before);
    }

    #[test]
    fn without_a_counter_the_hosts_clock_is_read() {
        let clock = StampClock { tick: 0, time: 0, scale: 0 };
        let before = super::super::now();
        assert!(!clock.is_counter() && clock.now() >= before);
    }
}
