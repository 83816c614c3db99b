//! The table of flows and their numbers.
use hashbrown::HashMap;
use sluice_dataplane::wire::{ip_proto, tcp};

/// Address and port.
type End = (u32, u16);

/// The two ends of a flow in an order that does not depend on the direction, and the protocol.
#[derive(Clone, Copy)]
pub(super) struct Key {
    ends: (End, End, u8),
    /// The source is the second end.
    flipped: bool,
}

impl Key {
    pub(super) fn new(source: End, destination: End, protocol: u8) -> Key {
        let flipped = source > destination;
        let (a, b) = if flipped { (destination, source) } else { (source, destination) };
        Key { ends: (a, b, protocol), flipped }
    }
}

/// How long flows are silent before they end, nanoseconds.
pub(super) struct Timeouts {
    pub(super) tcp: u64,
    /// After FIN in both directions, or RST.
    pub(super) tcp_done: u64,
    pub(super) udp: u64,
    /// How often ended flows are removed.
    pub(super) reap: u64,
}

impl Timeouts {
    fn of(&self, protocol: u8, flow: &Flow) -> u64 {
        match flow.over {
            _ if protocol == ip_proto::UDP => self.udp,
            [true, true] => self.tcp_done,
            _ => self.tcp,
        }
    }
}

struct Flow {
    number: u32,
    /// Its first packet came from the second end.
    reverse: bool,
    /// By direction: it has ended.
    over: [bool; 2],
    /// When its last packet came, nanoseconds since the epoch.
    last: u64,
}

/// A packet's flow.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// Its number.
    pub(super) aggregate: u32,
    /// The packet goes against the direction of the flow's first one.
    pub(super) reverse: bool,
}

/// The flows.
pub(super) struct Table {
    timeouts: Timeouts,
    flows: HashMap<(End, End, u8), Flow>,
    /// Number of the next flow.
    next: u32,
    /// When ended flows were removed last; 0: never.
    reaped: u64,
}

impl Table {
    pub(super) fn new(timeouts: Timeouts) -> Table {
        Table { timeouts, flows: HashMap::new(), next: 1, reaped: 0 }
    }

    /// The flow of a packet with these TCP flags, a new one if there is none.
    pub(super) fn find(&mut self, key: Key, now: u64, flags: u8) -> Found {
        let Table { timeouts, flows, next, .. } = self;
        let mut new = || {
            let number = *next;
            *next = next.wrapping_add(1).max(1);
            Flow { number, reverse: key.flipped, over: [false; 2], last: now }
        };
        let flow = flows.entry(key.ends).or_insert_with(&mut new);
        if now.saturating_sub(flow.last) > timeouts.of(key.ends.2, flow) {
            *flow = new();
        }
        flow.last = flow.last.max(now);
        let reverse = key.flipped != flow.reverse;
        if flags & tcp::RST != 0 {
            flow.over = [true; 2];
        } else if flags & tcp::FIN != 0 {
            flow.over[usize::from(reverse)] = true;
        }
        Found { aggregate: flow.number, reverse }
    }

    /// The flow that a packet of these ends would belong to.
    pub(super) fn known(&self, key: Key, now: u64) -> Option<Found> {
        let flow = self.flows.get(&key.ends)?;
        let live = now.saturating_sub(flow.last) <= self.timeouts.of(key.ends.2, flow);
        live.then_some(Found { aggregate: flow.number, reverse: key.flipped != flow.reverse })
    }

    /// Removes ended flows if it is time; says whether it was.
    pub(super) fn reap(&mut self, now: u64) -> bool {
        if self.reaped == 0 {
            self.reaped = now;
        }
        if now.saturating_sub(self.reaped) < self.timeouts.reap {
            return false;
        }
        self.reaped = now;
        let timeouts = &self.timeouts;
        self.flows.retain(|ends, flow| now.saturating_sub(flow.last) <= timeouts.of(ends.2, flow));
        true
    }

    /// Ends all flows; numbers go on.
    pub(super) fn clear(&mut self) {
        self.flows.clear();
    }

    /// Takes over the flows of an old table.
    pub(super) fn inherit(&mut self, old: &mut Table) {
        self.flows = core::mem::take(&mut old.flows);
        (self.next, self.reaped) = (old.next, old.reaped);
    }
}
