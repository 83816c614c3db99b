//! What an element may know and ask for while a graph is built aside.
use crate::args::Named;
use crate::info::Flow;
use crate::port::{PortId, PortSpec};
use alloc::string::String;
use alloc::vec::Vec;

/// While an element is configured: its place in the graph, and what it needs from outside.
pub struct Env<'a> {
    pub(crate) name: &'a str,
    pub(crate) inputs: &'a [Flow],
    pub(crate) outputs: &'a [Flow],
    pub(crate) simulated: bool,
    pub(crate) class_of: &'a dyn Fn(&str) -> Option<&'static str>,
    pub(crate) ports: &'a mut PortTable,
    pub(crate) asked: &'a mut Vec<PortId>,
    pub(crate) bindings: &'a mut Vec<(String, Named)>,
    pub(crate) warnings: &'a mut Vec<String>,
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
    /// Class of another element, looked up from this element's compound outwards.
    pub fn class_of(&self, element: &str) -> Option<&'static str> {
        crate::handler::scopes(self.name, element).find_map(|name| (self.class_of)(&name))
    }
    /// Asks for a port. It is opened after the whole configuration was found good, unless the
    /// running graph has it already.
    pub fn port(&mut self, spec: PortSpec) -> PortId {
        let id = self.ports.id(spec);
        self.asked.push(id);
        id
    }
    /// Gives a name to a value, for the elements configured after this one: those of the same
    /// compound and of the compounds inside it.
    pub fn bind(&mut self, name: &str, value: Named) {
        self.bindings.push((name.into(), value));
    }
    /// Tells the user what is allowed and yet suspicious.
    pub fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
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
                known.outgoing |= spec.outgoing;
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
    /// Text that is a warning, not an error.
    pub warnings: Vec<String>,
}

impl SetUp<'_> {
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
