//! Hot swap: from one graph to the next between two rounds.
use super::{Engine, enter};
use crate::batch::Batch;
use crate::env::Services;
use crate::graph::{Heir, Plan, Topology};
use crate::port::{PortId, PortObject, PortSlot};
use crate::reason::Reason;
use alloc::vec;
use alloc::vec::Vec;

impl Engine {
    /// Replaces the graph. Elements of the same name and class hand over state and counters; open
    /// ports stay open. Returns the old graph, emptied of packets, with the ports that nobody uses
    /// any more, to be freed elsewhere.
    ///
    /// On several workers each changes over by itself. Only the home of an element has its state; an
    /// element that moves to another home starts anew, and what it held is dropped.
    ///
    /// Nothing here can fail. Packets that the new graph has no place for are dropped as
    /// `swap_overflow`.
    pub fn swap(&mut self, plan: Plan) -> Plan {
        let Plan { topo, slots, new_ports, ports, generation, heirs, services: _ } = plan;
        for (id, slot) in new_ports {
            let list = if matches!(slot.object, PortObject::Rx(_)) { &mut self.core.rx } else { &mut self.core.tx };
            let at = id.0 as usize;
            list.resize_with(list.len().max(at + 1), || None);
            list[at] = Some(slot);
        }
        let old_topo = core::mem::replace(&mut self.core.topo, topo);
        let heirs = match heirs {
            (of, heirs) if of == self.generation => heirs,
            _ => self.core.topo.heirs_of(old_topo.nodes.iter().map(|n| (n.name.as_str(), n.class.info.class))),
        };
        self.generation = generation;
        if let Some(links) = &mut self.core.links {
            links.change_over(generation, heirs.iter().map(|h| h.of_same_class()));
        }
        let mut old_slots = core::mem::replace(&mut self.slots, slots);
        let outs = self.core.topo.most_outs.max(self.core.sides.len());
        self.core.sides.resize_with(outs, Batch::default);
        self.core.timers.clear();
        self.core.calls.clear();
        self.core.taps.retain_mut(|t| t.bind(&self.core.topo)); // a tap stays where the name is
        let mut survives = vec![false; old_topo.nodes.len()];
        for (was, old) in old_slots.iter_mut().enumerate() {
            let Some(id) = heirs.get(was).and_then(|h| h.of_same_class()) else { continue };
            survives[was] = true;
            self.core.topo.counts.nodes[id].add(&old_topo.counts.nodes[was]);
            let before = &old_topo.nodes[was];
            if before.tickets_set {
                let node = &mut self.core.topo.nodes[id];
                (node.tickets, node.tickets_set) = (before.tickets, true);
            }
            if let Some(old) = old {
                enter(&mut self.core, &mut self.slots, id, |e, cx, _| e.take_state(cx, &mut **old));
            }
        }
        self.keep_edge_counts(&old_topo, &heirs);
        for (was, slot) in old_slots.iter_mut().enumerate() {
            while let Some(p) = slot.as_mut().and_then(|e| e.release()) {
                self.retired.dropped.add(Reason::SwapOverflow, 1);
                self.core.cache.free(p);
            }
            if !survives[was] {
                self.retired.add(&old_topo.counts.nodes[was]);
            }
        }
        for id in 0..self.slots.len() {
            enter(&mut self.core, &mut self.slots, id, |e, cx, _| e.start(cx));
            if self.core.dirty {
                self.core.collect(id, 0);
            }
        }
        let retired_ports = self.take_unused_ports(&ports);
        self.settle();
        Plan {
            topo: old_topo,
            slots: old_slots,
            new_ports: retired_ports,
            ports: Vec::new(),
            generation: 0,
            heirs: Default::default(),
            services: Services::default(),
        }
    }

    /// Connections that are in both graphs go on counting where they were.
    fn keep_edge_counts(&mut self, old: &Topology, heirs: &[Heir]) {
        let topo = &self.core.topo;
        let now = |was: u32| heirs.get(was as usize)?.id();
        for (was, e) in old.edges.iter().enumerate() {
            let (Some(from), Some(to)) = (now(e.from), now(e.to)) else { continue };
            let same = |i: usize| {
                let n = &topo.edges[i];
                (n.from as usize, n.from_port, n.to as usize, n.port) == (from, e.from_port, to, e.port)
            };
            if let Some(i) = topo.edges_from(from, e.from_port.into()).map(|i| i as usize).find(|&i| same(i)) {
                topo.counts.edges[i].add(old.counts.edges[was].get());
            }
        }
    }

    fn take_unused_ports(&mut self, used: &[PortId]) -> Vec<(PortId, PortSlot)> {
        let mut out = Vec::new();
        for list in [&mut self.core.rx, &mut self.core.tx] {
            for (i, slot) in list.iter_mut().enumerate() {
                let id = PortId(i as u16);
                if !used.contains(&id)
                    && let Some(slot) = slot.take()
                {
                    out.push((id, slot));
                }
            }
        }
        out
    }
}
