//! From a flat configuration to a graph that is ready to run. All that can fail happens here, aside
//! from the running graph, and all errors are reported at once.
use super::flow::{Ports, count_ports, resolve};
use super::{Edge, GraphCounts, Node, Plan, Topology, notify};
use crate::args::{Args, NameDb};
use crate::count::{Count, Counts};
use crate::element::{Class, Configure, Element, Table};
use crate::env::{Env, GraphWide, OpenSockets, PortTable, Services, SetUp};
use crate::handler::HandlerError;
use crate::info::{Flow, Info, Paths};
use crate::lang::{Diagnostic, Flat, Loader, Phase, Reader, Severity, UNKNOWN};
use crate::port::{PortId, PortObject, PortSlot, PortSpec};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};
use hashbrown::{HashMap, HashSet};

/// Opens the device of a port.
pub type OpenPort<'a> = &'a mut dyn FnMut(&PortSpec) -> Result<PortObject, String>;

/// Builds graphs, one after the other, for one engine.
pub struct Builder {
    table: Table,
    ports: PortTable,
    open: Vec<PortId>,
    open_sockets: OpenSockets,
    /// Time will be simulated.
    pub simulated: bool,
    /// The driver delivers signals to the elements that ask for them.
    pub signals: bool,
    /// Names that every configuration may use.
    pub names: NameDb,
}

/// A graph whose arguments, ports and connections were found good; nothing was opened yet.
pub struct Checked {
    plan: Plan,
    asked: Vec<(PortId, usize)>,
    /// What is suspicious, but no error.
    pub warnings: Vec<Diagnostic>,
}

impl Checked {
    /// The graph that would run.
    pub fn topology(&self) -> &Topology {
        &self.plan.topo
    }

    /// The ports that it asks for, in the order of the elements; some may come twice.
    pub fn ports(&self) -> impl Iterator<Item = PortId> {
        self.asked.iter().map(|a| a.0)
    }
}

impl Builder {
    /// A builder for the classes of `table`.
    pub fn new(table: Table) -> Builder {
        Builder {
            table,
            ports: PortTable::default(),
            open: Vec::new(),
            open_sockets: OpenSockets::default(),
            simulated: false,
            signals: false,
            names: NameDb::new(),
        }
    }

    /// What was asked for under a port's number.
    pub fn port(&self, id: PortId) -> &PortSpec {
        self.ports.spec(id)
    }

    /// Reads a configuration, expands its compounds, and checks it: [`Reader`] and
    /// [`check`](Self::check) in one. `file` is the name that places carry; `defines` win over
    /// `define(...)`.
    ///
    /// # Errors
    /// All errors of the text if there are any, else all errors of the graph; warnings among them.
    pub fn load(
        &mut self,
        text: &str,
        file: &str,
        defines: &[(String, String)],
        libraries: Option<&mut dyn Loader>,
    ) -> Result<Checked, Vec<Diagnostic>> {
        let table = self.table;
        let mut reader = defines.iter().fold(Reader::new(&table), |r, (name, value)| r.define(name, value));
        if let Some(l) = libraries {
            reader = reader.libraries(l);
        }
        let (flat, warnings) = reader.read(text, file).into_result()?;
        let mut checked = self.check(flat, text)?;
        checked.warnings.splice(0..0, warnings);
        Ok(checked)
    }

