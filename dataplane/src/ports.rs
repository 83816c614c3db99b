//! What an element may ask of ports: frames in and out, and what their devices say.
use crate::batch::Batch;
use crate::context::Context;
use crate::port::{Direction, PortId, PortObject, PortSlot, Rx, Sent};
use crate::reason::Reason;
use alloc::string::String;
use alloc::vec::Vec;

impl Context<'_> {
    /// Appends at most `n` frames from a port.
    pub fn receive(&mut self, port: PortId, n: usize, batch: &mut Batch) {
        let had = batch.len();
        let core = &mut *self.core;
        let Some(Some(slot)) = core.rx.get_mut(port.0 as usize) else { return };
        let PortObject::Rx(device) = &mut slot.object else { return };
        let counters = &*slot.counters;
        let (asks_kind, counts) = (core.topo.asks_kind, &core.topo.counts.nodes[self.id]);
        let mut rx = Rx { cache: &mut core.cache, batch, counters, counts, room: had + n, lost: 0, asks_kind };
        device.receive(&mut rx);
        let received = rx.lost + (batch.len() - had) as u64;
        if received > 0 {
            counts.received.add(received);
        }
        if core.armed {
            batch.iter_mut().skip(had).for_each(|p| self.core.offer_trace(self.id, Some(port), p));
        }
    }
    /// Whether a receiving port will never bring another frame.
    pub fn port_exhausted(&self, port: PortId) -> bool {
        matches!(self.core.rx.get(port.0 as usize), Some(Some(slot)) if slot.is_exhausted())
    }
    /// Frames that the kernel or the NIC lost before a receiving port saw them.
    pub fn port_kernel_drops(&mut self, port: PortId) -> u64 {
        self.core.rx.get_mut(port.0 as usize).and_then(Option::as_mut).map_or(0, PortSlot::kernel_drops)
    }
    /// Sends packets through a port. Those that it has no room for stay in `batch`; those that it
    /// refuses are counted drops. Says how many were sent.
    pub fn transmit(&mut self, port: PortId, batch: &mut Batch) -> usize {
        let core = &mut *self.core;
        let Some(Some(slot)) = core.tx.get_mut(port.0 as usize) else {
            self.drop_all(batch, Reason::PortDown);
            return 0;
        };
        let PortObject::Tx(device) = &mut slot.object else { return 0 };
        let counts = &core.topo.counts.nodes[self.id];
        // A trace looks at packets that were sent: then they are copied.
        if !core.armed
            && !batch.is_empty()
            && let Some(sent) = device.hand_over(batch)
        {
            counts.transmitted.add(sent.packets as u64);
            slot.counters.packets.add(sent.packets as u64);
            slot.counters.bytes.add(sent.bytes);
            slot.blocked = !batch.is_empty() && !sent.down;
            if sent.down {
                slot.counters.dropped.add(Reason::PortDown, batch.len() as u64);
                self.drop_all(batch, Reason::PortDown);
            }
            return sent.packets;
        }
        let (packets, mut done, mut gone) = (batch.as_slice(), 0, 0);
        let mut refused = Vec::new();
        slot.blocked = false;
        while done < packets.len() {
            match device.transmit(&packets[done..]) {
                Sent::Some(n) => {
                    let sent = &packets[done..(done + n.max(1)).min(packets.len())];
                    done += sent.len();
                    gone += sent.len();
                    counts.transmitted.add(sent.len() as u64);
                    slot.counters.packets.add(sent.len() as u64);
                    slot.counters.bytes.add(sent.iter().map(|p| p.len() as u64).sum());
                    if core.armed {
                        let tracer = &mut core.tracer;
                        sent.iter().for_each(|p| tracer.end(p, crate::trace::End::Transmitted));
                    }
                }
                Sent::Refused(why) => {
                    counts.dropped.add(why, 1);
                    slot.counters.dropped.add(why, 1);
                    if core.armed {
                        refused.push((done, why));
                    }
                    done += 1;
                }
                Sent::Full => {
                    slot.blocked = true;
                    break;
                }
            }
        }
        refused.into_iter().for_each(|(i, why)| core.observe_drop(self.id, &packets[i], why));
        if done == packets.len() {
            batch.drain().for_each(|p| core.cache.free(p));
        } else {
            batch.drain_first(done).for_each(|p| core.cache.free(p));
        }
        gone
    }
    fn port(&self, port: PortId, direction: Direction) -> Option<&PortSlot> {
        let list = if direction == Direction::Receive { &self.core.rx } else { &self.core.tx };
        list.get(port.0 as usize)?.as_ref()
    }
    /// What the device of a port says about `what`; `None` if it knows nothing of it.
    pub fn ask_port(&self, port: PortId, direction: Direction, what: &str) -> Option<String> {
        match &self.port(port, direction)?.object {
            PortObject::Rx(d) => d.ask(what),
            PortObject::Tx(d) => d.ask(what),
        }
    }
    /// Packets that the device of a port refused, all reasons.
    pub fn port_drops(&self, port: PortId, direction: Direction) -> u64 {
        self.port(port, direction).map_or(0, |p| p.counters.dropped.total())
    }
    /// Changes `what` of the device of a port.
    ///
    /// # Errors
    /// It cannot be changed, or not to this.
    pub fn change_port(&mut self, port: PortId, direction: Direction, what: &str, value: &str) -> Result<(), String> {
        let list = if direction == Direction::Receive { &mut self.core.rx } else { &mut self.core.tx };
        match list.get_mut(port.0 as usize).and_then(Option::as_mut).map(|p| &mut p.object) {
            Some(PortObject::Rx(d)) => d.change(what, value),
            Some(PortObject::Tx(d)) => d.change(what, value),
            None => Err("the port is not open".into()),
        }
    }
}
