//! What comes out of a trial.
use super::{Direction, nanos};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What came out of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// One for each direction that was asked for, in the order of [`Directions::each`].
    pub(crate) counts: Vec<Counts>,
    /// Where the device's management was asked beside the frames (section 11.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queries: Option<Queries>,
}

/// Management queries, one a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queries {
    pub(crate) asked: u64,
    /// Answered as they should be.
    pub(crate) answered: u64,
}

/// What came out in one direction.
///
/// Test frames that were sent are received or lost: `received + lost = sent`. All else is counted
/// beside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Which direction.
    pub(crate) direction: Direction,
    /// What was sent and lost in each phase, in their order. One that was cut short, or not begun, is
    /// here as far as it came.
    pub(crate) phases: Vec<Sent>,
    /// Test frames that arrived at the right port in whole, each once, until [`Offered::late`] was over.
    pub(crate) received: u64,
    /// Copies beyond the first.
    pub(crate) duplicated: u64,
    /// Frames that arrived after one that had been sent later (RFC 4737 section 3).
    pub(crate) reordered: u64,
    /// Frames of this trial that arrived with a wrong checksum. They are lost, too.
    pub(crate) corrupted: u64,
    /// Test frames of this direction that came back at the port where they were sent.
    pub(crate) returned: u64,
    /// Frames at the receiving port that are not of this trial.
    pub(crate) foreign: u64,
    /// When the last frame that was lost had been sent. `None`: none was lost.
    #[serde(rename = "last_lost_ns", with = "maybe_nanos")]
    pub(crate) last_lost: Option<Duration>,
    /// The longest time without a test frame at the receiving port, from the first to arrive to the
    /// last. `None`: fewer than two arrived.
    pub(crate) gap: Option<Gap>,
    /// Latencies of the frames that were stamped and arrived, in nanoseconds.
    #[serde(with = "latencies")]
    pub(crate) latency: Option<Histogram<u64>>,
    /// The groups of flows, in their order; empty where there is but one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<Group>,
}

/// What came out of a group of flows.
///
/// `received + lost = sent`. Received frames of all groups are those of the direction. Lost ones may be more: which group a
/// frame was of that the tester itself lost on receiving is not known, so it is lost here, and not sent there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Frames that were sent.
    pub(crate) sent: u64,
    /// Those that arrived in whole, each once.
    pub(crate) received: u64,
    /// Those that did not.
    pub(crate) lost: u64,
    /// Copies beyond the first.
    pub(crate) duplicated: u64,
    /// Frames that arrived after one of any group that had been sent later.
    pub(crate) reordered: u64,
    /// Frames that arrived damaged, as far as their number could be read. They are lost, too.
    pub(crate) corrupted: u64,
    /// Latencies of the frames that were stamped and arrived, in nanoseconds.
    #[serde(with = "group_latencies")]
    pub(crate) latency: Option<Histogram<u64>>,
}

impl Counts {
    /// Test frames that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.phases.iter().map(|p| p.sent).sum()
    }

    /// Test frames that did not arrive in whole.
    pub(crate) fn lost(&self) -> u64 {
        self.phases.iter().map(|p| p.lost).sum()
    }
}

impl Group {
    /// Frames of a group when `numbers` were sent of all: flows come in turn, and flow n is of group n modulo their number.
    pub(crate) fn sent_of(group: u16, groups: u16, flows: u32, numbers: u64) -> u64 {
        let (group, groups, flows) = (u64::from(group), u64::from(groups.max(1)), u64::from(flows.max(1)));
        // Flows of the group among the first `n`.
        let among = |n: u64| (n + groups - 1 - group) / groups;
        numbers / flows * among(flows) + among(numbers % flows)
    }
}

