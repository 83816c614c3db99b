//! What an element may know and ask for while a graph is built aside.
use crate::args::Named;
use crate::confine::Confinement;
use crate::files::Files;
use crate::info::Flow;
use crate::lang::Severity;
use crate::lock::Lock;
use crate::port::{PortId, PortSpec};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::AtomicBool;
use hashbrown::HashMap;

/// While an element is configured: its place in the graph, and what it needs from outside.
pub struct Env<'a> {
    pub(crate) name: &'a str,
    pub(crate) inputs: &'a [Flow],
    pub(crate) outputs: &'a [Flow],
    pub(crate) simulated: bool,
    pub(crate) workers: usize,
    pub(crate) confinement: &'a Confinement,
    pub(crate) class_of: &'a dyn Fn(&str) -> Option<&'static str>,
    pub(crate) is_compound: &'a dyn Fn(&str) -> bool,
    pub(crate) ports: &'a mut PortTable,
    pub(crate) graph: &'a mut GraphWide,
}

/// What elements say while they are configured that concerns the whole graph.
#[derive(Default)]
pub(crate) struct GraphWide {
    /// What elements have claimed for themselves alone.
    pub(crate) claims: Vec<String>,
    /// Element or compound, and its share of the rounds in 1/1024.
    pub(crate) rounds: Vec<(String, u32)>,
    /// Element or compound, and the worker that it shall run on (none: wherever it would).
    pub(crate) homes: Vec<(String, Option<u16>)>,
    /// What elements share on one worker, and on all.
    pub(crate) shared: Shares,
    pub(crate) common: Shares,
    /// Of the element that is being configured: what it says, ports, names that it gives.
    pub(crate) said: Vec<(Severity, String)>,
    pub(crate) asked: Vec<PortId>,
    pub(crate) bindings: Vec<(String, Named)>,
}

impl Env<'_> {
    /// The element's name.
    pub fn name(&self) -> &str {
        self.name
    }
    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }
    /// Whether input `port` pulls.
    pub fn input_pulls(&self, port: usize) -> bool {
        self.inputs.get(port) == Some(&Flow::Pull)
    }
    /// Whether time will be simulated: live ports refuse that.
    pub fn is_simulated(&self) -> bool {
        self.simulated
    }
    /// Number of workers that will run the graph.
    pub fn workers(&self) -> usize {
        self.workers
    }
    /// What this element may reach outside of the graph.
    pub fn confinement(&self) -> &Confinement {
        self.confinement
    }
    /// Where this element opens files, also later while it runs.
    pub fn files(&self) -> Files {
        self.confinement.files().clone()
    }
    /// Class of another element, looked up from this element's compound outwards.
    pub fn class_of(&self, element: &str) -> Option<&'static str> {
        crate::handler::scopes(self.name, element).find_map(|name| (self.class_of)(&name))
    }
    /// Whether there is an element, or a compound with elements in it, of that name; looked up as
    /// [`class_of`](Self::class_of) does.
    pub fn has_element(&self, name: &str) -> bool {
        crate::handler::scopes(self.name, name).any(|n| (self.class_of)(&n).is_some() || (self.is_compound)(&n))
    }
    /// Asks for a port. It is opened after the whole configuration was found good, unless the
    /// running graph has it already.
    pub fn port(&mut self, spec: PortSpec) -> PortId {
        let id = self.ports.id(spec);
        self.graph.asked.push(id);
        id
    }
    /// Claims what only one element of a graph may have; false if another one has it.
    pub fn claim(&mut self, what: &str) -> bool {
        let free = !self.graph.claims.iter().any(|c| c == what);
        if free {
            self.graph.claims.push(what.into());
        }
        free
    }
    /// Sets the share of the rounds, in 1/1024, of the tasks in an element or compound beside this
    /// one. Shares of compounds and of what is in them multiply.
    pub fn set_share(&mut self, element: &str, share: u32) {
        let full = match self.name.rsplit_once('/') {
            Some((compound, _)) => alloc::format!("{compound}/{element}"),
            None => element.into(),
        };
        self.graph.rounds.push((full, share));
    }
    /// Says which worker the tasks in an element or compound run on (none: wherever they would). It is
    /// looked up from this element's compound outwards; the last word on an element counts.
    pub fn set_home(&mut self, element: &str, worker: Option<u16>) {
        let there = |n: &String| (self.class_of)(n).is_some() || (self.is_compound)(n);
        let found = crate::handler::scopes(self.name, element).find(there);
        self.graph.homes.extend(found.map(|name| (name, worker)));
    }
    /// Gives a name to a value, for the elements configured after this one: those of the same
    /// compound and of the compounds inside it.
    pub fn bind(&mut self, name: &str, value: Named) {
        self.graph.bindings.push((name.into(), value));
    }
    /// Tells the user what is allowed and yet suspicious.
    pub fn warn(&mut self, message: impl Into<String>) {
        self.graph.said.push((Severity::Warning, message.into()));
    }
    /// Tells the user something.
    pub fn say(&mut self, message: impl Into<String>) {
        self.graph.said.push((Severity::Message, message.into()));
    }
    /// What this element shares with others of its worker, made on first use.
    pub fn share<T: Default + Send + 'static>(&self) -> Arc<Lock<T>> {
        self.graph.shared.get(self.name)
    }
    /// What the replicas of this element on all workers share, made on first use. It is there while the
    /// graph is: keep weak references in it to what should end before.
    pub fn share_with_replicas<T: Default + Send + 'static>(&self) -> Arc<Lock<T>> {
        self.graph.common.get(self.name)
    }
    /// What the element called `element` shares, looked up from this element's compound outwards;
    /// `None` if no element of that name is of class `class`. The order in which the two are configured
    /// does not matter.
    pub fn shared_of<T: Default + Send + 'static>(&self, element: &str, class: &str) -> Option<Arc<Lock<T>>> {
        let name = crate::handler::scopes(self.name, element).find(|name| (self.class_of)(name).is_some())?;
        ((self.class_of)(&name) == Some(class)).then(|| self.graph.shared.get(&name))
    }
}

