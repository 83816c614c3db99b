//! Expanding compound elements: bodies to one flat list of elements and connections.
//!
//! Each compound becomes three marks, itself seen from outside and its `input` and `output`, and
//! the elements of its body with its name before theirs. `tunnel.rs` then removes the marks.
//! The order of elements is Click's, which prints and configures by it. Everything that
//! expansion can multiply is counted, so that a small text cannot make a huge graph.

use super::{
    Diagnostic,
    body::{Body, Class, ClassId, Conn, Part, Runs, What, free_name},
    place::Spot,
    sink::Sink,
};
use crate::args::{expand::expand_up_to, split_args};
use alloc::{borrow::Cow, format, string::String, vec, vec::Vec};
use hashbrown::HashMap;

/// How many elements expansion may add.
const MOST_ELEMENTS: usize = 1 << 20;
/// How many connections expansion may add.
const MOST_CONNECTIONS: usize = 1 << 22;
/// How many bytes of names and arguments expansion may write.
const MOST_TEXT: usize = 1 << 26;
/// How deep compounds may be expanded within each other.
const DEEPEST: usize = 500;

/// What became of an element of a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Real(ClassId),
    /// A compound or group from outside, with the numbers of its `input` and `output`.
    Outer {
        input: usize,
        output: usize,
    },
    /// The `input` of that one.
    Input(usize),
    /// The `output` of that one.
    Output(usize),
    /// Reported already; it and its connections vanish.
    Dead,
}

pub(super) struct FlatElem {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) config: String,
    pub(super) at: Spot,
    anonymous: bool,
    ports: [u32; 2],
}

/// Variables in effect somewhere; those of the enclosing compounds are behind `parent`.
struct Env {
    depth: usize,
    parent: Option<usize>,
    vars: HashMap<String, String>,
}

pub(super) struct Flattener<'a> {
    classes: &'a [Class],
    pub(super) sink: &'a mut Sink,
    pub(super) elements: Vec<FlatElem>,
    pub(super) conns: Vec<Conn>,
    names: HashMap<String, usize>,
    runs: Runs,
    envs: Vec<Env>,
    /// Where Click says that no overload fits: the end of the file.
    end: Spot,
    text_left: usize,
    overflowed: bool,
}

impl<'a> Flattener<'a> {
    pub(super) fn new(classes: &'a [Class], sink: &'a mut Sink, end: Spot) -> Self {
        Flattener {
            classes,
            sink,
            elements: vec![],
            conns: vec![],
            names: HashMap::new(),
            runs: Runs::new(),
            envs: vec![],
            end,
            text_left: MOST_TEXT,
            overflowed: false,
        }
    }

    /// Expands a whole file. `given` are the variables of the command line, `inside` those of single compounds of the
    /// top level (compound, name, value); they win.
    pub(super) fn expand(&mut self, top: Body, given: &[(String, String)], inside: &[(String, String, String)]) {
        self.text_left += top.elements.iter().map(|e| 4 * e.config.len()).sum::<usize>();
        self.envs.push(Env { depth: 0, parent: None, vars: given.iter().cloned().collect() });
        for (name, value) in &top.defines {
            let value = self.substitute(value, 0);
            self.envs[0].vars.entry(name.clone()).or_insert(value);
        }
        self.names = top.names;
        for (i, e) in top.elements.into_iter().enumerate() {
            let mark = mark(e.what, i);
            let (name, config, at, anonymous, ports) = (e.name, e.config, e.at, e.anonymous, e.ports);
            self.elements.push(FlatElem { name, mark, config, at, anonymous, ports });
        }
        self.conns = top.conns;
        let mut work: Vec<(usize, usize, usize)> = (0..self.elements.len()).rev().map(|i| (i, 0, 0)).collect();
        while let Some((i, env, depth)) = work.pop() {
            self.settle(i, env);
            let Mark::Real(class) = self.elements[i].mark else { continue };
            let (class, values) = match &self.classes[class] {
                Class::Primitive(_) | Class::Unknown => continue,
                Class::Compound(_) => match self.resolve(i, class) {
                    Some(found) => found,
                    None => {
                        self.elements[i].mark = Mark::Dead;
                        continue;
                    }
                },
            };
            let classes = self.classes;
            match &classes[class] {
                Class::Compound(body) if depth < DEEPEST => {
                    let given = if depth == 0 { inside } else { &[] };
                    let given = given.iter().filter(|(compound, ..)| *compound == self.elements[i].name);
                    let given = given.map(|(_, name, value)| (name.clone(), value.clone())).collect();
                    let env = self.environment(body, values, given, env);
                    let before = work.len();
                    work.extend(self.insert(i, body).into_iter().map(|i| (i, env, depth + 1)));
                    work[before..].reverse();
                }
                Class::Compound(_) => {
                    let at = self.elements[i].at;
                    self.sink.error(at, "maximum compound element nesting depth exceeded");
                    self.elements[i].mark = Mark::Dead;
                }
                // An overload ended in a plain class: look at it once more as such.
                _ => self.elements[i].mark = Mark::Real(class),
            }
        }
    }

    /// Makes name and arguments of an element final.
    fn settle(&mut self, i: usize, env: usize) {
        if core::mem::take(&mut self.elements[i].anonymous) {
            let name = free_name(&self.elements[i].name, &self.names, &mut self.runs);
            self.names.insert(name.clone(), i);
            self.elements[i].name = name;
        }
        if self.elements[i].config.contains('$') {
            let config = core::mem::take(&mut self.elements[i].config);
            self.elements[i].config = self.substitute(&config, env);
        }
    }

