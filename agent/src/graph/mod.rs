//! Pictures of a graph, for people and for tools.
//!
//! Reading order: this file (what is shown), [`layout`] (where it goes), [`svg`], [`dot`], [`json`].
pub(crate) mod dot;
pub(crate) mod json;
mod layout;
mod order;
mod place;
pub(crate) mod svg;

use sluice_dataplane::graph::{Node, Topology};
use sluice_dataplane::info::Flow;

/// Longest arguments in a picture, characters.
const SHOWN: usize = 28;

/// A port as it was resolved.
#[derive(Clone, Copy)]
pub(crate) struct Port {
    pub(crate) flow: Flow,
    /// The class lets the neighbours decide.
    pub(crate) agnostic: bool,
}

/// The inputs of an element.
fn inputs(n: &Node) -> Vec<Port> {
    let declared =
        |(i, flow): (usize, &Flow)| Port { flow: *flow, agnostic: n.class.info.input_flow(i) == Flow::Agnostic };
    n.in_flow.iter().enumerate().map(declared).collect()
}

/// The outputs of an element.
fn outputs(n: &Node) -> Vec<Port> {
    let declared =
        |(i, flow): (usize, &Flow)| Port { flow: *flow, agnostic: n.class.info.output_flow(i) == Flow::Agnostic };
    n.out_flow.iter().enumerate().map(declared).collect()
}

/// Who moves the packets over a connection.
fn flow(graph: &Topology, edge: usize) -> Flow {
    let e = &graph.edges[edge];
    graph.nodes[e.from as usize].out_flow.get(e.from_port as usize).copied().unwrap_or(Flow::Push)
}

/// `Class(arguments)`, on one line and not too long.
fn headline(n: &Node) -> String {
    let class = n.class.info.class;
    let config = n.config.split_whitespace().collect::<Vec<_>>().join(" ");
    if config.is_empty() { class.to_string() } else { format!("{class}({})", shortened(&config, SHOWN)) }
}

/// At most `most` characters.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The compound that an element lies in, and its name there: `a/b/c` is `b/c` in `a`.
fn outer(name: &str) -> (Option<&str>, &str) {
    name.split_once('/').map_or((None, name), |(compound, inner)| (Some(compound), inner))
}