/// What the elements of a graph share, by the name of the element that it belongs to. The elements
/// keep it alive; a later graph has values of its own, and [`take_state`](crate::element::Element::take_state)
/// moves what is inside.
#[derive(Clone, Default)]
pub(crate) struct Shares(Arc<Lock<HashMap<String, Arc<dyn Any + Send + Sync>>>>);

impl Shares {
    fn get<T: Default + Send + 'static>(&self, element: &str) -> Arc<Lock<T>> {
        self.0.with(|all| {
            if let Some(known) = all.get(element).and_then(|v| v.clone().downcast::<Lock<T>>().ok()) {
                return known;
            }
            let new = Arc::<Lock<T>>::default();
            all.insert(element.into(), new.clone());
            new
        })
    }
}

/// The numbers of ports. It outlives graphs, so that a port keeps its number.
#[derive(Default)]
pub struct PortTable {
    specs: Vec<PortSpec>,
}

impl PortTable {
    fn id(&mut self, spec: PortSpec) -> PortId {
        let at = match self.specs.iter_mut().position(|s| s.same_port(&spec)) {
            Some(at) => {
                let known = &mut self.specs[at];
                known.promiscuous |= spec.promiscuous;
                at
            }
            None => {
                self.specs.push(spec);
                self.specs.len() - 1
            }
        };
        PortId(at as u16)
    }

    /// What was asked for under a number.
    pub fn spec(&self, id: PortId) -> &PortSpec {
        &self.specs[id.0 as usize]
    }
}

/// While files are opened, before the graph replaces the running one.
pub struct SetUp<'a> {
    pub(crate) name: &'a str,
    pub(crate) class_of: &'a dyn Fn(&str) -> Option<&'static str>,
    pub(crate) handler_exists: &'a dyn Fn(&str) -> bool,
    pub(crate) signals: bool,
    pub(crate) confinement: &'a Confinement,
    pub(crate) services: &'a mut Services,
    #[cfg_attr(not(feature = "std"), allow(dead_code))] // for control sockets only
    pub(crate) open_sockets: &'a mut OpenSockets,
    /// Text that is a warning, not an error.
    pub warnings: Vec<String>,
}

