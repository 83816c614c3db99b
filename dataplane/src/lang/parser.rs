//! Tokens to bodies: blocks of statements, classes and groups.
//!
//! One pass, as in Click: an element must be declared before it is used, or where it is first
//! used, and a class before its first element. After an error the parser skips to the end of the
//! statement and goes on, so one reading finds every mistake.

use super::{
    Classes, Loader, Requirement,
    body::{Body, Class, ClassId, Part, What},
    lexer::{Kind, Lexer, Token},
    place::Spot,
    sink::Sink,
    suggest::did_you_mean,
};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};
use hashbrown::HashMap;

/// Click's limit on compound elements and groups within each other.
pub(super) const DEEPEST: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    File,
    Compound,
    Group,
}

/// How a block ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Closed,
    Bars,
    Text,
}

/// The block being read.
pub(super) struct Scope {
    /// Whether `input` and `output` may be left out.
    pub(super) nested: bool,
    /// Whether the last connection ended at `output`.
    pub(super) ends_output: bool,
}

pub(super) struct Parser<'a> {
    pub(super) sink: Sink,
    table: &'a dyn Classes,
    pub(super) loader: Option<&'a mut dyn Loader>,
    pub(super) classes: Vec<Class>,
    primitives: HashMap<String, ClassId>,
    scopes: Vec<HashMap<String, ClassId>>,
    pub(super) body: Body,
    /// How many ports the file's port ranges may still expand to.
    pub(super) ports_left: u32,
    pub(super) nesting: usize,
    pub(super) loaded: Vec<String>,
    pub(super) requirements: Vec<Requirement>,
    pub(super) provides: Vec<String>,
    /// Where the text ended, which is where Click reports errors of compound elements.
    pub(super) end: Spot,
}

impl<'a> Parser<'a> {
    pub(super) fn new(table: &'a dyn Classes, loader: Option<&'a mut dyn Loader>, mut sink: Sink, file: &str) -> Self {
        let start = Spot { file: sink.file(file), line: 1, column: 1 };
        Parser {
            sink,
            table,
            loader,
            classes: Vec::new(),
            primitives: HashMap::new(),
            scopes: vec![HashMap::new()],
            body: Body::new("", start, 0),
            ports_left: 1 << 20,
            nesting: 0,
            loaded: Vec::new(),
            requirements: Vec::new(),
            provides: Vec::new(),
            end: start,
        }
    }

    pub(super) fn file(&mut self, text: &str, file: &str) {
        let mut lx = Lexer::new(text, self.sink.file(file));
        self.block(&mut lx, Block::File);
        self.end = lx.spot();
    }

    pub(super) fn syntax(&mut self, t: &Token<'_>) {
        let hint = (t.kind == Kind::End).then(|| String::from("the text ends here"));
        let shown: String = t.text.chars().flat_map(printable).collect();
        self.sink.error_hint(t.at, format!("syntax error near ‘{shown}’"), hint);
    }

    pub(super) fn expect(&mut self, lx: &mut Lexer<'_>, c: char, opened: Option<Spot>) -> bool {
        let before = lx.last_end;
        let t = lx.lex(&mut self.sink);
        if t.is(c) {
            return true;
        }
        lx.unlex(t);
        let open = lx.unterminated.take().or(opened.map(|s| ("parenthesis", s)));
        let hint = open.map(|(what, s)| format!("unterminated {what} at line {}, column {}", s.line, s.column));
        self.sink.error_hint(before, format!("expected '{c}'"), hint);
        false
    }

    pub(super) fn block(&mut self, lx: &mut Lexer<'_>, block: Block) -> Ended {
        let nested = block == Block::Group || self.body.depth > 0;
        let mut scope = Scope { nested, ends_output: true };
        loop {
            let t = lx.lex(&mut self.sink);
            if self.sink.full() {
                return Ended::Text;
            }
            match t.kind {
                Kind::Ident | Kind::Arrow | Kind::DoubleArrow | Kind::Char('[' | '{' | '(') => {
                    lx.unlex(t);
                    self.connection(lx, &mut scope);
                }
                Kind::ElementClass => self.elementclass(lx),
                Kind::Require => self.require(lx),
                Kind::Provide => self.provide(lx),
                Kind::Define => self.define(lx),
                Kind::Char(';') => {}
                Kind::Char('}') if block == Block::Compound => return Ended::Closed,
                Kind::Bars if block == Block::Compound => return Ended::Bars,
                Kind::Char(')') if block == Block::Group => return Ended::Closed,
                Kind::Char('}') | Kind::Bars if block == Block::Group => {
                    self.syntax(&t);
                    lx.unlex(t);
                    return Ended::Closed;
                }
                Kind::End => {
                    let closing = if block == Block::Group { ')' } else { '}' };
                    if block != Block::File {
                        self.sink.error(t.at, format!("expected ‘{closing}’"));
                    }
                    return Ended::Text;
                }
                _ => {
                    self.syntax(&t);
                    self.recover(lx, &t);
                }
            }
        }
    }

