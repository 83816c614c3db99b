//! From a flat configuration to a graph that is ready to run. All that can fail happens here, aside
//! from the running graph, and all errors are reported at once.
use super::flow::{Ports, count_ports, resolve};
use super::replicas::Replica;
use super::{Plan, Topology};
use crate::args::{Args, NameDb};
use crate::confine::Confinement;
use crate::element::{Class, Configure, Element, Table};
use crate::env::{Env, GraphWide, OpenSockets, PortTable, SetUp, Shares};
use crate::handler::HandlerError;
use crate::info::{Info, Paths};
use crate::lang::{Diagnostic, Flat, Loader, Phase, Reader, Severity, UNKNOWN};
use crate::port::{PortId, PortObject, PortSlot, PortSpec, Seat};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use hashbrown::{HashMap, HashSet};

/// Opens the device of a port.
pub type OpenPort<'a> = &'a mut dyn FnMut(&PortSpec) -> Result<PortObject, String>;

/// Opens the device of a port for one of several workers.
pub type OpenSeat<'a> = &'a mut dyn FnMut(&PortSpec, Seat) -> Result<PortObject, String>;

/// Number of the next graph, whoever builds it.
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Builds graphs, one after the other, for one engine, or for several that share the work.
pub struct Builder {
    table: Table,
    ports: PortTable,
    /// By worker.
    open: Vec<Vec<PortId>>,
    generation: u32,
    /// The last graph that was ready to run: its generation, and its elements by name and class.
    last: (u32, Vec<(String, &'static str)>),
    open_sockets: OpenSockets,
    /// Number of workers, each with a replica of the graph.
    pub workers: usize,
    /// Time will be simulated.
    pub simulated: bool,
    /// The driver delivers signals to the elements that ask for them.
    pub signals: bool,
    /// Names that every configuration may use.
    pub names: NameDb,
    /// What the elements of the graphs checked from now on may reach outside.
    pub confinement: Confinement,
}

/// A graph whose arguments, ports and connections were found good; nothing was opened yet.
pub struct Checked {
    /// One for each worker.
    replicas: Vec<Replica>,
    /// What is suspicious, but no error.
    pub warnings: Vec<Diagnostic>,
}

impl Checked {
    /// The graph that would run; of several workers, on the first.
    pub fn topology(&self) -> &Topology {
        &self.replicas[0].plan.topo
    }

    /// The ports that it asks for, in the order of the elements; some may come twice.
    pub fn ports(&self) -> impl Iterator<Item = PortId> {
        self.replicas.iter().flat_map(|r| &r.asked).map(|a| a.0)
    }
}

impl Builder {
    /// A builder for the classes of `table`.
    pub fn new(table: Table) -> Builder {
        Builder {
            table,
            ports: PortTable::default(),
            open: Vec::new(),
            generation: 0,
            last: Default::default(),
            workers: 1,
            open_sockets: OpenSockets::default(),
            simulated: false,
            signals: false,
            names: NameDb::new(),
            confinement: Confinement::default(),
        }
    }

    /// What was asked for under a port's number.
    pub fn port(&self, id: PortId) -> &PortSpec {
        self.ports.spec(id)
    }

    /// Reads a configuration, expands its compounds, and checks it: [`Reader`] and
    /// [`check`](Self::check) in one. `file` is the name that places carry; `defines` win over
    /// `define(...)`. A confined configuration finds its libraries where it may open files, not where `libraries` does.
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
        #[cfg(feature = "std")]
        let mut beneath = crate::files::Libraries(self.confinement.files());
        match libraries {
            #[cfg(feature = "std")]
            _ if self.confinement.files().is_confined() => reader = reader.libraries(&mut beneath),
            Some(l) => reader = reader.libraries(l),
            None => {}
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
        let Some(looked) = self.look(&flat, true, &mut errors) else { return Err(errors) };
        if errors.iter().any(Diagnostic::is_error) {
            return Err(errors);
        }
        let replicas = self.replicate(flat, source, looked, &mut errors);
        Ok(Checked { replicas, warnings: errors })
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
        let mut set = Set::new(self.names.clone(), Shares::default());
        self.configure(flat, &classes, &ports, &|_| true, &mut set, errors);
        Some(Looked { classes, ports, set })
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

    /// Makes the elements that are `wanted`: first those that give names to others, then the rest in order.
    pub(super) fn configure(
        &mut self,
        flat: &Flat,
        classes: &[&'static Class],
        ports: &[Ports],
        wanted: &dyn Fn(usize) -> bool,
        set: &mut Set,
        errors: &mut Vec<Diagnostic>,
    ) {
        let Set { elements, asked, names, wide } = set;
        let index: HashMap<&str, usize> = flat.elements.iter().enumerate().map(|(i, e)| (e.name.as_str(), i)).collect();
        let class_of = |name: &str| index.get(name).map(|&i| classes[i].info.class);
        let compounds: HashSet<&str> = index.keys().flat_map(|n| n.match_indices('/').map(|m| &n[..m.0])).collect();
        let is_compound = |name: &str| compounds.contains(name);
        elements.resize_with(classes.len(), || None);
        let mut order: Vec<usize> = (0..classes.len()).filter(|&i| wanted(i)).collect();
        order.sort_by_key(|&i| !classes[i].info.informs);
        for i in order {
            let e = &flat.elements[i];
            let mut env = Env {
                name: &e.name,
                inputs: &ports[i].inputs,
                outputs: &ports[i].outputs,
                simulated: self.simulated,
                workers: self.workers,
                confinement: flat.confinement_of(i, &self.confinement),
                class_of: &class_of,
                is_compound: &is_compound,
                ports: &mut self.ports,
                graph: wide,
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
    }

    /// Opens ports and files. After this the graph can be handed to an engine: that of the only worker.
    ///
    /// # Errors
    /// All devices and files that could not be opened. What was opened is closed again.
    pub fn prepare(
        &mut self,
        checked: Checked,
        open: OpenPort<'_>,
    ) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (plans, warnings) = self.prepare_all(checked, &mut |spec, _| open(spec))?;
        Ok((plans.into_iter().next().unwrap_or_default(), warnings))
    }

    /// The same for all workers: a graph for each, in their order.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn prepare_all(
        &mut self,
        checked: Checked,
        open: OpenSeat<'_>,
    ) -> Result<(Vec<Plan>, Vec<Diagnostic>), Vec<Diagnostic>> {
        let Checked { mut replicas, warnings } = checked;
        let mut notes = Notes { errors: Vec::new(), warnings, told: Vec::new() };
        self.generation = GENERATION.fetch_add(1, Relaxed);
        self.open.resize_with(replicas.len().max(self.open.len()), Vec::new);
        let used: Vec<Vec<PortId>> = replicas.iter().map(|r| r.plan.ports.clone()).collect();
        for (worker, r) in replicas.iter_mut().enumerate() {
            r.plan.generation = self.generation;
            let alone = |id: &PortId| used.iter().filter(|ports| ports.contains(id)).count() < 2;
            let seat = |id| Seat { worker, workers: used.len(), alone: alone(&id) };
            self.open_ports(r, &seat, open, &mut notes);
            self.set_up(&mut r.plan, &mut notes);
        }
        if !notes.errors.is_empty() {
            return Err(notes.errors);
        }
        for (open, r) in self.open.iter_mut().zip(&replicas) {
            open.retain(|id| r.plan.ports.contains(id));
            open.extend(r.plan.new_ports.iter().map(|p| p.0));
        }
        let mut plans: Vec<Plan> = replicas.into_iter().map(|r| r.plan).collect();
        for plan in &mut plans {
            plan.heirs =
                (self.last.0, plan.topo.heirs_of(self.last.1.iter().map(|(name, class)| (name.as_str(), *class))));
        }
        let names = |p: &Plan| p.topo.nodes.iter().map(|n| (n.name.clone(), n.class.info.class)).collect();
        self.last = (self.generation, plans.first().map_or(Vec::new(), names));
        gather_services(&mut plans);
        Ok((plans, notes.warnings))
    }

    fn open_ports(
        &mut self,
        replica: &mut Replica,
        seat: &dyn Fn(PortId) -> Seat,
        open: OpenSeat<'_>,
        notes: &mut Notes,
    ) {
        let mut tried = Vec::new();
        for &(id, i) in &replica.asked {
            let worker = seat(id).worker;
            if self.open[worker].contains(&id) || tried.contains(&id) {
                continue;
            }
            tried.push(id);
            let spec = self.ports.spec(id).clone();
            match open(&spec, seat(id)) {
                Ok(object) => replica.plan.new_ports.push((id, PortSlot::new(spec, object))),
                Err(why) => notes.error(&replica.plan.topo, i, why),
            }
        }
    }

    fn set_up(&mut self, plan: &mut Plan, notes: &mut Notes) {
        let topo = &plan.topo;
        let class_of = |name: &str| topo.find(name).map(|i| topo.nodes[i].class.info.class);
        let handler_exists = |path: &str| crate::engine::find_handler(topo, "", path).is_ok();
        for (i, slot) in plan.slots.iter_mut().enumerate() {
            let Some(element) = slot else { continue };
            let name = &topo.nodes[i].name;
            let mut cx = SetUp {
                name,
                class_of: &class_of,
                handler_exists: &handler_exists,
                signals: self.signals,
                confinement: topo.flat.confinement_of(i, &topo.confinement),
                services: &mut plan.services,
                open_sockets: &mut self.open_sockets,
                warnings: Vec::new(),
            };
            let result = element.set_up(&mut cx);
            let warnings = cx.warnings;
            if let Err(why) = result {
                notes.error(topo, i, why);
            }
            warnings.into_iter().for_each(|w| notes.warning(topo, i, w));
        }
    }
}

/// What is said while ports and files are opened. What several workers would say is said once.
struct Notes {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// Which element said what already.
    told: Vec<(usize, String)>,
}

impl Notes {
    fn is_new(&mut self, i: usize, message: &str) -> bool {
        let new = !self.told.iter().any(|t| t.0 == i && t.1 == message);
        if new {
            self.told.push((i, message.into()));
        }
        new
    }
    fn error(&mut self, topo: &Topology, i: usize, message: String) {
        if self.is_new(i, &message) {
            let e = &topo.flat.elements[i];
            let d = Diagnostic::error(Some(e.at.clone()), message);
            self.errors.push(d.within(Phase::Initializing, &e.name, &e.class));
        }
    }
    fn warning(&mut self, topo: &Topology, i: usize, message: String) {
        if self.is_new(i, &message) {
            let e = &topo.flat.elements[i];
            let d = Diagnostic::warning(Some(e.at.clone()), message);
            self.warnings.push(d.within(Phase::Initializing, &e.name, &e.class));
        }
    }
}

/// The driver looks for what it must do in the first plan.
fn gather_services(plans: &mut [Plan]) {
    let Some((first, others)) = plans.split_first_mut() else { return };
    for other in others {
        first.services.signals.append(&mut other.services.signals);
        #[cfg(feature = "std")]
        first.services.sockets.append(&mut other.services.sockets);
    }
}

/// What there is before anything is connected.
pub(super) struct Looked {
    pub(super) classes: Vec<&'static Class>,
    pub(super) ports: Vec<Ports>,
    pub(super) set: Set,
}

/// The elements of one worker, and what they said while they were configured.
pub(super) struct Set {
    pub(super) elements: Vec<Option<Box<dyn Element>>>,
    pub(super) asked: Vec<(PortId, usize)>,
    pub(super) names: NameDb,
    pub(super) wide: GraphWide,
}

impl Set {
    pub(super) fn new(names: NameDb, common: Shares) -> Set {
        Set { elements: Vec::new(), asked: Vec::new(), names, wide: GraphWide { common, ..GraphWide::default() } }
    }
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
    let mut wide = GraphWide { shared: topo.shares.clone(), common: topo.common.clone(), ..GraphWide::default() };
    let mut env = Env {
        name: &node.name,
        inputs: &node.in_flow,
        outputs: &node.out_flow,
        simulated: false,
        workers: 1,
        confinement: topo.flat.confinement_of(id, &topo.confinement),
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
