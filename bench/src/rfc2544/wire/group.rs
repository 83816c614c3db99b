//! What arrives of a direction by groups of flows, where there are several.
use super::signature::Signature;
use super::window::Seen;
use crate::rfc2544::trial::{Group, group_histogram};
use hdrhistogram::Histogram;

/// The counts of all groups.
pub(super) struct Groups {
    flows: u64,
    groups: Vec<Count>,
}

/// The counts of one.
struct Count {
    received: u64,
    duplicated: u64,
    reordered: u64,
    corrupted: u64,
    latency: Option<Histogram<u64>>,
}

impl Groups {
    /// So many groups of so many flows, of which nothing arrived yet.
    pub(super) fn new(flows: u32, groups: u16, measured: bool) -> Groups {
        let latency = measured.then(group_histogram);
        let none = || Count { received: 0, duplicated: 0, reordered: 0, corrupted: 0, latency: latency.clone() };
        Groups { flows: u64::from(flows.max(1)), groups: (0..groups.max(1)).map(|_| none()).collect() }
    }

    /// The group that the frame with this number is of: flows come in turn, and so do groups among them.
    #[inline]
    fn of(&mut self, sequence: u64) -> Option<&mut Count> {
        let group = (sequence % self.flows) % self.groups.len() as u64;
        self.groups.get_mut(group as usize)
    }

    /// A frame came that was seen so; it took so long if it was measured.
    #[inline]
    pub(super) fn frame(&mut self, s: &Signature, seen: Seen, latency: Option<u64>) {
        let Some(group) = self.of(s.sequence) else { return };
        group.duplicated += u64::from(seen == Seen::Again);
        group.reordered += u64::from(matches!(seen, Seen::Late(_) | Seen::TooLate));
        if seen.is_first() {
            group.received += 1;
            if let (Some(histogram), Some(latency)) = (&mut group.latency, latency) {
                histogram.saturating_record(latency);
            }
        }
    }

    /// A damaged frame came whose signature is whole.
    #[cold]
    pub(super) fn corrupted(&mut self, s: &Signature) {
        if let Some(group) = self.of(s.sequence) {
            group.corrupted += 1;
        }
    }

    /// The counts, when `numbers` sequence numbers were used.
    pub(super) fn counts(self, numbers: u64) -> Vec<Group> {
        let (flows, all) = (self.flows as u32, self.groups.len() as u16);
        let counts = (0..).zip(self.groups).map(|(number, c)| {
            let sent = Group::sent_of(number, all, flows, numbers);
            Group {
                sent,
                received: c.received.min(sent),
                lost: sent.saturating_sub(c.received),
                duplicated: c.duplicated,
                reordered: c.reordered,
                corrupted: c.corrupted,
                latency: c.latency,
            }
        });
        counts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_of_a_group_is_what_its_flows_were_sent() {
        for (flows, groups) in [(1, 1), (10, 3), (7, 7), (64, 64), (1000, 64), (3, 64)] {
            for numbers in [0, 1, 5, 999, 12_345] {
                let mut counted = vec![0; usize::from(groups)];
                (0..numbers).for_each(|n| counted[(n % u64::from(flows) % u64::from(groups)) as usize] += 1);
                let sent = Groups::new(flows, groups, false).counts(numbers);
                assert_eq!(sent.iter().map(|g| g.sent).collect::<Vec<u64>>(), counted, "{flows} {groups} {numbers}");
                assert!(sent.iter().all(|g| g.lost == g.sent && g.latency.is_none()));
            }
        }
    }
}
