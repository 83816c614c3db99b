//! The slow twin of the inner loop: what happens to a batch while a trace or a tap is on.
use super::{Core, Engine, Slot};
use crate::batch::Batch;
use crate::context::Context;
use crate::packet::Packet;
use crate::port::PortId;
use crate::reason::Reason;
use crate::trace::{End, Filter, Frame, Tap, TapAt, Traced};
use alloc::string::String;
use alloc::vec::Vec;

impl Core {
    /// An element call begins; `packets` enter through input 0.
    pub(crate) fn observe_begin(&mut self, packets: &[Packet]) {
        self.tracer.calls.push(Frame::default());
        self.tracer.enter(Some(0), packets);
    }

    /// An element call is over; `main` are the packets that leave through output `out`.
    pub(crate) fn observe_end_of_call(&mut self, id: usize, out: usize, main: &[Packet]) {
        let sides = self.sides.iter().enumerate().flat_map(|(out, b)| b.iter().map(move |p| (out, p)));
        let main = main.iter().map(|p| (out, p));
        self.tracer.leave(&self.topo, id, sides.chain(main));
    }

    /// Element `up` was pulled from; `got` came out of output `port` over `edge`.
    pub(crate) fn observe_pulled(&mut self, up: usize, port: usize, edge: u32, got: &[Packet]) {
        self.observe_end_of_call(up, port, got);
        self.show(edge, got);
        let input = self.topo.edges[edge as usize].port as usize;
        self.tracer.enter(Some(input), got);
    }

    /// As the inner loop calls an element, with everything looked at.
    #[cold]
    pub(super) fn process_armed(&mut self, slots: &mut [Slot], edge: u32, to: usize, port: usize, batch: &mut Batch) {
        self.show(edge, batch.as_slice());
        self.tracer.calls.push(Frame::default());
        self.tracer.enter(Some(port), batch.iter());
        if let Some(el) = &mut slots[to] {
            el.process(&mut Context { core: self, id: to }, port, batch);
        }
        self.observe_end_of_call(to, 0, batch.as_slice());
    }

    /// Shows packets on an edge to its taps.
    fn show(&mut self, edge: u32, packets: &[Packet]) {
        if self.taps.is_empty() || packets.is_empty() {
            return;
        }
        let now = self.clock.recent();
        let (taps, topo) = (&mut self.taps, &self.topo);
        taps.retain_mut(|t| {
            !t.edges.contains(&edge) || packets.iter().all(|p| t.see(now, p, &topo.edge_name(edge as usize)))
        });
    }

    /// A packet is being dropped.
    #[cold]
    pub(crate) fn observe_drop(&mut self, id: usize, p: &Packet, why: Reason) {
        self.tracer.end(p, End::Dropped(why));
        if self.taps.iter().any(|t| t.at == TapAt::Drops) {
            let now = self.clock.recent();
            let note = alloc::format!("{}: {}", self.topo.nodes[id].name, why.name());
            self.taps.retain_mut(|t| t.at != TapAt::Drops || t.see(now, p, &note));
        }
    }

    /// A packet ends well.
    #[cold]
    pub(crate) fn observe_end(&mut self, p: &Packet, end: End) {
        self.tracer.end(p, end);
    }

    /// A packet has come in through element `id`.
    #[cold]
    pub(crate) fn offer_trace(&mut self, id: usize, port: Option<PortId>, p: &mut Packet) {
        let now = if p.timestamp() != 0 { p.timestamp() } else { self.clock.recent() };
        let slot = port.and_then(|id| self.rx.get(id.0 as usize)?.as_ref());
        self.tracer.offer(&self.topo.nodes[id].name, slot.map(|s| s.spec.device.name()), now, p);
    }

    fn rearm(&mut self) {
        self.armed = self.tracer.is_on() || !self.taps.is_empty();
    }
}

impl Engine {
    /// Traces the next `count` packets (at most [`MAX_TRACED`](crate::trace::MAX_TRACED)) that come
    /// in through the port or element `source` (any, if `None`) and pass `filter`. Ends a trace that is on.
    pub fn start_trace(&mut self, count: usize, source: Option<String>, filter: Option<Filter>) {
        self.core.tracer.start(count, source, filter);
        self.core.rearm();
    }

    /// Packets that the trace has still to mark.
    pub fn trace_left(&self) -> usize {
        self.core.tracer.left()
    }

    /// What the trace has recorded so far. A packet that is still under way has only the first part of its way.
    pub fn traced(&self) -> &[Traced] {
        self.core.tracer.packets()
    }

    /// Ends the trace and gives out what it recorded.
    pub fn finish_trace(&mut self) -> Vec<Traced> {
        let packets = self.core.tracer.finish();
        self.core.rearm();
        packets
    }

    /// Sets a tap; false when there is no such output.
    pub fn tap(&mut self, mut tap: Tap) -> bool {
        if !tap.bind(&self.core.topo) {
            return false;
        }
        self.core.taps.push(tap);
        self.core.rearm();
        true
    }

    /// Takes the taps away that have seen enough or that nobody looks at any more, and says whether any is left.
    pub fn has_taps(&mut self) -> bool {
        self.core.taps.retain(Tap::is_wanted);
        self.core.rearm();
        !self.core.taps.is_empty()
    }
}
