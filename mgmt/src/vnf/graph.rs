//! The running graph, as the EMS shows it: elements, what connects them, pictures.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A handler of an element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandlerInfo {
    /// Its name.
    pub name: String,
    /// It can be read.
    pub read: bool,
    /// It can be written.
    pub write: bool,
    /// What it is, one line.
    pub doc: String,
}

/// An element of a running function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Element {
    /// Its name; those inside a compound have the compound's before a slash.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its arguments.
    pub config: String,
    /// Its arguments can be changed without a swap, by writing its handler `config`.
    pub live: bool,
    /// Its handlers.
    pub handlers: Vec<HandlerInfo>,
    /// What it did with packets.
    pub counters: ElementCounters,
}

/// What an element did with packets, over all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ElementCounters {
    /// Packets that came in through connections.
    pub packets_in: u64,
    /// Packets that left through connections.
    pub packets_out: u64,
    /// Packets inside right now.
    pub held: u64,
    /// Dropped packets by reason; only reasons that happened.
    pub dropped: BTreeMap<String, u64>,
}

/// A connection of the running graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Element and output that packets leave.
    pub from: String,
    /// Number of the output.
    pub output: u16,
    /// Element that they enter.
    pub to: String,
    /// Number of the input.
    pub input: u16,
    /// `push` or `pull`.
    pub flow: String,
    /// Packets that passed.
    pub packets: u64,
}

/// The running graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// Its elements.
    pub elements: Vec<GraphElement>,
    /// Its connections.
    pub connections: Vec<Connection>,
}

/// An element of the running graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphElement {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its arguments.
    pub config: String,
    /// What it did with packets.
    pub counters: ElementCounters,
}

/// A form of the graph for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drawing {
    /// A picture.
    Svg,
    /// The language of Graphviz.
    Dot,
}
