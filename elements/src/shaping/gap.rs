//! Evenly spaced events at a rate: what Shaper goes by.

const SECOND: u64 = 1_000_000_000;

/// Allows one event for each gap of 1/rate seconds (as Click's `GapRate`). Gaps that nobody used
/// are made up for within the same second, not later.
///
/// The rule: `used` events of this second are gone; the next may happen when the second is
/// `used`/rate old. At the turn of a second the rate is taken off `used`, if that is above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GapRate {
    rate: u64,
    /// `None` before the first look at a clock.
    second: Option<u64>,
    used: i64,
}

impl GapRate {
    /// So many events a second; 0 allows a single one.
    pub(crate) fn new(rate: u64) -> GapRate {
        GapRate { rate: rate.min(i64::MAX as u64 / 2), second: None, used: 0 }
    }
    /// Events a second.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }
    /// Forgets what happened so far.
    pub(crate) fn reset(&mut self) {
        *self = GapRate::new(self.rate);
    }
    /// Gaps of the current second that have begun by `now`, from 0.
    fn begun(&self, now: u64) -> i64 {
        (u128::from(now % SECOND) * u128::from(self.rate) / u128::from(SECOND)) as i64
    }
    /// Events that are allowed at `now`, nanoseconds since the epoch.
    pub(crate) fn allowed(&mut self, now: u64) -> u64 {
        let second = now / SECOND;
        match self.second {
            None => self.used = self.begun(now),
            Some(last) => {
                let rate = self.rate as i64;
                let owed = if self.used > 0 && rate > 0 { (self.used as u64).div_ceil(self.rate) } else { 0 };
                let turns = second.saturating_sub(last).min(owed);
                self.used = self.used.saturating_sub(rate.saturating_mul(turns as i64));
            }
        }
        self.second = Some(second.max(self.second.unwrap_or(0)));
        u64::try_from(self.begun(now).saturating_sub(self.used).saturating_add(1)).unwrap_or(0)
    }
    /// Counts events that happened.
    pub(crate) fn used(&mut self, events: u64) {
        self.used = self.used.saturating_add(i64::try_from(events).unwrap_or(i64::MAX));
    }
    /// When the next event is allowed, nanoseconds since the epoch; `None` if never.
    pub(crate) fn next(&self) -> Option<u64> {
        let used = u128::try_from(self.used).unwrap_or(0);
        let wait = (used * u128::from(SECOND)).div_ceil(u128::from((self.rate > 0).then_some(self.rate)?));
        Some((self.second? * SECOND).saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_evenly_spaced_across_seconds() {
        let mut g = GapRate::new(4);
        let mut at = Vec::new();
        let mut now = SECOND / 2;
        for _ in 0..5 {
            assert_eq!(g.allowed(now), 1);
            at.push(now);
            g.used(1);
            assert_eq!(g.allowed(now), 0);
            now = g.next().unwrap();
            assert_eq!(g.allowed(now - 1), 0);
        }
        assert_eq!(at, [2, 3, 4, 5, 6].map(|n| n * SECOND / 4));
    }

    #[test]
    fn a_pause_is_made_up_for_within_its_second_only() {
        let mut g = GapRate::new(10);
        assert_eq!(g.allowed(0), 1);
        g.used(1);
        assert_eq!(g.allowed(SECOND / 2), 5);
        assert_eq!(g.allowed(100 * SECOND), 10, "at most a second's worth");
    }

    #[test]
    fn a_big_debt_is_paid_off_second_by_second_however_seldom_one_looks() {
        let mut g = GapRate::new(100);
        assert_eq!(g.allowed(0), 1);
        g.used(1500);
        assert_eq!(g.next(), Some(15 * SECOND));
        assert_eq!(g.allowed(15 * SECOND), 1);
    }

    #[test]
    fn rate_0_allows_one_event() {
        let mut g = GapRate::new(0);
        assert_eq!(g.allowed(5), 1);
        g.used(1);
        assert_eq!((g.allowed(u64::MAX), g.next()), (0, None));
    }
}
