//! From a flat configuration to a graph that is ready to run. All that can fail happens here, aside
//! from the running graph, and all errors are reported at once.
use super::flow::{Ports, count_ports, resolve};
use super::{Edge, GraphCounts, Node, Plan, Topology};
use crate::args::{Args, NameDb};
use crate::count::{Count, Counts};
use crate::element::{Class, Element, Table};
use crate::env::{Env, PortTable, SetUp};
use crate::handler::HandlerError;
use crate::info::{Flow, Info};
use crate::lang::{Diagnostic, Flat, Loader, Phase, Reader};
use crate::port::{PortId, PortObject, PortSlot, PortSpec};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};
use hashbrown::HashMap;

/// Opens the device of a port.
pub type OpenPort<'a> = &'a mut dyn FnMut(&PortSpec) -> Result<PortObject, String>;

/// Builds graphs, one after the other, for one engine.
pub struct Builder {
    table: Table,
    ports: PortTable,
    open: Vec<PortId>,
    /// Time will be simulated.
    pub simulated: bool,
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
}

impl Builder {
    /// A builder for the classes of `table`.
    pub fn new(table: Table) -> Builder {
        Builder { table, ports: PortTable::default(), open: Vec::new(), simulated: false }
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
        let Some(classes) = self.classes(&flat, &mut errors) else { return Err(errors) };
        let infos: Vec<&Info> = classes.iter().map(|c| c.info).collect();
        let counts = count_ports(&flat, &infos, &mut errors);
        let ports = resolve(&flat, &infos, &counts, &mut errors);
        let mut asked = Vec::new();
        let mut names = NameDb::default();
        let elements = self.configure(&flat, &classes, &ports, &mut asked, &mut names, &mut errors);
        if errors.iter().any(Diagnostic::is_error) {
            return Err(errors);
        }
        let topo = wire_up(flat, &classes, ports, source, names);
        let mut used: Vec<PortId> = asked.iter().map(|a| a.0).collect();
        used.sort_unstable();
        used.dedup();
        let plan = Plan { topo, slots: elements, new_ports: Vec::new(), ports: used };
        Ok(Checked { plan, asked, warnings: errors })
    }

