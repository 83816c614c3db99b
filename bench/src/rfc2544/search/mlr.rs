//! MLRsearch, the Multiple Loss Ratio search (RFC 9971): several goals in one search, each load tried
//! often enough that rare disturbances of the machine do not decide.
//!
//! How loads are classified, and what the conditional throughput is, follows appendices A and B. Which
//! load comes next is left to implementations. Here: one trial a load until the bounds are as near
//! as the goal asks, then the two bounds are tried until they are classified, the lower one first.
use super::{Bounds, Decision, Measured, Space, Verdict};
use std::time::Duration;

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Goal {
    /// Loss up to which a trial is good: 0, 0.005.
    pub(crate) loss: f64,
    /// The share of time that may be spent in trials with more loss; at least 0, below 1.
    pub(crate) exceed: f64,
    /// How far the bounds may be apart, as a share of the upper one.
    pub(crate) width: f64,
    /// Length of the trials before the bounds are near each other.
    pub(crate) initial: Duration,
    /// Length of the trials that classify: full-length ones. At least `initial`.
    pub(crate) last: Duration,
    /// After as much time in full-length trials a load is classified in any case.
    pub(crate) sum: Duration,
}

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mlr {
    /// Where.
    pub(crate) space: Space,
    /// For what, in this order.
    pub(crate) goals: Vec<Goal>,
    /// More trials are not made.
    pub(crate) limit: usize,
}

/// How a load is classified for a goal (RFC 9971 appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    /// More trials could make it either; what it tends to.
    Undecided {
        upper: bool,
    },
}

impl Class {
    fn tends_up(self) -> bool {
        matches!(self, Class::Upper | Class::Undecided { upper: true })
    }
}

impl Mlr {
    /// What comes next, after these trials.
    pub(crate) fn decide(&self, trials: &[Measured]) -> Decision {
        let next = self.goals.iter().find_map(|goal| self.wanted(goal, trials));
        match next {
            Some((load, time)) if trials.len() < self.limit => Decision::Next { load, time },
            _ => Decision::Done(self.bounds(trials)),
        }
    }

    /// What is known after these trials, for each goal.
    pub(crate) fn bounds(&self, trials: &[Measured]) -> Vec<Bounds> {
        self.goals.iter().map(|goal| self.bounds_of(goal, trials)).collect()
    }

    fn bounds_of(&self, goal: &Goal, trials: &[Measured]) -> Bounds {
        let loads = classes(goal, trials);
        let upper = loads.iter().find(|l| l.1 == Class::Upper).map(|l| l.0);
        let below = |load: f64| upper.is_none_or(|upper| load < upper);
        let lower = loads.iter().rev().find(|l| l.1 == Class::Lower && below(l.0)).map(|l| l.0);
        let verdict = match (lower, upper) {
            _ if self.wanted(goal, trials).is_some() => {
                if trials.len() >= self.limit {
                    Verdict::TooManyTrials
                } else {
                    Verdict::Unfinished
                }
            }
            _ if trials.iter().all(|t| t.silent) => Verdict::Silent,
            (Some(_), None) => Verdict::Highest,
            (Some(_), Some(upper)) => {
                let tester = trials.iter().filter(|t| t.load == upper).all(|t| !t.reached);
                if tester { Verdict::Tester } else { Verdict::Found }
            }
            (None, _) => Verdict::NoRate,
        };
        Bounds { loss: goal.loss, lower, upper, forwarded: lower.map(|l| conditional(goal, l, trials)), verdict }
    }

    /// The trial that this goal wants, if any.
    fn wanted(&self, goal: &Goal, trials: &[Measured]) -> Option<(f64, Duration)> {
        let loads = classes(goal, trials);
        let Some(first_up) = loads.iter().position(|l| l.1.tends_up()) else {
            // Nothing is too much: the highest load decides.
            return match loads.last() {
                Some((load, class)) if *load >= self.space.highest => {
                    (*class != Class::Lower).then_some((self.space.highest, goal.last))
                }
                Some(_) => Some((self.space.highest, goal.initial)),
                None => Some((self.space.highest, goal.initial)),
            };
        };
        let (upper, class) = loads.get(first_up).copied()?;
        let Some((lower, lower_class)) = first_up.checked_sub(1).and_then(|i| loads.get(i).copied()) else {
            if upper > self.space.lowest {
                return Some((self.lower_guess(goal, upper, trials), goal.initial));
            }
            // Nothing at all comes out at either end: no need to be told eleven times.
            let silent = trials.iter().all(|t| t.silent);
            return (!silent && class != Class::Upper).then_some((upper, goal.last));
        };
        if upper - lower > goal.width * upper {
            return Some(((lower * upper).sqrt(), goal.initial));
        }
        if lower_class != Class::Lower {
            return Some((lower, goal.last));
        }
        (class != Class::Upper).then_some((upper, goal.last))
    }

    /// A load that may be low enough, when `upper` is the lowest one tried and too high: a little less
    /// than came out of the device, or the lowest load of all when that says nothing.
    fn lower_guess(&self, goal: &Goal, upper: f64, trials: &[Measured]) -> f64 {
        let out = trials.iter().filter(|t| t.load == upper).map(|t| t.load * (1.0 - t.loss)).fold(0.0, f64::max);
        let guess = out * (1.0 - goal.width / 2.0);
        // Each guess is lower than the last by two widths at least: few are needed.
        if guess > self.space.lowest && guess < upper * (1.0 - 2.0 * goal.width) { guess } else { self.space.lowest }
    }
}

/// All loads with trials, ascending, and what they are.
fn classes(goal: &Goal, trials: &[Measured]) -> Vec<(f64, Class)> {
    let mut loads: Vec<f64> = trials.iter().map(|t| t.load).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    loads.into_iter().map(|load| (load, classify(goal, load, trials))).collect()
}

/// RFC 9971 appendix A.
fn classify(goal: &Goal, load: f64, trials: &[Measured]) -> Class {
    let (mut good, mut bad, mut short_good, mut short_bad) = (0.0, 0.0, 0.0, 0.0);
    for trial in trials.iter().filter(|t| t.load == load) {
        let full = trial.seconds >= goal.last.as_secs_f64();
        *match (full, trial.passes(goal.loss)) {
            (true, true) => &mut good,
            (true, false) => &mut bad,
            (false, true) => &mut short_good,
            (false, false) => &mut short_bad,
        } += trial.seconds;
    }
    let balancing: f64 = short_good * goal.exceed / (1.0 - goal.exceed);
    let bad = bad + (short_bad - balancing).max(0.0);
    let whole = (good + bad).max(goal.sum.as_secs_f64());
    let allowed = whole * goal.exceed;
    if whole - good <= allowed {
        Class::Lower
    } else if bad > allowed {
        Class::Upper
    } else {
        Class::Undecided { upper: bad > (good + bad) * goal.exceed }
    }
}

/// RFC 9971 appendix B: the forwarding rate of the worst full-length trial that may not be left out.
fn conditional(goal: &Goal, load: f64, trials: &[Measured]) -> f64 {
    let full = |t: &&Measured| t.load == load && t.seconds >= goal.last.as_secs_f64();
    let mut full: Vec<&Measured> = trials.iter().filter(full).collect();
    full.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    let mut remaining = full.iter().map(|t| t.seconds).sum::<f64>() * (1.0 - goal.exceed);
    let mut loss = 1.0;
    for trial in full {
        if remaining <= 0.0 {
            break;
        }
        loss = trial.loss;
        remaining -= trial.seconds;
    }
    load * (1.0 - loss)
}
