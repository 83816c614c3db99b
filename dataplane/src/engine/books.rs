//! What happened to the packets of one engine: sums, and whether they add up.
use super::Engine;
use crate::count::{Counts, Totals};
use crate::reason::Reason;
use alloc::string::String;
use alloc::vec::Vec;

impl Engine {
    /// Everything that happened to packets so far, over all graphs.
    pub fn totals(&self) -> Totals {
        let t = Counts::default();
        t.add(&self.retired);
        self.core.topo.counts.nodes.iter().for_each(|n| t.add(n));
        Totals {
            received: t.received.get(),
            created: t.created.get(),
            consumed: t.consumed.get(),
            transmitted: t.transmitted.get(),
            dropped: t.drops(),
            held: self.slots.iter().flatten().map(|e| e.held() as u64).sum::<u64>() + self.handed_and_waiting(),
        }
    }

    /// Drops by reason, over all graphs; only reasons that happened.
    pub fn drops(&self) -> Vec<(Reason, u64)> {
        let t = Counts::default();
        t.add(&self.retired);
        self.core.topo.counts.nodes.iter().for_each(|n| t.add(n));
        Reason::ALL.iter().map(|&r| (r, t.dropped.of(r))).filter(|d| d.1 > 0).collect()
    }

    /// The counters add up, and the pool agrees about the packets that exist (`outside`: packets
    /// that a test or a port keeps). A packet inside that shares its buffer may keep the header of
    /// another alive, so up to twice as many may exist. The error is what does not fit.
    pub fn check(&self, outside: usize) -> Result<Totals, String> {
        let t = self.totals();
        let live = self.core.cache.live();
        let inside = t.held + outside as u64;
        if t.add_up() && (inside..=2 * inside).contains(&(live as u64)) {
            Ok(t)
        } else {
            Err(alloc::format!("{t:?}, {live} packets exist"))
        }
    }

    /// Packet buffers that are in use, and all there are, of the pool that the engine shares with others.
    pub fn buffers(&self) -> [usize; 2] {
        [self.core.cache.live(), self.core.cache.pool().count()]
    }

    /// Packets inside each element, in the graph's order.
    pub fn held(&self) -> Vec<usize> {
        (0..self.slots.len()).map(|id| self.held_in(id)).collect()
    }

    /// Packets inside the element with this number.
    pub fn held_in(&self, id: usize) -> usize {
        self.slots.get(id).and_then(Option::as_ref).map_or(0, |e| e.held())
    }
}