    fn classes(&self, flat: &Flat, errors: &mut Vec<Diagnostic>) -> Option<Vec<&'static Class>> {
        let find = |e: &crate::lang::Declared| {
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
    fn configure(
        &mut self,
        flat: &Flat,
        classes: &[&'static Class],
        ports: &[Ports],
        asked: &mut Vec<(PortId, usize)>,
        names: &mut NameDb,
        errors: &mut Vec<Diagnostic>,
    ) -> Vec<Option<Box<dyn Element>>> {
        let index: HashMap<&str, usize> = flat.elements.iter().enumerate().map(|(i, e)| (e.name.as_str(), i)).collect();
        let class_of = |name: &str| index.get(name).map(|&i| classes[i].info.class);
        let mut elements: Vec<Option<Box<dyn Element>>> = (0..classes.len()).map(|_| None).collect();
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by_key(|&i| !classes[i].info.informs);
        for i in order {
            let e = &flat.elements[i];
            let (mut wants, mut bindings, mut warned) = (Vec::new(), Vec::new(), Vec::new());
            let mut env = Env {
                name: &e.name,
                inputs: &ports[i].inputs,
                outputs: &ports[i].outputs,
                simulated: self.simulated,
                class_of: &class_of,
                ports: &mut self.ports,
                asked: &mut wants,
                bindings: &mut bindings,
                warnings: &mut warned,
            };
            let made = make(classes[i], &e.config, &names.for_element(&e.name), &mut env);
            asked.extend(wants.into_iter().map(|p| (p, i)));
            errors.extend(
                warned
                    .into_iter()
                    .map(|message| Diagnostic::warning(Some(e.at.clone()), message).configuring(&e.name, &e.class)),
            );
            match made {
                Ok(element) => elements[i] = Some(element),
                Err(list) => errors.extend(list.into_iter().map(|(message, hint)| {
                    Diagnostic::error(Some(e.at.clone()), message).hint(hint).configuring(&e.name, &e.class)
                })),
            }
            bindings.into_iter().for_each(|(name, value)| names.insert(&e.name, &name, value));
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
        let handlers = crate::engine::handler_names(topo, &plan.slots);
        let handler_exists = |path: &str| handlers.contains(path);
        let mut warned = Vec::new();
        for (i, slot) in plan.slots.iter_mut().enumerate() {
            let Some(element) = slot else { continue };
            let name = &topo.nodes[i].name;
            let mut cx = SetUp { name, class_of: &class_of, handler_exists: &handler_exists, warnings: Vec::new() };
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

/// Makes a second element like `id`, with other arguments: for the `config` handler.
pub(crate) fn rebuild(topo: &Topology, id: usize, config: &str) -> Result<Box<dyn Element>, HandlerError> {
    let node = &topo.nodes[id];
    let class_of = |name: &str| topo.find(name).map(|i| topo.nodes[i].class.info.class);
    let (mut asked, mut bindings, mut ports) = (Vec::new(), Vec::new(), PortTable::default());
    let mut warnings = Vec::new(); // nobody to tell: a handler's answer is yes or no
    let mut env = Env {
        name: &node.name,
        inputs: &node.in_flow,
        outputs: &node.out_flow,
        simulated: false,
        class_of: &class_of,
        ports: &mut ports,
        asked: &mut asked,
        bindings: &mut bindings,
        warnings: &mut warnings,
    };
    let lines = |e: MakeErrors| e.into_iter().map(|e| e.0).collect::<Vec<_>>().join("\n");
    make(node.class, config, &topo.names.for_element(&node.name), &mut env).map_err(|e| HandlerError::Failed(lines(e)))
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
                notifiers: Vec::new(),
                listeners: Vec::new(),
                active: true,
                runnable: task,
                task,
                tickets: 1024,
                credit: 0,
                timer: u64::MAX,
                in_flow: p.inputs,
                out_flow: p.outputs,
            }
        })
        .collect();
    let mut edges: Vec<Edge> = Vec::with_capacity(flat.connections.len());
    for c in &flat.connections {
        let id = edges.len() as u32;
        nodes[c.from].outs[c.from_port] = id;
        if nodes[c.to].in_flow[c.to_port] == Flow::Pull {
            nodes[c.to].ins[c.to_port] = Some(id);
        }
        let (from_port, port) = (c.from_port as u16, c.to_port as u16);
        edges.push(Edge { from: c.from as u32, from_port, port, to: c.to as u32, then: None });
    }
    for e in &mut edges {
        e.then = nodes[e.to as usize].outs.first().copied();
    }
    find_notifiers(&mut nodes, &edges);
    let tasks: Vec<usize> = (0..nodes.len()).filter(|&n| nodes[n].task).collect();
    for &t in &tasks {
        for up in nodes[t].notifiers.concat() {
            nodes[up].listeners.push(t);
        }
    }
    let counts = GraphCounts {
        nodes: nodes.iter().map(|_| Counts::default()).collect(),
        edges: edges.iter().map(|_| Count::default()).collect(),
    };
    let index = nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
    Topology { nodes, edges, tasks, counts: Arc::new(counts), index, flat, source: source.to_string(), names }
}

/// The nearest notifiers upstream of each pull input.
fn find_notifiers(nodes: &mut [Node], edges: &[Edge]) {
    for n in 0..nodes.len() {
        let search = |input: usize| {
            // A source that is no notifier may have packets at any time: then nobody may sleep.
            let (mut found, mut todo, mut always) = (Vec::new(), vec![nodes[n].ins[input]], false);
            let mut seen = vec![false; nodes.len()];
            while let Some(next) = todo.pop() {
                let Some(e) = next else { continue };
                let up = edges[e as usize].from as usize;
                if core::mem::replace(&mut seen[up], true) {
                    continue;
                }
                if nodes[up].class.info.notifies {
                    found.push(up);
                } else {
                    always |= nodes[up].ins.iter().all(Option::is_none);
                    todo.extend(&nodes[up].ins);
                }
            }
            if always { Vec::new() } else { found }
        };
        let found = (0..nodes[n].ins.len()).map(search).collect();
        nodes[n].notifiers = found;
    }
}
