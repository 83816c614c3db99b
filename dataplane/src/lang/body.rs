//! What the parser makes of one compound element, or of the file itself: elements, connections
//! and parameters, with nothing expanded yet.

use super::place::Spot;
use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use hashbrown::{HashMap, HashSet};

/// Index into the parser's list of classes.
pub(super) type ClassId = usize;

pub(super) enum Class {
    /// An element class of the caller's table.
    Primitive(String),
    /// A class that does not exist: its elements are dropped without further errors.
    Unknown,
    Compound(Box<Body>),
}

/// One end of a group or compound: packets that enter it leave at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Seen from outside. The two that follow in the list are its `input` and `output`.
    Outer,
    /// `input`, seen from inside.
    Input,
    /// `output`, seen from inside.
    Output,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Class(ClassId),
    Part(Part),
}

#[derive(Debug)]
pub(super) struct Elem {
    pub(super) name: String,
    pub(super) what: What,
    pub(super) config: String,
    pub(super) at: Spot,
    /// The name was made up and may yet change.
    pub(super) anonymous: bool,
    /// It was used before it was declared, and that was reported as the numbered diagnostic.
    pub(super) undeclared: Option<usize>,
    /// Input and output ports in use.
    pub(super) ports: [u32; 2],
    /// Ports in use of a pseudo element, for its check.
    pub(super) used: HashSet<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Conn {
    pub(super) from: usize,
    pub(super) from_port: u32,
    pub(super) to: usize,
    pub(super) to_port: u32,
    pub(super) at: Spot,
}

/// A parameter of a compound element. The keyword of a positional one is empty.
pub(super) struct Formal {
    pub(super) name: String,
    pub(super) keyword: String,
}

pub(super) struct Body {
    pub(super) name: String,
    pub(super) at: Spot,
    pub(super) depth: usize,
    pub(super) formals: Vec<Formal>,
    pub(super) defines: Vec<(String, String)>,
    /// The names of both.
    pub(super) vars: HashSet<String>,
    pub(super) elements: Vec<Elem>,
    pub(super) names: HashMap<String, usize>,
    runs: Runs,
    pub(super) conns: Vec<Conn>,
    pub(super) ports: [u32; 2],
    pub(super) overload: Option<ClassId>,
}

impl Body {
    pub(super) fn new(name: &str, at: Spot, depth: usize) -> Self {
        Body {
            name: name.into(),
            at,
            depth,
            formals: Vec::new(),
            defines: Vec::new(),
            vars: HashSet::new(),
            elements: Vec::new(),
            names: HashMap::new(),
            runs: Runs::new(),
            conns: Vec::new(),
            ports: [0, 0],
            overload: None,
        }
    }

    /// A compound's body: elements 0 and 1 are its `input` and `output`.
    pub(super) fn compound(name: &str, at: Spot, depth: usize) -> Self {
        let mut b = Self::new(name, at, depth);
        for (name, part) in [("input", Part::Input), ("output", Part::Output)] {
            let i = b.add(name.into(), What::Part(part), String::new(), at);
            b.names.insert(name.into(), i);
        }
        b
    }

    pub(super) fn printable_name(&self) -> &str {
        if self.name.is_empty() { "<anonymous>" } else { &self.name }
    }

    pub(super) fn add(&mut self, name: String, what: What, config: String, at: Spot) -> usize {
        let used = HashSet::new();
        self.elements.push(Elem { name, what, config, at, anonymous: false, undeclared: None, ports: [0, 0], used });
        self.elements.len() - 1
    }

    /// Adds an element without a name of its own; Click numbers it by its place in the list.
    pub(super) fn add_anonymous(&mut self, class: &str, what: What, config: String, at: Spot) -> usize {
        let offset = if self.depth > 0 { 2 } else { 0 };
        let number = self.elements.len() + 1 - offset.min(self.elements.len());
        let i = self.add(format!("{class}@{number}"), what, config, at);
        self.elements[i].anonymous = true;
        i
    }

    pub(super) fn connect(&mut self, c: Conn) {
        for (side, elem, port) in [(0, c.to, c.to_port), (1, c.from, c.from_port)] {
            let e = &mut self.elements[elem];
            e.ports[side] = e.ports[side].max(port + 1);
            let inside = matches!((e.what, side), (What::Part(Part::Output), 0) | (What::Part(Part::Input), 1));
            if inside {
                e.used.insert(port);
            }
        }
        self.conns.push(c);
    }

    /// The errors of the pseudo element `which` (`output` says which of the two it is) of the
    /// group or compound `name`, and how many ports it has.
    pub(super) fn check_pseudo(&self, which: usize, output: bool, name: &str) -> (u32, Vec<String>) {
        let e = &self.elements[which];
        let sides = ["input", "output"];
        let (right, wrong) = if output { (0, 1) } else { (1, 0) };
        let mut errors = vec![];
        if e.ports[wrong] > 0 {
            errors.push(format!("‘{name}’ pseudoelement ‘{}’ may only be used as {}", sides[right ^ 1], sides[right]));
        }
        // A gap of thousands of ports is one mistake, not thousands.
        let gaps = (0..e.ports[right]).filter(|p| !e.used.contains(p)).take(16);
        errors.extend(gaps.map(|p| format!("‘{name}’ {} {p} missing", sides[right ^ 1])));
        (e.ports[right], errors)
    }

    /// Makes the name of element `i` final.
    pub(super) fn settle_name(&mut self, i: usize) {
        if !core::mem::take(&mut self.elements[i].anonymous) {
            return;
        }
        let name = free_name(&self.elements[i].name, &self.names, &mut self.runs);
        self.names.insert(name.clone(), i);
        self.elements[i].name = name;
    }
}

/// Runs of made-up names known to be taken: by stem, the first number and the one after the last.
pub(super) type Runs = HashMap<String, (u64, u64)>;

/// The made-up name itself, or with the next higher number that is free.
pub(super) fn free_name(name: &str, taken: &HashMap<String, usize>, runs: &mut Runs) -> String {
    if !taken.contains_key(name) {
        return name.into();
    }
    let (stem, number) = name.rsplit_once('@').unwrap_or((name, "0"));
    let first: u64 = number.parse().unwrap_or(0);
    let known = runs.get(stem).filter(|(from, to)| (*from..*to).contains(&first));
    let (start, mut n) = known.copied().unwrap_or((first, first + 1));
    loop {
        let name = format!("{stem}@{n}");
        n += 1;
        if !taken.contains_key(&name) {
            // The caller takes it now.
            runs.insert(stem.into(), (start, n));
            return name;
        }
    }
}
