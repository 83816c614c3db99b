//! Searches for the highest rate: functions from the trials made so far to the next trial or the
//! verdict. They hold no state, so whoever has the trials can ask again and gets the same answer.
pub(crate) mod binary;
pub(crate) mod burst;
pub(crate) mod mlr;

use super::trial::{Length, Load, Offered, Outcome};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A trial at one rate, as a search sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The rate that was asked for, frames a second in each direction.
    pub(crate) load: f64,
    /// How long it was asked for, in seconds.
    pub(crate) seconds: f64,
    /// Frames lost for each one sent, all directions together.
    pub(crate) loss: f64,
    /// Whether the tester really sent at that rate.
    pub(crate) reached: bool,
    /// Whether nothing came out of the device.
    pub(crate) silent: bool,
}

impl Measured {
    /// Of a trial of one phase at a rate; `None` for other trials. A tester has reached a rate when it
    /// sent at least `1 - tolerance` of it in each direction.
    pub(crate) fn of(offered: &Offered, outcome: &Outcome, tolerance: f64) -> Option<Measured> {
        let [phase] = offered.phases.as_slice() else { return None };
        let (Load::Rate(load), Length::Time(time)) = (phase.load, phase.length) else { return None };
        let (sent, lost) = totals(outcome);
        Some(Measured {
            load,
            seconds: time.as_secs_f64(),
            loss: if sent > 0 { lost as f64 / sent as f64 } else { 1.0 },
            reached: reached(offered, outcome, tolerance),
            silent: outcome.counts.iter().all(|c| c.received == 0),
        })
    }

    /// Whether the device is known to forward this load.
    pub(crate) fn passes(&self, loss: f64) -> bool {
        self.reached && self.loss <= loss
    }
}

/// Frames sent and lost in all directions.
pub(crate) fn totals(outcome: &Outcome) -> (u64, u64) {
    outcome.counts.iter().fold((0, 0), |(sent, lost), c| (sent + c.sent(), lost + c.lost()))
}

/// Whether every phase that has a rate and a time was sent at that rate.
pub(crate) fn reached(offered: &Offered, outcome: &Outcome, tolerance: f64) -> bool {
    outcome.counts.iter().all(|c| {
        offered.phases.iter().zip(&c.phases).all(|(asked, sent)| match (asked.load, asked.length) {
            // A frame more or less is the end of the period.
            (Load::Rate(rate), Length::Time(time)) => {
                let took = sent.took.max(time).as_secs_f64();
                sent.sent as f64 + 1.0 >= rate * took * (1.0 - tolerance)
            }
            _ => true,
        })
    })
}

/// Where to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Space {
    /// The lowest rate that is tried; above 0.
    pub(crate) lowest: f64,
    /// The highest one.
    pub(crate) highest: f64,
}

/// What a search wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Another trial.
    Next {
        /// Frames a second.
        load: f64,
        /// For how long.
        time: Duration,
    },
    /// Nothing more: one verdict for each goal.
    Done(Vec<Bounds>),
}

/// What a search has found for one goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// The goal: loss that counts as none.
    pub(crate) loss: f64,
    /// The highest rate that met the goal, below all that did not.
    pub(crate) lower: Option<f64>,
    /// The lowest rate that did not.
    pub(crate) upper: Option<f64>,
    /// What was really forwarded at `lower` (MLRsearch: conditional throughput); equal to it where the
    /// goal is no loss.
    pub(crate) forwarded: Option<f64>,
    /// How it ended.
    pub(crate) verdict: Verdict,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Both bounds are as near as was asked.
    Found,
    /// The highest rate of the search met the goal.
    Highest,
    /// The rate above was not reached by the tester, or not even the lowest; the device may do more.
    Tester,
    /// Not even the lowest rate met the goal.
    NoRate,
    /// Nothing came out, at the highest rate or at the lowest.
    Silent,
    /// More trials than are allowed were needed. The bounds are true, but wide.
    TooManyTrials,
    /// The run ended before. The bounds are those known until then.
    Unfinished,
}
