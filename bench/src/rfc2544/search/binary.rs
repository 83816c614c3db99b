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

/// How a rate is judged.
enum Judged {
    Passes,
    Fails,
    /// It lost frames, and is to be tried again.
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
        let verdict = match (lower, upper) {
            (Some(lower), None) if lower >= self.space.highest => Verdict::Highest,
            (Some(lower), Some(upper)) if upper - lower <= self.width * upper => {
                let tester = trials.iter().filter(|t| t.load == upper).all(|t| !t.reached);
                if tester { Verdict::Tester } else { Verdict::Found }
            }
            (None, Some(upper)) if upper <= self.space.lowest => {
                if trials.iter().all(|t| t.silent) {
                    Verdict::Silent
                } else {
                    Verdict::NoRate
                }
            }
            _ if trials.len() >= self.limit => Verdict::TooManyTrials,
            _ => Verdict::Unfinished,
        };
        Bounds { loss: 0.0, lower, upper, forwarded: lower, verdict }
    }

    /// A rate passes when one of its trials does.
    fn judge(&self, load: f64, trials: &[Measured]) -> Judged {
        let mut failed = 0;
        for trial in trials.iter().filter(|t| t.load == load) {
            if trial.passes(0.0) {
                return Judged::Passes;
            }
            failed += 1;
        }
        if failed < self.attempts { Judged::Again } else { Judged::Fails }
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
