//! Removing the marks that expansion left: what leads into a compound continues at its `input`,
//! what leads into its `output` continues behind it.

use super::{
    Connection, Declared, Flat,
    body::{Class, Conn},
    flatten::{Flattener, Mark},
};
use alloc::{format, string::String, vec, vec::Vec};
use hashbrown::HashSet;

/// How many connections may be added by going through marks.
const MOST_ADDED: usize = 1 << 20;
/// How many steps through marks all connections together may take.
const MOST_STEPS: usize = 1 << 24;

type Port = (usize, u32);

impl Flattener<'_> {
    /// The flat graph of what was expanded.
    pub(super) fn finish(mut self, classes: &[Class]) -> Flat {
        self.conns.sort_by_key(|c| (c.from, c.from_port));
        self.check_ports();
        let found = self.walk();
        let mut numbers = vec![usize::MAX; self.elements.len()];
        let mut flat = Flat::default();
        for (i, e) in core::mem::take(&mut self.elements).into_iter().enumerate() {
            let Mark::Real(id) = e.mark else { continue };
            let class = match &classes[id] {
                Class::Primitive(class) => class.as_str(),
                Class::Unknown => super::UNKNOWN, // reported; what is around it can still be checked
                Class::Compound(_) => continue,
            };
            numbers[i] = flat.elements.len();
            let at = self.sink.place(e.at);
            flat.elements.push(Declared { name: e.name, class: class.into(), config: e.config, at });
        }
        // Click's order, by input port; it decides what is printed and stepped through first.
        let mut ends: Vec<(Port, Port, Conn)> = vec![];
        for c in found {
            let (from, to) = (numbers[c.from], numbers[c.to]);
            if from != usize::MAX && to != usize::MAX {
                ends.push(((to, c.to_port), (from, c.from_port), c));
            }
        }
        ends.sort_by_key(|e| (e.0, e.1));
        ends.dedup_by_key(|e| (e.0, e.1));
        flat.connections = ends
            .into_iter()
            .map(|((to, to_port), (from, from_port), c)| Connection {
                from,
                from_port: from_port as usize,
                to,
                to_port: to_port as usize,
                at: self.sink.place(c.at),
            })
            .collect();
        flat
    }

    /// The connections that leave an output port. `conns` is sorted by it.
    fn leaving(&self, port: Port) -> &[Conn] {
        let from = self.conns.partition_point(|c| (c.from, c.from_port) < port);
        let to = self.conns.partition_point(|c| (c.from, c.from_port) <= port);
        &self.conns[from..to]
    }

    /// Connections between real elements, through all marks.
    fn walk(&mut self) -> Vec<Conn> {
        let mut found = vec![];
        let mut steps = 0;
        for start in &self.conns {
            if !matches!(self.elements[start.from].mark, Mark::Real(_)) {
                continue;
            }
            let mut todo = vec![(start.to, start.to_port)];
            let mut seen = HashSet::new();
            while let Some((to, to_port)) = todo.pop() {
                let next = match self.elements[to].mark {
                    Mark::Real(_) => {
                        found.push(Conn { to, to_port, ..*start });
                        continue;
                    }
                    Mark::Outer { input, .. } => (input, to_port),
                    Mark::Output(outer) => (outer, to_port),
                    Mark::Input(_) | Mark::Dead => continue,
                };
                if seen.insert(next) {
                    let leaving = self.leaving(next);
                    steps += 1 + leaving.len();
                    todo.extend(leaving.iter().map(|c| (c.to, c.to_port)));
                }
            }
            if steps > MOST_STEPS || found.len() > self.conns.len() + MOST_ADDED {
                self.overflow("too many connections");
                break;
            }
        }
        found
    }

    /// Ports of compounds and groups that only one side uses.
    fn check_ports(&mut self) {
        let entered: HashSet<Port> = self.conns.iter().map(|c| (c.to, c.to_port)).collect();
        let left: HashSet<Port> = self.conns.iter().map(|c| (c.from, c.from_port)).collect();
        let mut said: HashSet<(Port, bool)> = HashSet::new();
        let mut errors: Vec<(usize, String)> = vec![];
        let mut by_text: Vec<&Conn> = self.conns.iter().collect();
        by_text.sort_by_key(|c| (c.at.file, c.at.line, c.at.column));
        for c in by_text {
            let (from, to) = (self.elements[c.from].mark, self.elements[c.to].mark);
            let from_port = c.from_port;
            let about = match from {
                Mark::Input(outer) if !entered.contains(&(outer, from_port)) => {
                    Some((outer, format!("input {from_port} unused")))
                }
                Mark::Outer { output, .. } if !entered.contains(&(output, from_port)) => {
                    Some((c.from, format!("has no output {from_port}")))
                }
                _ => None,
            };
            if let Some((outer, what)) = about
                && said.insert(((c.from, from_port), true))
            {
                errors.push((outer, what));
            }
            let to_port = c.to_port;
            let about = match to {
                Mark::Outer { input, .. } if !left.contains(&(input, to_port)) => {
                    Some((c.to, format!("has no input {to_port}")))
                }
                Mark::Output(outer) if !left.contains(&(outer, to_port)) => {
                    Some((outer, format!("output {to_port} unused")))
                }
                _ => None,
            };
            if let Some((outer, what)) = about
                && said.insert(((c.to, to_port), false))
            {
                errors.push((outer, what));
            }
        }
        for (outer, what) in errors {
            let e = &self.elements[outer];
            // An outer mark that died was reported as a whole.
            if matches!(e.mark, Mark::Outer { .. }) {
                self.sink.error(e.at, format!("‘{}’ {what}", e.name));
            }
        }
    }
}
