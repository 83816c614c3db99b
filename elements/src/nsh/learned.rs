//! What an SF proxy remembers: the header of each flow, for a while (RFC 7665 section 4.6).
//!
//! A fixed number of places, in sets of eight: a flow's hash says which set. So memory is bounded, and so is the time
//! that a look-up takes.
use super::flow::Flow;
use alloc::vec;
use alloc::vec::Vec;
use sluice_dataplane::wire::nsh;

/// Places in a set.
const WAYS: usize = 8;
/// Most flows that may be asked for: 84 MB.
pub(super) const MAX_FLOWS: usize = 1 << 18;

#[derive(Clone, Copy)]
struct Place {
    flow: Flow,
    /// When the flow was seen last, nanoseconds since the epoch; 0: the place is free.
    seen: u64,
    len: u8,
    header: [u8; nsh::MAX_LEN],
}

/// The headers of flows.
pub(super) struct Learned {
    places: Vec<Place>,
    sets: usize,
    /// How long an entry holds, nanoseconds.
    pub(super) timeout: u64,
    /// Flows that made room for others while they still held.
    pub(super) evicted: u64,
}

impl Learned {
    /// Room for `flows`, rounded up to a multiple of eight.
    pub(super) fn new(flows: usize, timeout: u64) -> Learned {
        let sets = flows.clamp(1, MAX_FLOWS).div_ceil(WAYS);
        let free = Place { flow: Flow::default(), seen: 0, len: 0, header: [0; nsh::MAX_LEN] };
        Learned { places: vec![free; sets * WAYS], sets, timeout, evicted: 0 }
    }

    fn set(&mut self, flow: &Flow) -> &mut [Place] {
        let at = ((u64::from(flow.hash()) * self.sets as u64) >> 32) as usize * WAYS;
        self.places.get_mut(at..at + WAYS).unwrap_or_default()
    }

    /// Remembers the header of a flow. If its set is full, the one that was seen longest ago makes room.
    pub(super) fn learn(&mut self, flow: Flow, header: &[u8], now: u64) {
        let timeout = self.timeout;
        let set = self.set(&flow);
        let known = set.iter().position(|p| p.seen != 0 && p.flow == flow);
        let oldest = set.iter().enumerate().min_by_key(|(_, p)| p.seen).map(|(i, _)| i);
        let Some(place) = known.or(oldest).and_then(|i| set.get_mut(i)) else { return };
        let lost = place.flow != flow && place.holds(now, timeout);
        place.flow = flow;
        place.seen = now.max(1);
        place.len = header.len().min(nsh::MAX_LEN) as u8;
        place.header.iter_mut().zip(header).for_each(|(to, from)| *to = *from);
        self.evicted += u64::from(lost);
    }

    /// The header of a flow. Its entry holds for a whole time-out again.
    pub(super) fn recall(&mut self, flow: &Flow, now: u64) -> Option<&[u8]> {
        let timeout = self.timeout;
        let place = self.set(flow).iter_mut().find(|p| p.holds(now, timeout) && p.flow == *flow)?;
        place.seen = now.max(1);
        place.header.get(..place.len.into())
    }

    /// Flows that hold.
    pub(super) fn count(&self, now: u64) -> usize {
        self.places.iter().filter(|p| p.holds(now, self.timeout)).count()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.places.iter_mut().for_each(|p| p.seen = 0);
    }

    /// Takes over what an older table knows.
    pub(super) fn take(&mut self, old: &Learned, now: u64) {
        for p in old.places.iter().filter(|p| p.holds(now, old.timeout)) {
            self.learn(p.flow, p.header.get(..p.len.into()).unwrap_or_default(), p.seen);
        }
        self.evicted += old.evicted;
    }
}

impl Place {
    fn holds(&self, now: u64, timeout: u64) -> bool {
        self.seen != 0 && now.saturating_sub(self.seen) <= timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(n: u16) -> Flow {
        Flow { ports: [n, 7], protocol: 17, layer: 4, ..Flow::default() }
    }

    #[test]
    fn flows_hold_for_a_time_out_after_they_were_seen() {
        let mut t = Learned::new(64, 10);
        t.learn(flow(1), &[1, 2, 3], 100);
        assert_eq!(t.recall(&flow(1), 110), Some(&[1, 2, 3][..]));
        assert_eq!(t.recall(&flow(2), 110), None);
        t.learn(flow(1), &[4], 115);
        assert_eq!(t.recall(&flow(1), 125), Some(&[4][..]));
        assert_eq!(t.recall(&flow(1), 136), None);
        assert_eq!((t.count(135), t.count(136)), (1, 0));
        assert_eq!(t.evicted, 0);
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_never_grows() {
        let mut t = Learned::new(8, 1000);
        (0..9).for_each(|n| t.learn(flow(n), &[n as u8], 100 + u64::from(n)));
        assert_eq!((t.count(200), t.evicted, t.places.len()), (8, 1, 8));
        assert_eq!(t.recall(&flow(0), 200), None);
        (1..9).for_each(|n| assert_eq!(t.recall(&flow(n), 200), Some(&[n as u8][..])));
        let mut wider = Learned::new(64, 1000);
        wider.take(&t, 300);
        assert_eq!((wider.count(300), wider.evicted), (8, 1));
        wider.clear();
        assert_eq!(wider.count(300), 0);
    }
}
