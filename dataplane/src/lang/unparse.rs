//! Printing a flat graph as a configuration, as Click's `flatconfig` handler does.

use super::{Connection, Flat};
use crate::args::quote;
use alloc::{format, string::String, vec, vec::Vec};
use hashbrown::HashMap;

impl Flat {
    /// Whether the configuration requires `compact_config`: then this is all that is known of it.
    pub fn is_compact(&self) -> bool {
        self.requirements.iter().any(|r| r.kind == "compact_config")
    }

    /// The graph as Click prints it: requirements, declarations, connections as chains.
    pub fn unparse(&self) -> String {
        let mut out = String::new();
        if !self.requirements.is_empty() {
            let list = self.requirements.iter().map(|r| match &*r.value {
                "" => r.kind.clone(),
                value => format!("{} {}", r.kind, quote(value.as_bytes())),
            });
            out += &format!("require({});\n\n", list.collect::<Vec<_>>().join(", "));
        }
        for e in &self.elements {
            out += &format!("{} :: {}", e.name, e.class);
            if !e.config.is_empty() {
                out += &format!("({})", e.config);
            }
            out += ";\n";
        }
        if !self.elements.is_empty() {
            out.push('\n');
        }
        self.chains(&mut out);
        out
    }

    fn chains(&self, out: &mut String) {
        let n = self.connections.len();
        let name = |i: usize| self.elements.get(i).map_or("", |e| &e.name);
        let (next, mut starts) = self.successors();
        let mut used = vec![false; n];
        loop {
            for first in 0..n {
                if used[first] || !starts[first] {
                    continue;
                }
                let c = &self.connections[first];
                *out += name(c.from);
                if c.from_port > 0 {
                    *out += &format!(" [{}]", c.from_port);
                }
                let mut at = Some(first);
                while let Some(d) = at.filter(|d| !used[*d]) {
                    *out += if d == first { " -> " } else { "\n    -> " };
                    let c = &self.connections[d];
                    if c.to_port > 0 {
                        *out += &format!("[{}] ", c.to_port);
                    }
                    *out += name(c.to);
                    used[d] = true;
                    at = next[d];
                }
                *out += ";\n";
            }
            // What is left is cycles: start the next one anywhere.
            let Some(left) = used.iter().position(|u| !u) else { return };
            starts[left] = true;
        }
    }

    /// For each connection the one that continues it in a chain, and whether it starts a chain.
    /// A chain goes on from input 0 through output 0, best into another input 0.
    fn successors(&self) -> (Vec<Option<usize>>, Vec<bool>) {
        let mut leaving: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (i, c) in self.connections.iter().enumerate() {
            leaving.entry((c.from, c.from_port)).or_default().push(i);
        }
        let to_zero = |i: &&usize| self.connections[**i].to_port == 0;
        let mut starts = vec![true; self.connections.len()];
        let follow = |(i, c): (usize, &Connection)| {
            let all = leaving.get(&(c.to, c.to_port)).filter(|_| c.to_port == 0)?;
            let others = || all.iter().filter(|d| **d != i);
            let next = others().find(to_zero).or_else(|| others().next_back())?;
            Some(*next)
        };
        let next: Vec<Option<usize>> = self.connections.iter().enumerate().map(follow).collect();
        next.iter().flatten().for_each(|i| starts[*i] = false);
        (next, starts)
    }
}
