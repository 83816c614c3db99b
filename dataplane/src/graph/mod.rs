//! The tables that the engine runs: nodes, edges, and what the checks found out about them.
//!
//! Reading order: [`plan`] (from a configuration to a graph), [`flow`] (push, pull, agnostic),
//! `notify` (who wakes whom), `homes` (which worker has what), `replicas` (one graph for each).
pub mod flow;
mod homes;
mod notify;
pub mod plan;
mod replicas;
mod wire;

use crate::args::NameDb;
use crate::confine::Confinement;
use crate::count::{Count, Counts};
use crate::element::{Class, Element};
use crate::env::{Services, Shares};
use crate::info::{Access, Flow, Task};
use crate::lang::Flat;
use crate::port::{PortId, PortSlot};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// One element of a graph, without its state.
pub struct Node {
    /// Name, `compound/inner` for elements of compounds.
    pub name: String,
    /// Class.
    pub class: &'static Class,
    /// Arguments as written.
    pub config: String,
    /// Edge at each output; at a pull output the first one.
    pub(crate) outs: Vec<u32>,
    /// Edge at each pull input; none at push inputs.
    pub(crate) ins: Vec<Option<u32>>,
    /// Resolved flow of each input.
    pub in_flow: Vec<Flow>,
    /// Resolved flow of each output.
    pub out_flow: Vec<Flow>,
    /// Ways upstream of each pull input.
    pub(crate) ways: Vec<Vec<Way>>,
    /// A pull is on its `straight` way through this element.
    pub(crate) straight: bool,
    /// Queues downstream that say when they are full; `None` when packets may always find room.
    pub(crate) rooms: Option<Vec<usize>>,
    /// This queue is full.
    pub(crate) full: bool,
    /// Tasks that this notifier, gate or queue wakes.
    pub(crate) listeners: Vec<usize>,
    /// This notifier has packets.
    pub(crate) active: bool,
    /// This task gets a turn in the next round.
    pub(crate) runnable: bool,
    /// It is a task.
    pub(crate) task: bool,
    /// Share of the rounds, 1024 for one turn a round.
    pub(crate) tickets: u32,
    /// A handler has set that, so the next graph goes on with it.
    pub(crate) tickets_set: bool,
    pub(crate) credit: u32,
    /// When its timer fires; `u64::MAX` when unset.
    pub(crate) timer: u64,
    /// The one worker that has it; `None` when each has its own.
    pub(crate) home: Option<u16>,
    /// Handlers that depend on the configuration; `*` stands for all names.
    pub(crate) more: Vec<(String, Access)>,
}

impl Node {
    pub(crate) fn is_task(info: Task, in_flow: &[Flow], out_flow: &[Flow]) -> bool {
        match info {
            Task::No => false,
            Task::Yes => true,
            Task::IfPull => in_flow.first() == Some(&Flow::Pull),
            Task::IfPush => out_flow.first() == Some(&Flow::Push),
        }
    }
}

impl Node {
    /// Whether it lives on one worker, and not on this one.
    pub(crate) fn is_away(&self, worker: usize) -> bool {
        self.home.is_some_and(|home| usize::from(home) != worker)
    }
}

/// How packets may come to a pull input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The notifier at its start; `None`: a source that may have packets at any time.
    pub(crate) notifier: Option<usize>,
    /// Edges on it that elements open and shut.
    pub(crate) gates: Vec<u32>,
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Element it leaves.
    pub from: u32,
    /// Output it leaves from.
    pub from_port: u16,
    /// Input it enters.
    pub port: u16,
    /// Element it enters.
    pub to: u32,
    /// Edge at output 0 of that element, where the rest of a batch goes on.
    pub(crate) then: Option<u32>,
}

/// The counters of a graph, readable from any thread.
#[derive(Default)]
pub struct GraphCounts {
    /// By element.
    pub nodes: Vec<Counts>,
    /// Packets by edge.
    pub edges: Vec<Count>,
}

