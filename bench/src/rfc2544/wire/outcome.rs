//! What came out of a trial, from what senders and receivers counted.
use super::arrivals::Departures;
use super::receive::Receiver;
use crate::rfc2544::trial::{Counts, Direction, Outcome};

/// The counts of all directions. `own_lost` are frames that the tester itself lost at A and at B.
pub(super) fn outcome(
    directions: &[Direction],
    departures: &[Departures; 2],
    receivers: [Receiver<'_>; 2],
    own_lost: [u64; 2],
    start: u64,
) -> Outcome {
    let [a, b] = receivers;
    let returned = [a.returned, b.returned];
    let (mut at_a, mut at_b) = (Some(a.arrivals), Some(b.arrivals));
    let counts = directions.iter().filter_map(|d| {
        let (arrivals, departures, returned, own_lost) = match d {
            Direction::AToB => (at_b.take(), &departures[0], returned[0], own_lost[1]),
            Direction::BToA => (at_a.take(), &departures[1], returned[1], own_lost[0]),
        };
        let mut arrivals = arrivals?;
        arrivals.returned = returned;
        let mut counts = arrivals.counts(*d, departures, start);
        excuse(&mut counts, own_lost);
        Some(counts)
    });
    Outcome { counts: counts.collect(), queries: None }
}

/// Frames that the tester itself lost on receiving say nothing of the device: they count as not offered.
pub(super) fn excuse(counts: &mut Counts, mut lost: u64) {
    for phase in counts.phases.iter_mut().rev() {
        let n = lost.min(phase.lost);
        phase.sent -= n;
        phase.lost -= n;
        lost -= n;
    }
    if counts.lost() == 0 {
        counts.last_lost = None;
    }
}
