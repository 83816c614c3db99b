//! Control connections: the one place where a command says on what it listens.
use sluice_dataplane::graph::Topology;
use sluice_dataplane::lang::{Declared, Flat, Place};

/// The class of the elements that listen.
const CLASS: &str = "ControlSocket";

/// Adds a ControlSocket for each of the arguments to a configuration, as Click's driver names them.
pub(crate) fn add_to(flat: &mut Flat, listeners: &[String], more: &str) {
    for (n, arguments) in listeners.iter().enumerate() {
        let number = if n == 0 { String::new() } else { format!("@{n}") };
        flat.elements.push(Declared {
            name: format!("click_driver@@{CLASS}{number}"),
            class: CLASS.into(),
            config: format!("{arguments}{more}"),
            at: Place::new("click", 0, 0),
        });
    }
}

/// Whether commands may come from outside, so that a run does not end by itself.
pub(crate) fn any(graph: &Topology) -> bool {
    graph.nodes.iter().any(|n| n.class.info.class == CLASS)
}