/// What was sent in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Test frames that the port took.
    pub(crate) sent: u64,
    /// Those of them that did not arrive in whole.
    pub(crate) lost: u64,
    /// The time that it really took: to the beginning of the next phase, or to when the last frame
    /// was taken plus the time of one frame. `sent / took` is the rate that was really offered.
    #[serde(rename = "took_ns", with = "nanos")]
    pub(crate) took: Duration,
}

/// A time without arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// When the last frame before it arrived.
    #[serde(rename = "from_ns", with = "nanos")]
    pub(crate) from: Duration,
    /// When the next one arrived.
    #[serde(rename = "to_ns", with = "nanos")]
    pub(crate) to: Duration,
}

/// Largest latency that is told apart: 100 s. What took longer counts as this.
pub(crate) const MAX_LATENCY: u64 = 100_000_000_000;

/// An empty histogram of latencies: 1 ns to [`MAX_LATENCY`], three significant digits (some 220 KB).
/// `record` of it fails above; use `saturating_record`.
pub(crate) fn latency_histogram() -> Histogram<u64> {
    // The bounds are constants that the crate accepts; a test shows it.
    Histogram::new_with_bounds(1, MAX_LATENCY, 3).unwrap_or_else(|_| unreachable!("bounds of a histogram"))
}

/// The same with two significant digits (some 30 KB), for groups of flows, of which there may be many.
pub(crate) fn group_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_LATENCY, 2).unwrap_or_else(|_| unreachable!("bounds of a histogram"))
}

/// The same, or null.
mod maybe_nanos {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX)).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_nanos))
    }
}

/// Histograms as pairs of a latency in nanoseconds and how often it was seen, ascending; or null.
mod latencies {
    use super::{Histogram, latency_histogram};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(latency: &Option<Histogram<u64>>, to: S) -> Result<S::Ok, S::Error> {
        let pairs = latency.as_ref().map(|h| {
            h.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())).collect::<Vec<(u64, u64)>>()
        });
        pairs.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Histogram<u64>>, D::Error> {
        read(from, latency_histogram)
    }

    /// Reads pairs into a histogram that `empty` makes.
    pub(super) fn read<'de, D: Deserializer<'de>>(
        from: D,
        empty: fn() -> Histogram<u64>,
    ) -> Result<Option<Histogram<u64>>, D::Error> {
        let pairs = Option::<Vec<(u64, u64)>>::deserialize(from)?;
        Ok(pairs.map(|pairs| {
            let mut histogram = empty();
            for (value, count) in pairs {
                histogram.saturating_record_n(value, count);
            }
            histogram
        }))
    }
}

/// The same of groups.
mod group_latencies {
    use super::{Histogram, group_histogram, latencies};
    use serde::Deserializer;

    pub(super) use latencies::serialize;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Histogram<u64>>, D::Error> {
        latencies::read(from, group_histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_the_same_after_it_was_written_and_read() {
        let mut latency = latency_histogram();
        for value in [0, 1, 999, 12_345, 7_654_321, 99_999_999_999, u64::MAX] {
            latency.saturating_record_n(value, 3);
        }
        let mut group = group_histogram();
        group.record_n(12_345, 3).unwrap();
        let counts = Counts {
            direction: Direction::BToA,
            phases: vec![Sent { sent: 10, lost: 2, took: Duration::from_nanos(7) }],
            received: 8,
            duplicated: 1,
            reordered: 2,
            corrupted: 3,
            returned: 4,
            foreign: 5,
            last_lost: Some(Duration::from_nanos(3)),
            gap: Some(Gap { from: Duration::ZERO, to: Duration::from_nanos(2) }),
            groups: vec![Group {
                sent: 5,
                received: 3,
                lost: 2,
                duplicated: 1,
                reordered: 0,
                corrupted: 2,
                latency: Some(group),
            }],
            latency: Some(latency),
        };
        let outcome = Outcome { counts: vec![counts], queries: None };
        let text = serde_json::to_string(&outcome).unwrap();
        let read: Outcome = serde_json::from_str(&text).unwrap();
        assert_eq!(read, outcome);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