/// The tables of a graph, without its elements.
#[derive(Default)]
pub struct Topology {
    /// Elements.
    pub nodes: Vec<Node>,
    /// Connections.
    pub edges: Vec<Edge>,
    /// Edges that leave a pull output after its first.
    pub(crate) further: Vec<u32>,
    pub(crate) tasks: Vec<usize>,
    /// Outputs of the element that has most.
    pub(crate) most_outs: usize,
    /// An element asks for the kind of packets.
    pub(crate) asks_kind: bool,
    /// Edges that are shut just now.
    pub(crate) shut: Vec<bool>,
    /// Counters.
    pub counts: Arc<GraphCounts>,
    pub(crate) index: HashMap<String, usize>,
    /// The configuration it was made from, compounds expanded.
    pub flat: Flat,
    /// That configuration as it was written.
    pub source: String,
    /// Names of addresses and ports, for arguments that change later.
    pub(crate) names: NameDb,
    /// What its elements share on this worker, and what those of all workers do, for arguments that change
    /// later.
    pub(crate) shares: Shares,
    pub(crate) common: Shares,
    /// What its elements may reach outside.
    pub(crate) confinement: Confinement,
}

impl Topology {
    /// Number of the element called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The edges that leave an output: one, but several may pull from the same.
    pub(crate) fn edges_from(&self, id: usize, port: usize) -> impl Iterator<Item = u32> {
        let at = move |&e: &u32| {
            let e = &self.edges[e as usize];
            (e.from as usize, e.from_port as usize) == (id, port)
        };
        let first = self.nodes.get(id).and_then(|n| n.outs.get(port)).copied();
        first.into_iter().chain(self.further.iter().copied().filter(at))
    }

    /// Who takes over here from each element of an earlier graph, given by name and class.
    pub(crate) fn heirs_of<'n>(&self, elements: impl Iterator<Item = (&'n str, &'static str)>) -> Vec<Heir> {
        let heir = |(name, class)| match self.find(name) {
            Some(id) => Heir { id: id as u32, same_class: self.nodes[id].class.info.class == class },
            None => Heir::NONE,
        };
        elements.map(heir).collect()
    }

    /// Whether packets may come this way now.
    pub(crate) fn is_open(&self, way: &Way) -> bool {
        way.notifier.is_none_or(|n| self.nodes[n].active) && way.gates.iter().all(|&e| !self.shut[e as usize])
    }

    /// `name [output] -> [input] name`, as the configuration would say it.
    pub fn edge_name(&self, edge: usize) -> String {
        let e = &self.edges[edge];
        let (from, to) = (&self.nodes[e.from as usize].name, &self.nodes[e.to as usize].name);
        alloc::format!("{from} [{}] -> [{}] {to}", e.from_port, e.port)
    }
}

/// A graph that is ready to run: all that can fail has been done.
#[derive(Default)]
pub struct Plan {
    /// The tables.
    pub topo: Topology,
    /// The elements.
    pub(crate) slots: Vec<Option<Box<dyn Element>>>,
    /// Ports that the running engine does not have yet.
    pub(crate) new_ports: Vec<(PortId, PortSlot)>,
    /// All ports that the graph uses; others are taken out of the engine.
    pub(crate) ports: Vec<PortId>,
    /// What the driver must do for the graph while it runs.
    pub services: Services,
    /// Which graph it is: a later one has a larger number, the replicas of all workers have the same.
    pub(crate) generation: u32,
    /// A generation, and who takes over from each of its elements here: found out beforehand, so that a worker that
    /// changes over need not search.
    pub(crate) heirs: (u32, Vec<Heir>),
}

/// Who takes over from an element of an earlier graph: the element of the same name, if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Heir {
    id: u32,
    same_class: bool,
}

impl Heir {
    const NONE: Heir = Heir { id: u32::MAX, same_class: false };

    /// Its number.
    pub(crate) fn id(self) -> Option<usize> {
        (self != Heir::NONE).then_some(self.id as usize)
    }
    /// Its number, if it is of the same class: only then state is taken over.
    pub(crate) fn of_same_class(self) -> Option<usize> {
        self.same_class.then_some(self.id as usize)
    }
}

impl Plan {
    /// The ports that come with the plan.
    pub fn new_ports(&self) -> impl Iterator<Item = &PortSlot> {
        self.new_ports.iter().map(|p| &p.1)
    }
}
