//! Moving averages of rates, as Click keeps them.

/// Bits of fraction.
pub(crate) const SCALE: u32 = 10;
/// A new epoch counts for 1/2^4 of the average.
const STABILITY: u32 = 4;
/// Epochs a second; rates are averaged per epoch.
pub(crate) const EPOCHS: u64 = 1000;

/// Exponentially weighted moving average of events per epoch of a millisecond (Click's `RateEWMA`).
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct RateEwma {
    /// Current epoch; `None` before the first event.
    epoch: Option<u64>,
    /// Events of the current epoch.
    current: u64,
    /// Scaled average over the epochs before.
    average: i64,
}

impl RateEwma {
    fn mix(&mut self, events: u64) {
        let observed = i64::try_from(events).unwrap_or(i64::MAX >> SCALE).min(i64::MAX >> (SCALE + 1)) << SCALE;
        self.average += (observed + (1 << (STABILITY - 1)) - self.average) >> STABILITY;
    }
    /// Counts events at `now`, nanoseconds since the epoch; gives the scaled average of the epochs
    /// that are over.
    pub(crate) fn update(&mut self, now: u64, events: u64) -> u64 {
        let epoch = now / (1_000_000_000 / EPOCHS);
        let last = *self.epoch.get_or_insert(epoch);
        if epoch > last {
            self.mix(self.current);
            match epoch - last - 1 {
                n if n >= 100 => self.average = 0, // nothing is left of it by then
                n => (0..n).for_each(|_| self.mix(0)),
            }
            (self.epoch, self.current) = (Some(epoch), 0);
        }
        self.current = self.current.saturating_add(events);
        self.average.max(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_nears_a_steady_rate_and_forgets_a_pause() {
        let mut r = RateEwma::default();
        let mut average = 0;
        for ms in 0..200u64 {
            average = r.update(ms * 1_000_000, 5);
        }
        assert_eq!((average + 512) >> SCALE, 5);
        assert!(r.update(210 * 1_000_000, 5) < average);
        assert_eq!(r.update(400 * 1_000_000, 0), 0);
    }

    #[test]
    fn no_count_overflows() {
        let mut r = RateEwma::default();
        for ms in 0..200u64 {
            r.update(ms * 1_000_000, u64::MAX);
        }
    }
}