    fn substitute(&mut self, text: &str, env: usize) -> String {
        let value = |name: &str| {
            let mut at = Some(env);
            while let Some(e) = at.and_then(|e| self.envs.get(e)) {
                if let Some(v) = e.vars.get(name) {
                    return Some(v.as_str());
                }
                at = e.parent;
            }
            None
        };
        let out = expand_up_to(text, &value, self.text_left).map(Cow::into_owned);
        let bytes = out.as_ref().map_or(usize::MAX, String::len);
        if self.spend(bytes) { out.unwrap_or_default() } else { String::new() }
    }

    /// Takes bytes from the budget of text. Over budget is an error, said once.
    fn spend(&mut self, bytes: usize) -> bool {
        match self.text_left.checked_sub(bytes) {
            Some(left) => {
                self.text_left = left;
                true
            }
            None => {
                self.overflow("too much text");
                false
            }
        }
    }

    pub(super) fn overflow(&mut self, what: &str) {
        if !core::mem::replace(&mut self.overflowed, true) {
            self.sink.error(self.end, format!("compound elements expand to {what}"));
        }
    }

    /// The overload that fits element `i`, and the values of its parameters.
    fn resolve(&mut self, i: usize, class: ClassId) -> Option<(ClassId, Vec<String>)> {
        let e = &self.elements[i];
        let (mut candidates, mut closest, mut next) = (vec![], None, Some(class));
        while let Some(id) = next {
            let Class::Compound(body) = &self.classes[id] else { return Some((id, vec![])) };
            if let Some(values) = body.assign(&e.config) {
                if body.ports == e.ports {
                    return Some((id, values));
                }
                closest = Some((id, values));
            }
            candidates.push(body);
            next = body.overload;
        }
        if let ([_], Some(_)) = (&candidates[..], &closest) {
            // The ports are wrong: which of them, the connections will tell.
            return closest;
        }
        let used = candidates.first()?.use_signature(split_args(&e.config).len(), e.ports);
        let mut d = Diagnostic::error(Some(self.sink.place(e.at)), format!("no match for ‘{used}’"));
        d.landmark = Some(self.sink.place(self.end));
        for (n, body) in candidates.iter().enumerate() {
            let at = Some(self.sink.place(body.at));
            if n == 0 {
                d = d.note(at.clone(), "candidates are:");
            }
            d = d.note(at, format!("  {}", body.signature()));
        }
        self.sink.push(d);
        None
    }

    /// The variables of a body: those `given` win over its parameters' `values`, and these over what it defines.
    fn environment(&mut self, body: &Body, values: Vec<String>, given: Vec<(String, String)>, env: usize) -> usize {
        let mut parent = Some(env);
        while let Some(e) = parent {
            if self.envs[e].depth < body.depth {
                break;
            }
            parent = self.envs[e].parent;
        }
        let vars = body.formals.iter().map(|f| f.name.clone()).zip(values).chain(given).collect();
        self.envs.push(Env { depth: body.depth, parent, vars });
        let new = self.envs.len() - 1;
        for (name, value) in &body.defines {
            let value = self.substitute(value, new);
            self.envs[new].vars.entry(name.clone()).or_insert(value);
        }
        new
    }

    /// Puts a body in the place of element `i`. Returns the new elements.
    fn insert(&mut self, i: usize, body: &Body) -> Vec<usize> {
        if self.elements.len() + body.elements.len() > MOST_ELEMENTS + self.names.len().min(MOST_ELEMENTS)
            || self.conns.len() + body.conns.len() > MOST_CONNECTIONS
        {
            self.overflow("too many elements");
            self.elements[i].mark = Mark::Dead;
            return vec![];
        }
        let prefix = format!("{}/", self.elements[i].name);
        let at = self.elements[i].at;
        let first = self.elements.len();
        self.elements[i].mark = Mark::Outer { input: first, output: first + 1 };
        for (n, e) in body.elements.iter().enumerate() {
            let mut mark = mark(e.what, first + n);
            if n < 2 {
                mark = if n == 0 { Mark::Input(i) } else { Mark::Output(i) };
            }
            let mut name = String::new();
            if !e.name.is_empty() && n >= 2 {
                name = format!("{prefix}{}", e.name);
                if !self.spend(name.len()) {
                    name.clear();
                }
                if let Some(old) = self.names.get(&name).filter(|_| !name.is_empty()) {
                    let old = self.elements.get(*old).map_or(at, |o| o.at);
                    let old = self.sink.place(old);
                    let d = Diagnostic::error(Some(self.sink.place(at)), format!("redeclaration of element ‘{name}’"));
                    self.sink.push(d.note(Some(old), format!("‘{name}’ previously declared here")));
                    mark = Mark::Dead;
                } else {
                    self.names.insert(name.clone(), first + n);
                }
            }
            let config = if self.spend(e.config.len()) { e.config.clone() } else { String::new() };
            self.elements.push(FlatElem { name, mark, config, at: e.at, anonymous: false, ports: e.ports });
        }
        let moved = |c: &Conn| Conn { from: c.from + first, to: c.to + first, ..*c };
        self.conns.extend(body.conns.iter().map(moved));
        (first + 2..self.elements.len()).collect()
    }
}

fn mark(what: What, i: usize) -> Mark {
    match what {
        What::Class(id) => Mark::Real(id),
        What::Part(Part::Outer) => Mark::Outer { input: i + 1, output: i + 2 },
        What::Part(Part::Input) => Mark::Input(i.saturating_sub(1)),
        What::Part(Part::Output) => Mark::Output(i.saturating_sub(2)),
    }
}