    /// Configures every element and checks every port. `source` is the text that `flat` was read
    /// from.
    ///
    /// # Errors
    /// All errors, and the warnings among them.
    pub fn check(&mut self, flat: Flat, source: &str) -> Result<Checked, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let looked = self.look(&flat, true, &mut errors);
        let Some(Looked { classes, ports, elements, asked, names, wide }) = looked else { return Err(errors) };
        if errors.iter().any(Diagnostic::is_error) {
            return Err(errors);
        }
        let mut topo = wire_up(flat, &classes, ports, source, names);
        for (node, slot) in topo.nodes.iter_mut().zip(&elements) {
            node.more = slot.as_ref().map_or(Vec::new(), |e| e.more_handlers());
            node.tickets = tickets(&node.name, &wide.rounds);
        }
        topo.shares = wide.shared;
        let mut used: Vec<PortId> = asked.iter().map(|a| a.0).collect();
        used.sort_unstable();
        used.dedup();
        let plan = Plan { topo, slots: elements, new_ports: Vec::new(), ports: used, services: Services::default() };
        Ok(Checked { plan, asked, warnings: errors })
    }

    /// What is wrong with the elements and connections of a configuration whose text has errors
    /// already; so that all are told at once.
    pub fn errors_beside(&mut self, flat: &Flat) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        self.look(flat, false, &mut errors);
        errors
    }

    /// Makes the elements, and looks at all ports. `None` without classes; `whole` as for [`resolve`].
    fn look(&mut self, flat: &Flat, whole: bool, errors: &mut Vec<Diagnostic>) -> Option<Looked> {
        let classes = self.classes(flat, errors)?;
        let infos: Vec<&Info> = classes.iter().map(|c| c.info).collect();
        let counts = count_ports(flat, &infos, errors);
        let ports = resolve(flat, &infos, &counts, whole, errors);
        let (mut asked, mut names, mut wide) = (Vec::new(), self.names.clone(), GraphWide::default());
        let elements = self.configure(flat, &classes, &ports, &mut asked, &mut names, &mut wide, errors);
        Some(Looked { classes, ports, elements, asked, names, wide })
    }

    fn classes(&self, flat: &Flat, errors: &mut Vec<Diagnostic>) -> Option<Vec<&'static Class>> {
        let find = |e: &crate::lang::Declared| {
            if e.class == UNKNOWN {
                return Some(&NO_CLASS);
            }
            let found = self.table.find(&e.class);
            if found.is_none() {
                let message = format!("unknown element class ‘{}’", e.class);
                errors.push(Diagnostic::error(Some(e.at.clone()), message));
            }
            found
        };
        let classes: Vec<_> = flat.elements.iter().filter_map(find).collect();
        (classes.len() == flat.elements.len()).then_some(classes)
    }

    /// Makes the elements: first those that give names to others, then the rest in order.
    #[allow(clippy::too_many_arguments)] // one pass over all that the tables are made from
    fn configure(
        &mut self,
        flat: &Flat,
        classes: &[&'static Class],
        ports: &[Ports],
        asked: &mut Vec<(PortId, usize)>,
        names: &mut NameDb,
        wide: &mut GraphWide,
        errors: &mut Vec<Diagnostic>,
    ) -> Vec<Option<Box<dyn Element>>> {
        let index: HashMap<&str, usize> = flat.elements.iter().enumerate().map(|(i, e)| (e.name.as_str(), i)).collect();
        let class_of = |name: &str| index.get(name).map(|&i| classes[i].info.class);
        let compounds: HashSet<&str> = index.keys().flat_map(|n| n.match_indices('/').map(|m| &n[..m.0])).collect();
        let is_compound = |name: &str| compounds.contains(name);
        let mut elements: Vec<Option<Box<dyn Element>>> = (0..classes.len()).map(|_| None).collect();
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by_key(|&i| !classes[i].info.informs);
        for i in order {
            let e = &flat.elements[i];
            let mut env = Env {
                name: &e.name,
                inputs: &ports[i].inputs,
                outputs: &ports[i].outputs,
                simulated: self.simulated,
                class_of: &class_of,
                is_compound: &is_compound,
                ports: &mut self.ports,
                graph: &mut *wide,
            };
            let made = make(classes[i], &e.config, &names.for_element(&e.name), &mut env);
            asked.extend(wide.asked.drain(..).map(|p| (p, i)));
            errors.extend(wide.said.drain(..).map(|(severity, message)| {
                let d = Diagnostic { severity, ..Diagnostic::message(Some(e.at.clone()), message) };
                d.configuring(&e.name, &e.class)
            }));
            match made {
                Ok(element) => elements[i] = Some(element),
                Err(list) => errors.extend(list.into_iter().map(|(message, hint)| {
                    Diagnostic::error(Some(e.at.clone()), message).hint(hint).configuring(&e.name, &e.class)
                })),
            }
            wide.bindings.drain(..).for_each(|(name, value)| names.insert(&e.name, &name, value));
        }
        elements
    }

    /// Opens ports and files. After this the graph can be handed to an engine.
    ///
    /// # Errors
    /// All devices and files that could not be opened. What was opened is closed again.
    pub fn prepare(
        &mut self,
        checked: Checked,
        open: OpenPort<'_>,
    ) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
        let Checked { mut plan, asked, mut warnings } = checked;
        let mut errors = Vec::new();
        let topo = &plan.topo;
        let fail = |i: usize, message: String| {
            let e = &topo.flat.elements[i];
            Diagnostic::error(Some(e.at.clone()), message).within(Phase::Initializing, &e.name, &e.class)
        };
        let mut tried = Vec::new();
        for &(id, i) in &asked {
            if self.open.contains(&id) || tried.contains(&id) {
                continue;
            }
            tried.push(id);
            let spec = self.ports.spec(id).clone();
            match open(&spec) {
                Ok(object) => plan.new_ports.push((id, PortSlot::new(spec, object))),
                Err(why) => errors.push(fail(i, why)),
            }
        }
        let class_of = |name: &str| topo.find(name).map(|i| topo.nodes[i].class.info.class);
        let handler_exists = |path: &str| crate::engine::find_handler(topo, "", path).is_ok();
        let mut warned = Vec::new();
        for (i, slot) in plan.slots.iter_mut().enumerate() {
            let Some(element) = slot else { continue };
            let name = &topo.nodes[i].name;
            let mut cx = SetUp {
                name,
                class_of: &class_of,
                handler_exists: &handler_exists,
                signals: self.signals,
                services: &mut plan.services,
                open_sockets: &mut self.open_sockets,
                warnings: Vec::new(),
            };
            if let Err(why) = element.set_up(&mut cx) {
                errors.push(fail(i, why));
            }
            warned.extend(cx.warnings.into_iter().map(|w| (i, w)));
        }
        warnings.extend(warned.into_iter().map(|(i, w)| {
            let e = &topo.flat.elements[i];
            Diagnostic::warning(Some(e.at.clone()), w).within(Phase::Initializing, &e.name, &e.class)
        }));
        if !errors.is_empty() {
            return Err(errors);
        }
        self.open.retain(|id| plan.ports.contains(id));
        self.open.extend(plan.new_ports.iter().map(|p| p.0));
        Ok((plan, warnings))
    }
}

