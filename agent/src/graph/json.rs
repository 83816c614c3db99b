//! A graph for tools. The names of the fields are stable.
use super::{Port, flow, inputs, outputs};
use serde::Serialize;
use sluice_dataplane::graph::Topology;

/// The whole graph.
#[derive(Serialize)]
pub(crate) struct Graph<'a> {
    elements: Vec<Element<'a>>,
    connections: Vec<Connection<'a>>,
}

#[derive(Serialize)]
struct Element<'a> {
    name: &'a str,
    class: &'static str,
    config: &'a str,
    inputs: Vec<Side>,
    outputs: Vec<Side>,
}

#[derive(Serialize)]
struct Side {
    /// `push` or `pull`.
    flow: &'static str,
    /// It could have been the other one.
    agnostic: bool,
}

#[derive(Serialize)]
struct Connection<'a> {
    from: End<'a>,
    to: End<'a>,
    flow: &'static str,
}

#[derive(Serialize)]
struct End<'a> {
    element: &'a str,
    port: u16,
}

impl<'a> Graph<'a> {
    pub(crate) fn of(graph: &'a Topology) -> Graph<'a> {
        let side = |p: Port| Side { flow: p.flow.name(), agnostic: p.agnostic };
        let elements = graph.nodes.iter().map(|n| Element {
            name: &n.name,
            class: n.class.info.class,
            config: &n.config,
            inputs: inputs(n).into_iter().map(side).collect(),
            outputs: outputs(n).into_iter().map(side).collect(),
        });
        let end = |element: u32, port| End { element: &graph.nodes[element as usize].name, port };
        let connections = graph.edges.iter().enumerate().map(|(i, e)| Connection {
            from: end(e.from, e.from_port),
            to: end(e.to, e.port),
            flow: flow(graph, i).name(),
        });
        Graph { elements: elements.collect(), connections: connections.collect() }
    }
}
