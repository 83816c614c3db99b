//! When frames are due: evenly spaced by the clock, caught up within limits, and what that leaves out.
use crate::rfc2544::trial::{Length, Load, Phase};

/// How much of the past is made up for, nanoseconds, and frames at least: more would be a burst that nobody asked for. It is
/// about what a core needs for other ports and for an interrupt.
const CATCH_UP: f64 = 200_000.0;
const CATCH_UP_FRAMES: f64 = 32.0;

/// The pace of one phase. Times are nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    /// Frames a nanosecond; infinite at full speed.
    rate: f64,
    start: u64,
    /// When the phase is over.
    end: Option<u64>,
    /// After how many frames it is.
    total: Option<u64>,
    /// Frames that are made up for at most.
    slack: u64,
    /// Frames that were sent, those whose time passed without, and which of these count as sent.
    sent: u64,
    skipped: u64,
    refused: u64,
}

impl Pacer {
    /// A phase that begins at `start`.
    pub(super) fn new(phase: &Phase, start: u64) -> Pacer {
        let rate = if let Load::Rate(rate) = phase.load { rate.max(0.0) / 1e9 } else { f64::INFINITY };
        let (end, total) = match phase.length {
            Length::Time(time) => {
                (Some(start.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))), None)
            }
            Length::Frames(n) => (None, Some(n)),
        };
        let slack = if rate.is_finite() { (rate * CATCH_UP).max(CATCH_UP_FRAMES) as u64 } else { u64::MAX };
        Pacer { rate, start, end, total, slack, sent: 0, skipped: 0, refused: 0 }
    }

    /// Frames that are due now and not sent. Those beyond what is made up for are left out for ever; how many is told, too.
    #[inline]
    pub(super) fn due(&mut self, now: u64) -> (u64, u64) {
        let left = self.total.map_or(u64::MAX, |total| total.saturating_sub(self.sent + self.refused));
        if self.rate.is_infinite() {
            return (if self.end.is_some_and(|end| now >= end) { 0 } else { left }, 0);
        }
        // The frame at the phase's end belongs to the next one.
        let now = self.end.map_or(now, |end| now.min(end.saturating_sub(1)));
        let Some(passed) = now.checked_sub(self.start) else { return (0, 0) };
        let owed = ((passed as f64 * self.rate) as u64 + 1).saturating_sub(self.sent + self.skipped);
        let late = owed.saturating_sub(self.slack);
        self.skipped += late;
        let due = (owed - late).min(left);
        (due, late.min(left - due))
    }

    /// So many of them were sent.
    #[inline]
    pub(super) fn sent(&mut self, n: u64) {
        self.sent += n;
    }

    /// So many of those that were left out count as sent: the device refused them.
    pub(super) fn refused(&mut self, n: u64) {
        self.refused += n;
    }

    /// Whether the phase is over: its time, and nothing of it is due, or all its frames were sent.
    pub(super) fn is_over(&mut self, now: u64) -> bool {
        match (self.end, self.total) {
            (Some(end), _) => now >= end && (self.rate.is_infinite() || self.due(now).0 == 0),
            (None, total) => total.is_none_or(|total| self.sent + self.refused >= total),
        }
    }

    /// The end of the phase, if a time is.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }

    /// The time of one frame, nanoseconds; 0 at full speed.
    pub(super) fn interval(&self) -> f64 {
        if self.rate > 0.0 { 1.0 / self.rate } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn phase(rate: f64, length: Length) -> Phase {
        Phase { load: Load::Rate(rate), length }
    }
    const SECOND: Length = Length::Time(Duration::from_secs(1));

    #[test]
    fn frames_are_evenly_spaced_and_exact_in_number() {
        for rate in [1.0, 3.0, 999.9, 14_880_952.0, 1e7 / 3.0] {
            let mut pacer = Pacer::new(&phase(rate, SECOND), 5_000);
            let (mut sent, mut now) = (0_u64, 5_000);
            while !pacer.is_over(now) {
                let (due, late) = pacer.due(now);
                assert_eq!(late, 0);
                // Frame k is due k / rate after the start, so this many at any time.
                sent += due;
                pacer.sent(due);
                let passed = (now - 5_000).min(999_999_999) as f64;
                assert!((sent as f64 - (passed * rate / 1e9).floor() - 1.0).abs() <= 1.0, "{rate} {now} {sent}");
                now += 1_337;
            }
            assert!((sent as f64 - rate.ceil()).abs() <= 1.0, "{rate}: {sent}");
        }
    }

    #[test]
    fn a_short_delay_is_made_up_for_and_a_long_one_is_told() {
        let mut pacer = Pacer::new(&phase(1e6, SECOND), 0);
        assert_eq!(pacer.due(0), (1, 0));
        pacer.sent(1);
        assert_eq!(pacer.due(150_000), (150, 0));
        assert_eq!(pacer.due(150_000), (150, 0), "nothing was sent");
        pacer.sent(150);
        assert_eq!(pacer.due(10_150_000), (200, 9_800));
        pacer.sent(200);
        assert_eq!(pacer.due(10_150_000), (0, 0), "what was left out stays out");
        assert_eq!(pacer.due(10_151_000), (1, 0));
    }

    #[test]
    fn a_number_of_frames_is_sent_however_late() {
        let mut pacer = Pacer::new(&phase(1e6, Length::Frames(500)), 0);
        assert_eq!(pacer.due(10_000_000), (200, 300), "of 500");
        pacer.sent(200);
        assert!(!pacer.is_over(10_000_000));
        pacer.refused(60);
        let (due, _) = pacer.due(20_000_000);
        assert_eq!(due, 200);
        pacer.sent(due);
        assert_eq!(pacer.due(20_030_000), (30, 0), "the pace is kept");
        pacer.sent(30);
        assert_eq!(pacer.due(20_060_000), (10, 0), "of 30 those that are left");
        pacer.sent(10);
        assert!(pacer.is_over(20_060_000));
    }

    #[test]
    fn at_full_speed_frames_are_due_until_the_end() {
        let mut pacer = Pacer::new(&Phase { load: Load::FullSpeed, length: SECOND }, 100);
        assert_eq!(pacer.due(100), (u64::MAX, 0));
        pacer.sent(64);
        assert_eq!(pacer.due(1_000_000_099), (u64::MAX, 0));
        assert!(!pacer.is_over(1_000_000_099) && pacer.is_over(1_000_000_100));
        let mut pacer = Pacer::new(&Phase { load: Load::FullSpeed, length: Length::Frames(100) }, 100);
        pacer.sent(64);
        assert_eq!(pacer.due(200), (36, 0));
        pacer.sent(36);
        assert!(pacer.is_over(200));
    }

    #[test]
    fn nothing_is_due_before_the_start() {
        assert_eq!(Pacer::new(&phase(1e9, SECOND), 100).due(99), (0, 0));
    }
}