/// What there is before anything is connected.
struct Looked {
    classes: Vec<&'static Class>,
    ports: Vec<Ports>,
    elements: Vec<Option<Box<dyn Element>>>,
    asked: Vec<(PortId, usize)>,
    names: NameDb,
    wide: GraphWide,
}

/// Takes the place of a class that is not known, and fits everything around it.
struct Unknown;

static NO_CLASS: Class = Class::of::<Unknown>();

impl Configure for Unknown {
    const INFO: &'static Info =
        &Info { ports: "-/-", paths: Paths::None, ..Info::new(UNKNOWN, "", "a class that is not known") };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let _ = args.rest_strings();
        Unknown
    }
}

impl Element for Unknown {}

type MakeErrors = Vec<(String, Option<String>)>;

/// Makes one element from its arguments.
fn make(class: &Class, config: &str, names: &NameDb, env: &mut Env<'_>) -> Result<Box<dyn Element>, MakeErrors> {
    let mut args = Args::new(config, names);
    let element = (class.make)(&mut args, env);
    match args.finish() {
        Ok(()) => Ok(element),
        Err(list) => Err(list.into_iter().map(|e| (e.message, e.hint)).collect()),
    }
}

/// Makes a second element like `id`, with other arguments; also lines with what it says: for the `config`
/// handler.
pub(crate) fn rebuild(
    topo: &Topology,
    id: usize,
    config: &str,
) -> Result<(Box<dyn Element>, Vec<String>), HandlerError> {
    let node = &topo.nodes[id];
    let class_of = |name: &str| topo.find(name).map(|i| topo.nodes[i].class.info.class);
    let inside = |n: &str, name: &str| n.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    let is_compound = |name: &str| topo.nodes.iter().any(|n| inside(&n.name, name));
    let mut ports = PortTable::default();
    let mut wide = GraphWide { shared: topo.shares.clone(), ..GraphWide::default() };
    let mut env = Env {
        name: &node.name,
        inputs: &node.in_flow,
        outputs: &node.out_flow,
        simulated: false,
        class_of: &class_of,
        is_compound: &is_compound,
        ports: &mut ports,
        graph: &mut wide,
    };
    let lines = |e: MakeErrors| e.into_iter().map(|e| e.0).collect::<Vec<_>>().join("\n");
    let new = make(node.class, config, &topo.names.for_element(&node.name), &mut env);
    let said = wide.said.into_iter().map(|(severity, message)| match severity {
        Severity::Warning => alloc::format!("warning: {message}"),
        _ => message,
    });
    Ok((new.map_err(|e| HandlerError::Failed(lines(e)))?, said.collect()))
}

/// The tickets of an element: 1024 times the shares of it and of the compounds that it is in, at
/// most 32 turns a round. Of several shares for one name the last counts.
fn tickets(name: &str, shares: &[(String, u32)]) -> u32 {
    let ends = name.match_indices('/').map(|m| m.0).chain([name.len()]);
    let share = |end: usize| shares.iter().rev().find(|s| name.get(..end) == Some(&*s.0)).map(|s| s.1);
    let product = ends.filter_map(share).fold(1024u64, |t, s| t.saturating_mul(s.into()) / 1024);
    product.min(1 << 15) as u32
}

/// The engine's tables.
fn wire_up(flat: Flat, classes: &[&'static Class], ports: Vec<Ports>, source: &str, names: NameDb) -> Topology {
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
                credit: 0,
                timer: u64::MAX,
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
    let asks_kind = nodes.iter().any(|n| n.class.info.asks_kind);
    let shut = vec![false; edges.len()];
    Topology {
        nodes,
        edges,
        further,
        tasks,
        asks_kind,
        shut,
        counts,
        index,
        flat,
        source,
        names,
        shares: Default::default(),
    }
}
