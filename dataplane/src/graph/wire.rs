//! From connections to the engine's tables.
use super::flow::Ports;
use super::{Edge, GraphCounts, Node, Topology, notify};
use crate::count::{Count, Counts};
use crate::element::Class;
use crate::info::Flow;
use crate::lang::Flat;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// The tickets of an element: 1024 times the shares of it and of the compounds that it is in, at
/// most 32 turns a round. Of several shares for one name the last counts.
pub(super) fn tickets(name: &str, shares: &[(String, u32)]) -> u32 {
    let ends = name.match_indices('/').map(|m| m.0).chain([name.len()]);
    let share = |end: usize| shares.iter().rev().find(|s| name.get(..end) == Some(&*s.0)).map(|s| s.1);
    let product = ends.filter_map(share).fold(1024u64, |t, s| t.saturating_mul(s.into()) / 1024);
    product.min(1 << 15) as u32
}

/// The engine's tables.
pub(super) fn wire_up(flat: Flat, classes: &[&'static Class], ports: Vec<Ports>, source: &str) -> Topology {
    let mut nodes: Vec<Node> = flat
        .elements
        .iter()
        .zip(classes)
        .zip(ports)
        .map(|((e, class), p)| {
            let task = Node::is_task(class.info.task, &p.inputs, &p.outputs);
            Node {
                name: e.name.clone(),
                class,
                config: e.config.clone(),
                outs: vec![u32::MAX; p.outputs.len()],
                ins: vec![None; p.inputs.len()],
                ways: Vec::new(),
                straight: false,
                rooms: None,
                full: false,
                listeners: Vec::new(),
                active: true,
                runnable: task,
                task,
                tickets: 1024,
                tickets_set: false,
                credit: 0,
                timer: u64::MAX,
                home: None,
                more: Vec::new(),
                in_flow: p.inputs,
                out_flow: p.outputs,
            }
        })
        .collect();
    let (mut edges, mut further): (Vec<Edge>, Vec<u32>) = (Vec::with_capacity(flat.connections.len()), Vec::new());
    for c in &flat.connections {
        let id = edges.len() as u32;
        match &mut nodes[c.from].outs[c.from_port] {
            first if *first == u32::MAX => *first = id,
            _ => further.push(id),
        }
        if nodes[c.to].in_flow[c.to_port] == Flow::Pull {
            nodes[c.to].ins[c.to_port] = Some(id);
        }
        let (from_port, port) = (c.from_port as u16, c.to_port as u16);
        edges.push(Edge { from: c.from as u32, from_port, port, to: c.to as u32, then: None });
    }
    for e in &mut edges {
        e.then = nodes[e.to as usize].outs.first().copied();
    }
    notify::find_ways(&mut nodes, &edges);
    notify::find_rooms(&mut nodes, &edges);
    let tasks: Vec<usize> = (0..nodes.len()).filter(|&n| nodes[n].task).collect();
    notify::find_listeners(&mut nodes, &edges);
    let counts = GraphCounts {
        nodes: nodes.iter().map(|_| Counts::default()).collect(),
        edges: edges.iter().map(|_| Count::default()).collect(),
    };
    let index = nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
    // Who requires compact_config does not want the text kept.
    let source = if flat.is_compact() { flat.unparse() } else { source.to_string() };
    let counts = Arc::new(counts);
    let shut = vec![false; edges.len()];
    let most_outs = nodes.iter().map(|n| n.outs.len()).max().unwrap_or(0);
    let asks_kind = nodes.iter().any(|n| n.class.info.asks_kind);
    let (names, shares, common, confinement) = Default::default();
    Topology {
        nodes,
        edges,
        further,
        tasks,
        most_outs,
        asks_kind,
        shut,
        counts,
        index,
        flat,
        source,
        names,
        shares,
        common,
        confinement,
    }
}
