//! Binary search, plain or with loss verification.
//!
//! RFC 2544 section 26.1 asks for the highest rate without loss; ETSI GS NFV-TST 009 and
//! RFC 9004 section 6.2 make a rate that lost frames be tried again, since a software device loses
//! some for reasons of its own now and then.
use super::{Bounds, Decision, Measured, Space, Verdict};
use std::time::Duration;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Binary {
    /// Where.
    pub(crate) space: Space,
    /// How far the bounds may be apart, as a share of the upper one.
    pub(crate) width: f64,
    /// Trials at a rate until it counts as too high, all of them with loss: 1 is the plain search.
    pub(crate) attempts: u32,
    /// Length of each trial.
    pub(crate) time: Duration,
    /// More trials are not made.
    pub(crate) limit: usize,
}

/// Trials in which the tester missed a rate until it counts as beyond the tester: what else runs on its core now and then
/// keeps it away for some milliseconds.
const MISSES: u32 = 3;

/// How a rate is judged.
enum Judged {
    Passes,
    Fails,
    /// To be tried again: frames were lost, or the tester missed it.
    Again,
}

impl Binary {
    /// What comes next, after these trials in the order in which they were made.
    ///
    /// The highest rate goes first, then the lowest, so that a device that never forwards without loss
    /// is known at once; then the geometric mean of the bounds, since devices differ by orders of magnitude.
    pub(crate) fn decide(&self, trials: &[Measured]) -> Decision {
        let bounds = self.bounds(trials);
        let (lower, upper) = (bounds.lower, bounds.upper);
        if let Some(load) = self.again(trials) {
            return self.next(load, trials, bounds);
        }
        match (lower, upper) {
            _ if bounds.verdict != Verdict::Unfinished => Decision::Done(vec![bounds]),
            (_, None) => self.next(self.space.highest, trials, bounds),
            (None, Some(_)) => self.next(self.space.lowest, trials, bounds),
            (Some(lower), Some(upper)) => self.next((lower * upper).sqrt(), trials, bounds),
        }
    }

    /// What is known after these trials.
    pub(crate) fn bounds(&self, trials: &[Measured]) -> Bounds {
        let judged: Vec<(&Measured, Judged)> = trials.iter().map(|t| (t, self.judge(t.load, trials))).collect();
        let upper = judged.iter().filter(|j| matches!(j.1, Judged::Fails)).map(|j| j.0.load).reduce(f64::min);
        let below = |load: f64| upper.is_none_or(|upper| load < upper);
        let lower = judged
            .iter()
            .filter(|j| matches!(j.1, Judged::Passes) && below(j.0.load))
            .map(|j| j.0.load)
            .reduce(f64::max);
        let missed = |load: f64| trials.iter().filter(|t| t.load == load).all(|t| !t.reached);
        let verdict = match (lower, upper) {
            (Some(lower), None) if lower >= self.space.highest => Verdict::Highest,
            (Some(lower), Some(upper)) if upper - lower <= self.width * upper => {
                if missed(upper) {
                    Verdict::Tester
                } else {
                    Verdict::Found
                }
            }
            (None, Some(upper)) if upper <= self.space.lowest => {
                if trials.iter().all(|t| t.silent) {
                    Verdict::Silent
                } else if missed(upper) {
                    Verdict::Tester
                } else {
                    Verdict::NoRate
                }
            }
            _ if trials.len() >= self.limit => Verdict::TooManyTrials,
            _ => Verdict::Unfinished,
        };
        Bounds { loss: 0.0, lower, upper, forwarded: lower, verdict }
    }

    /// A rate passes when one of its trials does. A trial in which the tester missed the rate says nothing of the device,
    /// neither by what was lost nor by what was not.
    fn judge(&self, load: f64, trials: &[Measured]) -> Judged {
        let (mut lost, mut missed) = (0, 0);
        for trial in trials.iter().filter(|t| t.load == load) {
            match trial.reached {
                true if trial.passes(0.0) => return Judged::Passes,
                true => lost += 1,
                false => missed += 1,
            }
        }
        if lost < self.attempts && missed < MISSES { Judged::Again } else { Judged::Fails }
    }

    fn again(&self, trials: &[Measured]) -> Option<f64> {
        let last = trials.last()?;
        matches!(self.judge(last.load, trials), Judged::Again).then_some(last.load)
    }

    fn next(&self, load: f64, trials: &[Measured], bounds: Bounds) -> Decision {
        if trials.len() >= self.limit {
            return Decision::Done(vec![Bounds { verdict: Verdict::TooManyTrials, ..bounds }]);
        }
        Decision::Next { load, time: self.time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Binary = Binary {
        space: Space { lowest: 10.0, highest: 1000.0 },
        width: 0.05,
        attempts: 1,
        time: Duration::from_secs(1),
        limit: 100,
    };

    /// Searches with what becomes of each trial: how many frames of 100 were lost, and whether the tester was in time.
    fn search(mut make: impl FnMut(f64, usize) -> (f64, bool)) -> (Bounds, Vec<Measured>) {
        let mut trials: Vec<Measured> = Vec::new();
        loop {
            let load = match RULES.decide(&trials) {
                Decision::Next { load, .. } => load,
                Decision::Done(bounds) => return (bounds[0], trials),
            };
            let (lost, reached) = make(load, trials.len());
            trials.push(Measured { load, seconds: 1.0, loss: lost / 100.0, reached, silent: false });
        }
    }

    #[test]
    fn a_tester_that_was_kept_away_now_and_then_does_not_change_the_result() {
        let clean = |load: f64| (if load > 300.0 { 5.0 } else { 0.0 }, true);
        let (undisturbed, few) = search(|load, _| clean(load));
        // Every other trial is disturbed, and loses frames in it.
        let (disturbed, more) = search(|load, n| if n % 2 == 0 { (3.0, false) } else { clean(load) });
        assert_eq!(undisturbed, disturbed);
        assert_eq!(undisturbed.verdict, Verdict::Found);
        assert_eq!(more.len(), 2 * few.len());
    }

    #[test]
    fn a_rate_that_the_tester_never_reaches_is_not_the_devices() {
        let (bounds, trials) = search(|load, _| (0.0, load <= 500.0));
        assert_eq!(bounds.verdict, Verdict::Tester);
        assert!(bounds.lower.is_some_and(|l| (475.0..=500.0).contains(&l)), "{bounds:?}");
        assert!(trials.len() < 40, "{}", trials.len());
        let (bounds, trials) = search(|_, _| (1.0, false));
        assert_eq!((bounds.verdict, bounds.lower, trials.len()), (Verdict::Tester, None, 6));
    }
}
