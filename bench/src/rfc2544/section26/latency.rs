//! Section 26.2: the latency of one tagged frame at the throughput, as often as the profile says; and
//! beyond it, the distribution over every frame at shares of the throughput.
use super::Evidence;
use super::throughput::at_rate;
use crate::rfc2544::record::{Record, Step, Test};
use crate::rfc2544::search::totals;
use crate::rfc2544::session::{End, Session};
use crate::rfc2544::trial::{Frames, Group, Outcome, Stamps, group_histogram, latency_histogram};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The latency of one frame size. All latencies are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// Section 26.2: of tagged frames at the throughput.
    pub(crate) tagged: Option<Tagged>,
    /// Of every frame.
    pub(crate) loads: Vec<AtLoad>,
}

/// Latencies of tagged frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tagged {
    /// Tagged frames that arrived.
    pub(crate) count: u64,
    /// Tagged frames that were sent.
    pub(crate) sent: u64,
    /// The result of the standard.
    pub(crate) mean: f64,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

/// Latencies at a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AtLoad {
    /// Per cent of the throughput.
    pub(crate) percent: f64,
    /// Frames that were stamped and arrived.
    pub(crate) count: u64,
    /// Frames lost at this load.
    pub(crate) lost: u64,
    pub(crate) min: u64,
    pub(crate) mean: f64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    /// The groups of flows, in their order; empty where there is but one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<OfGroup>,
}

/// Latencies and losses of a group of flows at a load, of all directions together. Percentiles are to 1 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OfGroup {
    /// Number of the group.
    pub(crate) group: usize,
    /// Frames that were stamped and arrived.
    pub(crate) count: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) corrupted: u64,
    pub(crate) min: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// Makes the streams, if there is a throughput.
pub(super) fn run(session: &mut Session<'_>, frames: &Frames) -> std::result::Result<(), End> {
    let Some(rate) = super::rate(session, frames) else { return Ok(()) };
    let profile = session.profile;
    for percent in &profile.latency.loads {
        let phase = at_rate(rate * percent / 100.0, profile.trial.time);
        let offered = session.offered(frames, vec![phase], Stamps::Every);
        session.run(Step::Latency { percent: *percent }, offered, None)?;
    }
    for repetition in 1..=profile.latency.repetitions {
        let phase = at_rate(rate, profile.latency.stream);
        let offered = session.offered(frames, vec![phase], Stamps::OneAt(profile.latency.tag_at));
        session.run(Step::Tagged { repetition }, offered, None)?;
    }
    Ok(())
}

/// All directions of a trial together.
pub(crate) fn histogram(record: &Record) -> Option<Histogram<u64>> {
    let mut sum = latency_histogram();
    for latency in record.complete()?.counts.iter().filter_map(|c| c.latency.as_ref()) {
        sum.add(latency).ok()?;
    }
    Some(sum)
}

/// The result, from the trials. `None` if there were none.
pub(super) fn evaluate(e: &Evidence<'_>, frames: &Frames) -> Option<Result> {
    let mut tagged = latency_histogram();
    let mut sent = 0;
    let mut loads = Vec::new();
    for record in e.trials(Test::Latency, frames) {
        let Some(h) = histogram(record) else { continue };
        match record.step {
            Step::Latency { percent } => {
                let lost = record.complete().map_or(0, |o| totals(o).1);
                let groups = record.complete().map_or(Vec::new(), of_groups);
                loads.push(AtLoad { groups, ..at_load(percent, lost, &h) });
            }
            _ => {
                sent += record.offered.directions.each().len() as u64;
                tagged.add(&h).ok()?;
            }
        }
    }
    let none = loads.is_empty() && sent == 0;
    let count = tagged.len();
    let tagged = Tagged { count, sent, mean: tagged.mean(), min: tagged.min(), max: tagged.max() };
    (!none).then_some(Result { tagged: (sent > 0).then_some(tagged), loads })
}

fn at_load(percent: f64, lost: u64, h: &Histogram<u64>) -> AtLoad {
    AtLoad {
        percent,
        count: h.len(),
        lost,
        min: h.min(),
        mean: h.mean(),
        p50: h.value_at_quantile(0.5),
        p90: h.value_at_quantile(0.9),
        p99: h.value_at_quantile(0.99),
        p999: h.value_at_quantile(0.999),
        max: h.max(),
        groups: Vec::new(),
    }
}

/// The groups of a trial.
fn of_groups(outcome: &Outcome) -> Vec<OfGroup> {
    let most = outcome.counts.iter().map(|c| c.groups.len()).max().unwrap_or(0);
    let one = |number: usize| {
        let each = || outcome.counts.iter().filter_map(|c| c.groups.get(number));
        let sum = |of: fn(&Group) -> u64| each().map(of).sum();
        let mut h = group_histogram();
        for latency in each().filter_map(|g| g.latency.as_ref()) {
            h += latency;
        }
        OfGroup {
            group: number,
            count: h.len(),
            lost: sum(|g| g.lost),
            duplicated: sum(|g| g.duplicated),
            reordered: sum(|g| g.reordered),
            corrupted: sum(|g| g.corrupted),
            min: h.min(),
            p50: h.value_at_quantile(0.5),
            p99: h.value_at_quantile(0.99),
            max: h.max(),
        }
    };
    (0..most).map(one).collect()
}
