//! From one configuration, in which no error was found, to a graph for each worker.
use super::plan::{Builder, Looked, Set};
use super::wire::{tickets, wire_up};
use super::{Plan, Topology, homes};
use crate::engine::Away;
use crate::env::Services;
use crate::lang::{Diagnostic, Flat};
use crate::port::PortId;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::iter::repeat_n;

/// One worker's graph, and the ports that its elements ask for.
pub(super) struct Replica {
    pub(super) plan: Plan,
    pub(super) asked: Vec<(PortId, usize)>,
}

impl Builder {
    /// The graphs of all workers. Elements that each worker has are configured once for each; those with
    /// a home are there only.
    pub(super) fn replicate(
        &mut self,
        flat: Flat,
        source: &str,
        looked: Looked,
        warnings: &mut Vec<Diagnostic>,
    ) -> Vec<Replica> {
        let workers = self.workers.max(1);
        let Looked { classes, ports, set } = looked;
        let wire = |(flat, ports)| wire_up(flat, &classes, ports, source);
        let topos: Vec<Topology> = repeat_n(flat, workers).zip(repeat_n(ports.clone(), workers)).map(wire).collect();
        let Some(first) = topos.first() else { return Vec::new() };
        let mut homes: Vec<Option<u16>> = first.nodes.iter().map(|_| None).collect();
        if workers > 1 {
            let (found, odd) = homes::find(&first.nodes, &first.edges, &set.wide.homes);
            homes = found;
            let place = |id: usize| Some(first.flat.elements[id].at.clone());
            warnings.extend(odd.into_iter().map(|(id, why)| Diagnostic::warning(place(id), why)));
        }
        let mut sets = Vec::from([set]);
        for worker in 1..workers {
            let here = |id: usize| homes[id].is_none_or(|home| usize::from(home) == worker);
            let common = sets[0].wide.common.clone();
            let mut set = Set::new(self.names.clone(), common);
            // What there is to say was said about the first.
            self.configure(&first.flat, &classes, &ports, &here, &mut set, &mut Vec::new());
            sets.push(set);
        }
        let finish = |(worker, (topo, set))| finish(worker, topo, set, &homes);
        let mut replicas: Vec<Replica> = topos.into_iter().zip(sets).enumerate().map(finish).collect();
        replicas.iter_mut().for_each(|r| r.plan.topo.confinement = self.confinement.clone());
        // Everywhere it is known which handlers an element has at home.
        for (id, home) in homes.iter().enumerate() {
            let Some(home) = *home else { continue };
            let more = replicas[usize::from(home)].plan.topo.nodes[id].more.clone();
            replicas.iter_mut().for_each(|r| r.plan.topo.nodes[id].more.clone_from(&more));
        }
        replicas
    }
}

fn finish(worker: usize, mut topo: Topology, set: Set, homes: &[Option<u16>]) -> Replica {
    let Set { elements: mut slots, mut asked, names, wide } = set;
    for ((node, slot), home) in topo.nodes.iter_mut().zip(&mut slots).zip(homes) {
        node.home = *home;
        node.more = slot.as_ref().map_or(Vec::new(), |e| e.more_handlers());
        node.tickets = tickets(&node.name, &wide.rounds);
        if let Some(home) = home.map(usize::from).filter(|&home| home != worker) {
            *slot = Some(Box::new(Away { home }));
            node.runnable = false;
        }
    }
    let nodes = &topo.nodes;
    topo.tasks.retain(|&id| !nodes[id].is_away(worker));
    asked.retain(|a| !nodes[a.1].is_away(worker));
    (topo.names, topo.shares, topo.common) = (names, wide.shared, wide.common);
    let mut ports: Vec<PortId> = asked.iter().map(|a| a.0).collect();
    ports.sort_unstable();
    ports.dedup();
    let services = Services::default();
    Replica {
        plan: Plan { topo, slots, new_ports: Vec::new(), ports, services, generation: 0, heirs: Default::default() },
        asked,
    }
}
