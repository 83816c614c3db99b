//! Who must hear of whom: tasks sleep while nothing upstream has packets, or everything downstream is
//! full, and wake when that changes. Found once for each graph.
use super::{Edge, Node, Way};
use crate::info::{Flow, Paths};
use alloc::vec;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Most ways to one place that are told apart by their gates; beyond, gates are taken for open.
const WAYS: usize = 16;

/// The ways to each pull input, from the nearest notifiers upstream on.
///
/// Several may lead over one edge, through different gates. One with the gates of another, and more,
/// is left out: whenever it is open, so is the other. So the search ends, and loops add nothing.
pub(super) fn find_ways(nodes: &mut [Node], edges: &[Edge]) {
    let search = |first: u32| {
        let mut found: Vec<Way> = Vec::new();
        let mut seen: HashMap<u32, Vec<Vec<u32>>> = HashMap::new();
        let mut todo = vec![(first, Vec::new())];
        while let Some((e, mut gates)) = todo.pop() {
            let edge = &edges[e as usize];
            let up = &nodes[edge.from as usize];
            if (up.class.info.gates || nodes[edge.to as usize].class.info.gates) && !gates.contains(&e) {
                gates.push(e);
            }
            let before = seen.entry(e).or_default();
            if before.len() >= WAYS {
                gates.clear();
            }
            if before.iter().any(|known| known.iter().all(|gate| gates.contains(gate))) {
                continue;
            }
            before.push(gates.clone());
            let behind: Vec<u32> = match up.class.info.paths {
                Paths::All => up.ins.iter().flatten().copied().collect(),
                Paths::Same => up.ins.get(edge.from_port as usize).copied().flatten().into_iter().collect(),
                Paths::None => Vec::new(),
            };
            if up.class.info.notifies {
                found.push(Way { notifier: Some(edge.from as usize), gates: gates.clone() });
            } else if behind.is_empty() {
                found.push(Way { notifier: None, gates: gates.clone() });
            }
            if !up.class.info.notifies || up.class.info.gates {
                todo.extend(behind.into_iter().map(|e| (e, gates.clone())));
            }
        }
        found
    };
    let all: Vec<Vec<Vec<Way>>> =
        nodes.iter().map(|n| n.ins.iter().map(|e| e.map_or(Vec::new(), search)).collect()).collect();
    nodes.iter_mut().zip(all).for_each(|(n, ways)| n.ways = ways);
}

/// For each task that pushes: the nearest queues downstream that say when they are full, if every
/// path ends in one.
pub(super) fn find_rooms(nodes: &mut [Node], edges: &[Edge]) {
    for task in 0..nodes.len() {
        if !nodes[task].task || nodes[task].out_flow.first() != Some(&Flow::Push) {
            continue;
        }
        let (mut found, mut endless) = (Vec::new(), false);
        let (mut todo, mut seen) = (vec![nodes[task].outs[0]], vec![false; edges.len()]);
        while let Some(e) = todo.pop() {
            if core::mem::replace(&mut seen[e as usize], true) {
                continue;
            }
            let to = edges[e as usize].to as usize;
            if nodes[to].class.info.says_full {
                found.push(to);
                continue;
            }
            let had = todo.len();
            let pushes = |o: &usize| nodes[to].out_flow[*o] == Flow::Push;
            match nodes[to].class.info.paths {
                Paths::All => todo.extend((0..nodes[to].outs.len()).filter(pushes).map(|o| nodes[to].outs[o])),
                Paths::Same => todo.extend(nodes[to].outs.get(edges[e as usize].port as usize)),
                Paths::None => {}
            }
            endless |= todo.len() == had;
        }
        nodes[task].rooms = (!endless && !found.is_empty()).then_some(found);
    }
}

/// Whom notifiers, gates and queues wake.
pub(super) fn find_listeners(nodes: &mut [Node], edges: &[Edge]) {
    for t in (0..nodes.len()).filter(|&n| nodes[n].task).collect::<Vec<_>>() {
        let ends = |e: u32| [edges[e as usize].from as usize, edges[e as usize].to as usize];
        let heard = |way: Way| way.notifier.into_iter().chain(way.gates.into_iter().flat_map(ends));
        let upstream: Vec<usize> = nodes[t].ways.concat().into_iter().flat_map(heard).collect();
        let downstream = nodes[t].rooms.clone().unwrap_or_default();
        for n in upstream.into_iter().chain(downstream) {
            if !nodes[n].listeners.contains(&t) {
                nodes[n].listeners.push(t);
            }
        }
    }
}
