//! Section 26.1: the highest rate at which no frame is lost.
use super::Evidence;
use crate::rfc2544::profile::Search;
use crate::rfc2544::record::{Step, Test};
use crate::rfc2544::report::grouped;
use crate::rfc2544::search::binary::Binary;
use crate::rfc2544::search::mlr::{Goal, Mlr};
use crate::rfc2544::search::{Bounds, Decision, Measured, Space, Verdict};
use crate::rfc2544::session::{End, Session};
use crate::rfc2544::trial::{Frames, Length, Load, Phase, Stamps};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The throughput of one frame size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// Frames a second in each direction; `None` if no rate was without loss.
    pub(crate) rate: Option<f64>,
    /// Its share of the line.
    pub(crate) share: Option<f64>,
    /// Bits a second of the frames in each direction, without preamble and gap.
    pub(crate) bits: Option<f64>,
    /// What the search found, for each goal; the first is that of no loss.
    pub(crate) bounds: Vec<Bounds>,
    /// Whether the tester and not the device may be what was measured.
    pub(crate) mark: Mark,
    /// In words.
    pub(crate) verdict: String,
    /// Trials that it took.
    pub(crate) trials: usize,
}

/// How near a rate is to what the tester itself can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// Far from it, or it is not known.
    None,
    /// Nearer than twice.
    NearCeiling,
    /// Nearer than 1.1 times, or the tester did not reach the rate above: the device may do more.
    LowerBoundOnly,
}

impl Mark {
    /// In words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Mark::None => "",
            Mark::NearCeiling => "near the tester's ceiling",
            Mark::LowerBoundOnly => "lower bound only",
        }
    }
}

/// The search of a profile.
enum Rules {
    Binary(Binary),
    Mlr(Mlr),
}

impl Rules {
    fn new(e: &Evidence<'_>, frames: &Frames) -> Rules {
        let t = &e.profile.throughput;
        let highest = e.highest(frames);
        let space = Space { lowest: (e.line(frames) * t.lowest).min(highest), highest };
        let limit = t.limit as usize;
        if t.search == Search::Mlr {
            let goal = |loss: &f64| Goal {
                loss: *loss,
                exceed: t.exceed,
                width: t.width,
                initial: t.initial,
                last: t.last,
                sum: t.sum,
            };
            return Rules::Mlr(Mlr { space, goals: t.loss_ratios.iter().map(goal).collect(), limit });
        }
        Rules::Binary(Binary { space, width: t.width, attempts: t.attempts, time: e.profile.trial.time, limit })
    }

    fn decide(&self, trials: &[Measured]) -> Decision {
        match self {
            Rules::Binary(rules) => rules.decide(trials),
            Rules::Mlr(rules) => rules.decide(trials),
        }
    }

    fn bounds(&self, trials: &[Measured]) -> Vec<Bounds> {
        match self {
            Rules::Binary(rules) => vec![rules.bounds(trials)],
            Rules::Mlr(rules) => rules.bounds(trials),
        }
    }
}

fn measured(e: &Evidence<'_>, frames: &Frames) -> Vec<Measured> {
    let records = e.trials(Test::Throughput, frames).filter(|r| r.step == Step::Throughput);
    records.filter_map(|r| Measured::of(&r.offered, r.complete()?, e.profile.trial.tolerance)).collect()
}

pub(super) fn at_rate(rate: f64, time: Duration) -> Phase {
    Phase { load: Load::Rate(rate), length: Length::Time(time) }
}

/// Searches.
pub(super) fn run(session: &mut Session<'_>, frames: &Frames) -> std::result::Result<(), End> {
    loop {
        let e = Evidence {
            profile: session.profile,
            tester: &session.tester,
            ceilings: &session.ceilings,
            records: &session.records,
        };
        match Rules::new(&e, frames).decide(&measured(&e, frames)) {
            Decision::Next { load, time } => {
                let offered = session.offered(frames, vec![at_rate(load, time)], Stamps::Off);
                if session.run(Step::Throughput, offered, None)?.is_none() {
                    return Ok(()); // refused
                }
            }
            Decision::Done(bounds) => {
                let rate = bounds.first().and_then(|b| b.lower);
                if let (Some(rate), true) = (rate, session.profile.throughput.half) {
                    let half = vec![at_rate(rate / 2.0, session.profile.trial.time)];
                    session.run(Step::Half, session.offered(frames, half, Stamps::Off), None)?;
                }
                return Ok(());
            }
        }
    }
}

/// The result, from the trials. `None` if there were none.
pub(crate) fn evaluate(e: &Evidence<'_>, frames: &Frames) -> Option<Result> {
    let trials = measured(e, frames);
    if trials.is_empty() {
        return None;
    }
    let bounds = Rules::new(e, frames).bounds(&trials);
    let first = *bounds.first()?;
    let rate = first.lower;
    let (line, ceiling) = (e.line(frames), e.ceiling(frames));
    let returned = || e.trials(Test::Throughput, frames).filter_map(|r| r.complete()).flat_map(|o| &o.counts);
    let reflects = returned().any(|c| c.returned > 0);
    Some(Result {
        rate,
        share: rate.map(|r| r / line),
        bits: rate.map(|r| r * frames.mean() * 8.0),
        mark: mark(&first, line, ceiling, e.tester.line.is_some()),
        verdict: verdict(&first, line, reflects),
        bounds,
        trials: trials.len(),
    })
}

/// Nearer than 1.1 times to the tester's ceiling is a lower bound only; nearer than twice, near it. A
/// line that is really full is the end of all, whatever the tester could do beyond.
fn mark(found: &Bounds, line: f64, ceiling: Option<f64>, real_line: bool) -> Mark {
    let Some(rate) = found.lower else { return Mark::None };
    if found.verdict == Verdict::Highest && rate >= line && real_line {
        return Mark::None;
    }
    if matches!(found.verdict, Verdict::Tester | Verdict::Highest) {
        return Mark::LowerBoundOnly;
    }
    match ceiling {
        Some(ceiling) if ceiling < 1.1 * rate => Mark::LowerBoundOnly,
        Some(ceiling) if ceiling < 2.0 * rate => Mark::NearCeiling,
        _ => Mark::None,
    }
}

fn verdict(found: &Bounds, line: f64, reflects: bool) -> String {
    let between = match (found.lower, found.upper) {
        (Some(lower), Some(upper)) => format!("no loss at {}, loss at {} frames/s", grouped(lower), grouped(upper)),
        (Some(lower), None) => format!("no loss at {} frames/s", grouped(lower)),
        (None, Some(upper)) => format!("loss at {} frames/s", grouped(upper)),
        (None, None) => "nothing is known".into(),
    };
    match found.verdict {
        Verdict::Found => between,
        Verdict::Highest if found.lower.is_some_and(|l| l >= line) => "no loss at the rate of the line".into(),
        Verdict::Highest => format!("{between}, the most that the tester can do"),
        Verdict::Tester => {
            let above = format!("the tester did not reach {} frames/s", grouped(found.upper.unwrap_or(0.0)));
            found.lower.map_or(above.clone(), |l| format!("no loss at {} frames/s; {above}", grouped(l)))
        }
        Verdict::NoRate => {
            format!("frames are lost at any rate, down to {} frames/s", grouped(found.upper.unwrap_or(0.0)))
        }
        Verdict::Silent if reflects => "every frame came back where it was sent; none was forwarded".into(),
        Verdict::Silent => "nothing is forwarded".into(),
        Verdict::TooManyTrials => format!("ended after too many trials: {between}"),
        Verdict::Unfinished => format!("not finished: {between}"),
    }
}
