//! Port lists such as `[0, 2-3]` and how two of them are joined by `->` or `=>`.

use super::{
    body::Conn,
    lexer::{Kind, Lexer},
    parser::Parser,
    place::Spot,
};
use crate::args::parse_int;
use alloc::{format, string::String, vec, vec::Vec};

/// The highest port number. Click allocates by it; nothing real comes near.
const HIGHEST: u32 = 65_535;

/// The ports written on one side of an element.
#[derive(Default)]
pub(super) struct Ports {
    list: Vec<u32>,
    /// `[0,]`: as many more, counting up, as the other side has.
    expandable: bool,
    given: bool,
}

impl Ports {
    pub(super) fn is_empty(&self) -> bool {
        !self.given
    }

    /// All of `0..n`, unless ports were given.
    pub(super) fn or_all(&mut self, n: u32) {
        if !self.given && n > 0 {
            *self = Ports { list: (0..n).collect(), expandable: false, given: true };
        }
    }
}

/// One element in a connection, with the ports written before and after it.
pub(super) struct End {
    pub(super) element: usize,
    pub(super) inputs: Ports,
    pub(super) outputs: Ports,
}

/// One side of a connection while it is being counted out.
struct Side {
    ports: Vec<(usize, Vec<u32>)>,
    /// How many ports there are before any list grows.
    least: usize,
    /// How many lists may grow, and the first of them.
    expandable: usize,
    grows: Option<usize>,
    /// One element without ports.
    bare: bool,
}

impl Side {
    fn new<'p>(ends: impl Iterator<Item = (usize, &'p Ports)>) -> Self {
        let mut side = Side { ports: Vec::new(), least: 0, expandable: 0, grows: None, bare: false };
        for (n, (element, ports)) in ends.enumerate() {
            side.bare = n == 0 && !ports.given;
            if ports.expandable {
                side.expandable += 1;
                side.grows = side.grows.or(Some(n));
            }
            let list = if ports.list.is_empty() { vec![0] } else { ports.list.clone() };
            side.least += list.len();
            side.ports.push((element, list));
        }
        side
    }

    fn expand_if_bare(&mut self, others: usize) {
        if self.bare && others > 1 {
            (self.expandable, self.grows) = (1, Some(0));
        }
    }

    /// Whether each connection takes the next port of this side, not always the same one.
    fn steps(&self) -> bool {
        self.least > 1 || self.expandable > 0
    }

    /// All ports of the side in order, with the list that may grow as long as the other side is.
    fn flat(self, others: usize) -> Vec<(usize, u32)> {
        let more = u32::try_from(others.saturating_sub(self.least)).unwrap_or(0);
        let mut out = Vec::new();
        for (n, (element, list)) in self.ports.into_iter().enumerate() {
            let next = list.last().map_or(0, |l| l + 1);
            out.extend(list.into_iter().map(|p| (element, p)));
            if self.grows == Some(n) {
                out.extend((next..next.saturating_add(more).min(HIGHEST + 1)).map(|p| (element, p)));
            }
        }
        out
    }
}

impl Parser<'_> {
    /// Reads `[...]`, if there is one.
    pub(super) fn ports(&mut self, lx: &mut Lexer<'_>) -> Ports {
        let mut ports = Ports::default();
        let t = lx.lex(&mut self.sink);
        if !t.is('[') {
            lx.unlex(t);
            return ports;
        }
        ports.given = true;
        loop {
            let t = lx.lex(&mut self.sink);
            if t.is(']') {
                if ports.list.is_empty() {
                    ports.list.push(0);
                }
                ports.expandable = true;
                return ports;
            }
            if t.kind != Kind::Ident {
                self.sink.error(t.at, "syntax error: expected port number");
                lx.unlex(t);
                return Ports::default();
            }
            let first = self.port_number(t.text, t.at);
            let mut next = lx.lex(&mut self.sink);
            let mut last = first;
            if next.is('-') {
                let end = lx.lex(&mut self.sink);
                if end.kind == Kind::Ident {
                    last = self.port_number(end.text, end.at);
                    next = lx.lex(&mut self.sink);
                } else {
                    self.sink.error(end.at, "syntax error: expected port number");
                    next = end;
                }
            }
            if last < first {
                self.sink.error(t.at, format!("port range {first}-{last} runs backwards"));
                last = first;
            }
            match self.ports_left.checked_sub(last - first) {
                Some(left) => {
                    self.ports_left = left;
                    ports.list.extend(first..=last);
                }
                None => self.sink.error(t.at, "too many ports"),
            }
            if next.is(']') {
                return ports;
            }
            if !next.is(',') {
                self.sink.error(next.at, "syntax error: expected ‘,’");
                lx.unlex(next);
                // Anything but a further number would only say the same again.
                if next.kind != Kind::Ident {
                    return Ports::default();
                }
            }
        }
    }

    fn port_number(&mut self, text: &str, at: Spot) -> u32 {
        match parse_int::<u32>(text) {
            Ok(n) if n <= HIGHEST => n,
            Ok(n) => {
                self.sink.error(at, format!("port number {n} is out of range (0 to {HIGHEST})"));
                0
            }
            Err(_) => {
                self.sink.error(at, "syntax error: port number should be integer");
                0
            }
        }
    }

    /// Joins all outputs of `from` to all inputs of `to`.
    pub(super) fn connect_all(&mut self, from: &[End], to: &[End], double: bool, at: Spot) {
        let mut inputs = Side::new(to.iter().map(|e| (e.element, &e.inputs)));
        let mut outputs = Side::new(from.iter().map(|e| (e.element, &e.outputs)));
        if inputs.expandable + outputs.expandable > 1 {
            self.sink.error(at, "at most one expandable port allowed per connection");
            let keep = if inputs.least < outputs.least { &mut outputs } else { &mut inputs };
            (keep.expandable, keep.grows) = (0, None);
        }
        // `=>` counts up on the side that names no port at all.
        if double {
            inputs.expand_if_bare(outputs.least);
            outputs.expand_if_bare(inputs.least);
        }
        if inputs.steps() && outputs.steps() {
            if !double {
                self.sink.error(at, "syntax error: many-to-many connections require ‘=>’");
            }
            let (i, o) = (inputs.least, outputs.least);
            let mismatch = match (inputs.expandable > 0, outputs.expandable > 0) {
                (false, false) if i != o => format!("{o} outputs connected to {i} inputs"),
                (false, _) if i < o => format!("{o} or more outputs connected to {i} inputs"),
                (_, false) if o < i => format!("{o} outputs connected to {i} or more inputs"),
                _ => String::new(),
            };
            if !mismatch.is_empty() {
                self.sink.error(at, format!("connection mismatch: {mismatch}"));
            }
        }
        let (many_in, many_out) = (inputs.steps(), outputs.steps());
        let (least_in, least_out) = (inputs.least, outputs.least);
        let (inputs, outputs) = (inputs.flat(least_out), outputs.flat(least_in));
        let pairs = match (many_out, many_in) {
            (false, _) => inputs.len(),
            (true, false) => outputs.len(),
            (true, true) => inputs.len().min(outputs.len()),
        };
        for i in 0..pairs {
            let from = outputs.get(if many_out { i } else { 0 });
            let to = inputs.get(if many_in { i } else { 0 });
            if let (Some(&(from, from_port)), Some(&(to, to_port))) = (from, to) {
                self.body.connect(Conn { from, from_port, to, to_port, at });
            }
        }
    }
}