/// A handler that wants to be written when the process gets a signal.
#[derive(Clone, Debug)]
pub struct OnSignal {
    /// Number of the signal.
    pub number: i32,
    /// Full name of the handler; its value is empty.
    pub handler: String,
    /// Whether it wants the next one. A signal that nobody wants does what it does by default.
    pub armed: Arc<AtomicBool>,
}

/// What a graph wants of the driver while it runs.
#[derive(Default)]
pub struct Services {
    /// What is to be done when the process gets a signal.
    pub signals: Vec<OnSignal>,
    /// Control sockets, for [`Servers::update`](crate::control::Servers::update).
    #[cfg(feature = "std")]
    pub sockets: Vec<crate::control::Request>,
}

/// The control sockets that graphs have opened, and that may be open still.
#[cfg(feature = "std")]
#[derive(Default)]
pub(crate) struct OpenSockets(Vec<alloc::sync::Weak<crate::control::Socket>>);

/// The control sockets that graphs have opened: none without an operating system.
#[cfg(not(feature = "std"))]
#[derive(Default)]
pub(crate) struct OpenSockets;

impl SetUp<'_> {
    /// Asks that the element's `handler` be written each time the process gets signal `number` and
    /// `armed` is true.
    ///
    /// # Errors
    /// The driver does not deliver signals, or the element may not have any.
    pub fn on_signal(&mut self, number: i32, handler: &str, armed: &Arc<AtomicBool>) -> Result<(), String> {
        self.confinement.signals()?;
        if !self.signals {
            return Err("signals cannot be delivered here".into());
        }
        let handler = alloc::format!("{}.{handler}", self.name);
        self.services.signals.push(OnSignal { number, handler, armed: armed.clone() });
        Ok(())
    }
    /// Asks for a control socket. One that an earlier graph has opened there, and that is open
    /// still, is taken over. A taken address is tried again later if the options say so.
    ///
    /// # Errors
    /// It cannot be opened, or the element may not listen.
    #[cfg(feature = "std")]
    pub fn control_socket(
        &mut self,
        address: crate::control::Address,
        options: crate::control::Options,
    ) -> Result<alloc::sync::Arc<crate::control::Socket>, String> {
        use crate::control::{Request, Socket};
        self.confinement.listeners()?;
        self.open_sockets.0.retain(|s| s.strong_count() > 0);
        let taken =
            |s: &alloc::sync::Arc<Socket>| self.services.sockets.iter().any(|r| alloc::sync::Arc::ptr_eq(&r.socket, s));
        let found = self.open_sockets.0.iter().filter_map(|s| s.upgrade());
        let open = found.into_iter().find(|s| *s.address() == address && !taken(s));
        let socket = open.unwrap_or_else(|| alloc::sync::Arc::new(Socket::new(address)));
        if let Err(why) = socket.bind() {
            if options.retries == 0 {
                return Err(why);
            }
            if options.retry_warnings {
                self.warnings.push(crate::control::server::tries_left(&why, options.retries));
            }
        }
        let weak = alloc::sync::Arc::downgrade(&socket);
        if !self.open_sockets.0.iter().any(|s| s.ptr_eq(&weak)) {
            self.open_sockets.0.push(weak);
        }
        self.services.sockets.push(Request { socket: socket.clone(), options });
        Ok(socket)
    }
    /// The element's name.
    pub fn name(&self) -> &str {
        self.name
    }
    /// Class of another element, looked up from this element's compound outwards.
    pub fn class_of(&self, element: &str) -> Option<&'static str> {
        crate::handler::scopes(self.name, element).find_map(|name| (self.class_of)(&name))
    }
    /// Whether `element.handler` (or a global handler's name) exists in the new graph.
    pub fn handler_exists(&self, path: &str) -> bool {
        let (element, handler) = crate::handler::split_path(path);
        match element {
            None => (self.handler_exists)(handler),
            Some(e) => crate::handler::scopes(self.name, e)
                .any(|name| (self.handler_exists)(&alloc::format!("{name}.{handler}"))),
        }
    }
}