    /// After an error at `bad`: on to the next thing that looks like a statement.
    pub(super) fn recover<'s>(&mut self, lx: &mut Lexer<'s>, bad: &Token<'s>) {
        let mut t = *bad;
        loop {
            match t.kind {
                Kind::Char(';') => return,
                Kind::End | Kind::Char('}' | ')') | Kind::Bars => {
                    // The bad token itself would be read, and reported, once more.
                    if t.at != bad.at || t.kind == Kind::End {
                        lx.unlex(t);
                    }
                    return;
                }
                Kind::ElementClass | Kind::Require | Kind::Provide | Kind::Define => return lx.unlex(t),
                Kind::Char('{') => self.skip_braces(lx),
                Kind::Char('(') => self.skip_parens(lx),
                Kind::Ident if t.at.line != bad.at.line => {
                    let next = lx.lex(&mut self.sink);
                    let starts = matches!(next.kind, Kind::Colons | Kind::Arrow | Kind::DoubleArrow);
                    lx.unlex(next);
                    if starts {
                        return lx.unlex(t);
                    }
                }
                _ => {}
            }
            t = lx.lex(&mut self.sink);
        }
    }

    fn skip_parens(&mut self, lx: &mut Lexer<'_>) {
        lx.config(&mut self.sink);
        let t = lx.lex(&mut self.sink);
        if !t.is(')') {
            lx.unlex(t);
        }
    }

    fn skip_braces(&mut self, lx: &mut Lexer<'_>) {
        let mut level = 1;
        while level > 0 {
            let t = lx.lex(&mut self.sink);
            match t.kind {
                Kind::End => return lx.unlex(t),
                Kind::Char('{') => level += 1,
                Kind::Char('}') => level -= 1,
                Kind::Char('(') => self.skip_parens(lx),
                _ => {}
            }
        }
    }

    /// The class of this name that is visible here.
    pub(super) fn class(&mut self, name: &str) -> Option<ClassId> {
        if let Some(id) = self.scopes.iter().rev().find_map(|s| s.get(name)) {
            return Some(*id);
        }
        if let Some(id) = self.primitives.get(name) {
            return Some(*id);
        }
        if !self.table.exists(name) {
            return None;
        }
        let id = self.new_class(Class::Primitive(name.into()));
        self.primitives.insert(name.into(), id);
        Some(id)
    }

    fn new_class(&mut self, class: Class) -> ClassId {
        self.classes.push(class);
        self.classes.len() - 1
    }

    fn bind(&mut self, name: &str, id: ClassId) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.into(), id);
        }
    }

    fn class_names(&self) -> Vec<&str> {
        let mut names = self.table.names();
        names.extend(self.scopes.iter().flat_map(|s| s.keys()).map(String::as_str));
        names
    }

    pub(super) fn class_hint(&mut self, name: &str) -> Option<String> {
        let count = self.scopes.iter().map(HashMap::len).sum();
        if self.sink.suggesting(count) { did_you_mean(name, self.class_names()) } else { None }
    }

    /// A hint for a name that is neither element nor class.
    pub(super) fn name_hint(&mut self, name: &str) -> Option<String> {
        let count = self.body.names.len() + self.scopes.iter().map(HashMap::len).sum::<usize>();
        if !self.sink.suggesting(count) {
            return None;
        }
        let declared = self.body.names.keys().map(String::as_str);
        did_you_mean(name, declared.chain(self.class_names()))
    }

    /// The class of this name; if there is none, that is an error, said once per name.
    pub(super) fn class_or_error(&mut self, name: &str, at: Spot) -> ClassId {
        self.class(name).unwrap_or_else(|| {
            let hint = self.class_hint(name);
            self.sink.error_hint(at, format!("unknown element class ‘{name}’"), hint);
            self.unknown_class(name)
        })
    }

    /// A class whose elements are dropped silently.
    pub(super) fn no_class(&mut self) -> ClassId {
        self.new_class(Class::Unknown)
    }

    pub(super) fn unknown_class(&mut self, name: &str) -> ClassId {
        let id = self.new_class(Class::Unknown);
        self.bind(name, id);
        id
    }

    fn elementclass(&mut self, lx: &mut Lexer<'_>) {
        let name = lx.lex(&mut self.sink);
        if name.kind != Kind::Ident {
            self.sink.error(name.at, "expected element type name");
            return self.recover(lx, &name);
        }
        let next = lx.lex(&mut self.sink);
        match next.kind {
            Kind::Char('{') => {
                self.compound(lx, name.text);
            }
            Kind::Ident => {
                let id = self.class_or_error(next.text, next.at);
                self.bind(name.text, id);
            }
            _ => {
                self.syntax(&next);
                self.unknown_class(name.text);
                self.recover(lx, &next);
            }
        }
    }

    /// The inside of a compound element, after its `{`, up to and with its `}`. Returns its class.
    pub(super) fn compound(&mut self, lx: &mut Lexer<'_>, name: &str) -> ClassId {
        let (mut first, mut last): (Option<ClassId>, Option<ClassId>) = (None, None);
        let mut extends = None;
        loop {
            let t = lx.lex(&mut self.sink);
            if t.kind == Kind::Dots {
                extends = Some(self.class(name).unwrap_or_else(|| {
                    self.sink.error(t.at, format!("cannot extend unknown element class ‘{name}’"));
                    self.unknown_class(name)
                }));
                let next = lx.lex(&mut self.sink);
                if first.is_none() || !next.is('}') {
                    self.sink.error(t.at, "‘...’ should occur last, after one or more compounds");
                }
                if next.is('}') {
                    break;
                }
                lx.unlex(next);
                continue;
            }
            lx.unlex(t);
            if self.nesting >= DEEPEST {
                self.sink.error(t.at, "maximum compound element nesting depth exceeded");
                self.skip_braces(lx);
                break;
            }
            let (id, ended) = self.compound_body(lx, name, t.at);
            if let Some(Class::Compound(b)) = last.and_then(|l: ClassId| self.classes.get_mut(l)) {
                b.overload = Some(id);
            }
            first = first.or(Some(id));
            last = Some(id);
            if ended != Ended::Bars {
                break;
            }
        }
        if let (Some(_), Some(Class::Compound(b))) = (extends, last.and_then(|l| self.classes.get_mut(l))) {
            b.overload = extends;
        }
        let id = first.unwrap_or_else(|| self.new_class(Class::Unknown));
        if !name.is_empty() {
            self.bind(name, id);
        }
        id
    }

    fn compound_body(&mut self, lx: &mut Lexer<'_>, name: &str, at: Spot) -> (ClassId, Ended) {
        let depth = self.body.depth + 1;
        let outside = Box::new(core::mem::replace(&mut self.body, Body::compound(name, at, depth)));
        self.scopes.push(HashMap::new());
        self.nesting += 1;
        self.formals(lx);
        let ended = self.block(lx, Block::Compound);
        self.nesting -= 1;
        self.scopes.pop();
        let mut body = core::mem::replace(&mut self.body, *outside);
        for (which, output) in [(0, false), (1, true)] {
            let (ports, errors) = body.check_pseudo(which, output, body.printable_name());
            body.ports[which] = ports;
            // A body cut short by the end of the text has enough errors.
            if ended != Ended::Text {
                errors.into_iter().for_each(|e| self.sink.error(at, e));
            }
        }
        (0..body.elements.len()).for_each(|i| body.settle_name(i));
        (self.new_class(Class::Compound(Box::new(body))), ended)
    }

    /// `( ... )`: the inside up to and with the parenthesis. Returns the element that stands for
    /// it and its ports.
    pub(super) fn group(&mut self, lx: &mut Lexer<'_>, at: Spot) -> (usize, [u32; 2]) {
        let outer = self.body.add_anonymous("", What::Part(Part::Outer), String::new(), at);
        let input = self.body.add(String::new(), What::Part(Part::Input), String::new(), at);
        let output = self.body.add(String::new(), What::Part(Part::Output), String::new(), at);
        if self.nesting >= DEEPEST {
            self.sink.error(at, "maximum element group nesting depth exceeded");
            self.skip_parens(lx);
            return (outer, [0, 0]);
        }
        let hidden = [("input", input), ("output", output)].map(|(n, i)| (n, self.body.names.insert(n.into(), i)));
        self.nesting += 1;
        let ended = self.block(lx, Block::Group);
        self.nesting -= 1;
        for (name, old) in hidden {
            match old {
                Some(i) => self.body.names.insert(name.to_owned(), i),
                None => self.body.names.remove(name),
            };
        }
        let mut ports = [0, 0];
        if ended == Ended::Text {
            // Cut short: what it lacks is not worth a word.
            let nothing = self.no_class();
            self.body.elements[outer].what = What::Class(nothing);
            return (outer, ports);
        }
        for (side, which, output) in [(0, input, false), (1, output, true)] {
            let (n, errors) = self.body.check_pseudo(which, output, "<anonymous group>");
            ports[side] = n;
            errors.into_iter().for_each(|e| self.sink.error(lx.last_end, e));
        }
        (outer, ports)
    }
}

/// A character as Click prints it in a syntax error.
fn printable(c: char) -> Vec<char> {
    if (c as u32) < 32 { vec!['^', char::from((c as u8) + 64)] } else { vec![c] }
}
