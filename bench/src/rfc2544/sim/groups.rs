//! What a simulated device does to groups of flows: all are treated alike, but for the flows of its slower server.
use super::device::{Device, Queue};
use super::spread;
use crate::rfc2544::trial::{Counts, Group, Stamps, Traffic, group_histogram};

/// Flows of a trial that the slower server has, as a share: of all, or of one group.
pub(super) fn slow_share(device: &Device, traffic: &Traffic, group: Option<u16>) -> f64 {
    let Some((one_in, _)) = device.uneven else { return 0.0 };
    let flows = traffic.flows.max(traffic.networks.into());
    let (first, step) = group.map_or((0, 1), |g| (g.into(), traffic.groups.max(1).into()));
    let (mut all, mut slow) = (0_u32, 0_u32);
    for flow in (first..flows).step_by(step) {
        all += 1;
        slow += u32::from(flow.is_multiple_of(one_in.into()));
    }
    f64::from(slow) / f64::from(all.max(1))
}

/// The groups of a direction whose counts are these.
pub(super) fn groups(
    device: &Device,
    queue: &Queue<'_>,
    traffic: &Traffic,
    stamps: Stamps,
    counts: &Counts,
) -> Vec<Group> {
    if traffic.groups < 2 {
        return Vec::new();
    }
    let flows = traffic.flows.max(traffic.networks.into());
    let all = counts.sent();
    // What belongs to the groups before adds up to what belongs to all, without a rest.
    let part = |n: u64, before: u64| (u128::from(n) * u128::from(before) / u128::from(all.max(1))) as u64;
    let mut before = 0;
    let one = |number: u16| {
        let sent = Group::sent_of(number, traffic.groups, flows, all);
        let after = before + sent;
        let of = |n: u64| part(n, after) - part(n, before);
        let received = of(counts.received);
        let latency = (stamps == Stamps::Every).then(|| {
            let mut histogram = group_histogram();
            spread(&mut histogram, queue, received, slow_share(device, traffic, Some(number)));
            histogram
        });
        let group = Group {
            sent,
            received,
            lost: sent - received,
            duplicated: of(counts.duplicated),
            reordered: of(counts.reordered),
            corrupted: of(counts.corrupted),
            latency: latency.or((stamps != Stamps::Off).then(group_histogram)),
        };
        before = after;
        group
    };
    (0..traffic.groups).map(one).collect()
}
