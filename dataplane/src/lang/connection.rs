//! Connections and the declarations in them: `a, b :: Class(args) [1] -> [0] c => ( ... )`.

use super::{
    body::{ClassId, Part, What},
    lexer::{Kind, Lexer, Token},
    parser::{Parser, Scope},
    place::Spot,
    ports::{End, Ports},
};
use alloc::{format, string::String, vec::Vec};

/// One element of a list `x, y` between two arrows.
struct Item {
    name: String,
    at: Spot,
    /// The class that the name is, or the class of an element written in place.
    class: Option<ClassId>,
    /// The class after `::`.
    declared: Option<ClassId>,
    /// The element, where it is known already: groups and left out `input` and `output`.
    element: Option<usize>,
    /// Nothing but a name so far: a list of such takes the class of its last.
    bare: bool,
    config: String,
    configured: bool,
    inputs: Ports,
    outputs: Ports,
}

impl Item {
    fn new(name: &str, at: Spot, inputs: Ports) -> Self {
        Item {
            name: name.into(),
            at,
            class: None,
            declared: None,
            element: None,
            bare: false,
            config: String::new(),
            configured: false,
            inputs,
            outputs: Ports::default(),
        }
    }
}

fn is_arrow(t: &Token<'_>) -> bool {
    matches!(t.kind, Kind::Arrow | Kind::DoubleArrow)
}

impl Parser<'_> {
    pub(super) fn connection(&mut self, lx: &mut Lexer<'_>, scope: &mut Scope) {
        let mut last: Vec<End> = Vec::new();
        let mut arrow: Option<Token<'_>> = None;
        while let Some(ends) = self.elements(lx, scope, arrow.is_none()) {
            match &arrow {
                None if ends.iter().any(|e| !e.inputs.is_empty()) => {
                    self.sink.error(lx.last_end, "input ports ignored at start of chain");
                }
                None => {}
                Some(a) => self.connect_all(&last, &ends, a.kind == Kind::DoubleArrow, a.at),
            }
            last = ends;
            let t = lx.lex(&mut self.sink);
            match t.kind {
                Kind::Arrow | Kind::DoubleArrow => {
                    arrow = Some(t);
                    continue;
                }
                Kind::Char(';') | Kind::End => {}
                Kind::Ident | Kind::Char('{' | '}' | '[' | ')') | Kind::Bars => lx.unlex(t),
                Kind::ElementClass | Kind::Require | Kind::Provide | Kind::Define => lx.unlex(t),
                _ => {
                    self.syntax(&t);
                    self.recover(lx, &t);
                }
            }
            break;
        }
        if last.iter().any(|e| !e.outputs.is_empty()) {
            self.sink.error(lx.last_end, "output ports ignored at end of chain");
        }
        let output = self.body.names.get("output");
        scope.ends_output = matches!(&last[..], [only] if Some(&only.element) == output);
    }

    /// The elements up to the next arrow or the end of the statement. `None` if there are none.
    fn elements(&mut self, lx: &mut Lexer<'_>, scope: &Scope, first: bool) -> Option<Vec<End>> {
        let mut items: Vec<Item> = Vec::new();
        let mut left_out = false;
        loop {
            let inputs = self.ports(lx);
            let t = lx.lex(&mut self.sink);
            match t.kind {
                Kind::Ident => {
                    let mut item = Item { bare: true, ..Item::new(t.text, t.at, inputs) };
                    item.class = self.class(t.text);
                    self.finish_item(lx, &mut item);
                    items.push(item);
                }
                Kind::Char('{') => {
                    let class = self.compound(lx, "");
                    let mut item = Item { class: Some(class), ..Item::new("", t.at, inputs) };
                    self.finish_item(lx, &mut item);
                    items.push(item);
                }
                Kind::Char('(') => {
                    let (element, ports) = self.group(lx, t.at);
                    let name = self.body.elements[element].name.clone();
                    let mut item = Item { element: Some(element), ..Item::new(&name, t.at, inputs) };
                    // A group has all its ports on both sides unless told otherwise.
                    self.finish_item(lx, &mut item);
                    item.inputs.or_all(ports[0]);
                    item.outputs.or_all(ports[1]);
                    items.push(item);
                }
                _ => match self.left_out(&t, scope, first, items.is_empty(), &inputs) {
                    Some(element) => {
                        left_out = true;
                        lx.unlex(t);
                        let mut item = Item { element: Some(element), ..Item::new("", t.at, inputs) };
                        if first {
                            core::mem::swap(&mut item.inputs, &mut item.outputs);
                        }
                        items.push(item);
                    }
                    None if items.is_empty() => {
                        self.nothing_there(lx, &t);
                        return None;
                    }
                    None => {
                        lx.unlex(t);
                        break;
                    }
                },
            }
            let t = lx.lex(&mut self.sink);
            if !t.is(',') {
                lx.unlex(t);
                break;
            }
        }
        let next = lx.lex(&mut self.sink);
        lx.unlex(next);
        if left_out && !first && is_arrow(&next) {
            self.sink.error(next.at, "implicit ports used in the middle of a chain");
        }
        if first && !is_arrow(&next) && !left_out {
            spread(&mut items);
        }
        let ends = items.into_iter().map(|mut item| {
            let element = self.element(&mut item);
            End { element, inputs: item.inputs, outputs: item.outputs }
        });
        Some(ends.collect())
    }

    /// Where an element should be stands `t`. Inside compounds and groups that may mean `input`
    /// or `output`; returns that element.
    fn left_out(&mut self, t: &Token<'_>, scope: &Scope, first: bool, alone: bool, ports: &Ports) -> Option<usize> {
        let given = !ports.is_empty();
        let meant = scope.nested
            && match t.kind {
                Kind::Arrow | Kind::DoubleArrow => first && (given || alone),
                Kind::Char(',') => given,
                Kind::Colons => false,
                _ => !first && (given || alone),
            };
        if !meant {
            if given {
                self.sink.error(t.at, "stranded port ignored");
            }
            return None;
        }
        if first && !given && !scope.ends_output {
            let a = t.text;
            self.sink.warning(t.at, format!("suggest ‘input {a}’ or ‘[0] {a}’ to start connection"));
        }
        self.body.names.get(if first { "input" } else { "output" }).copied()
    }

    fn nothing_there<'s>(&mut self, lx: &mut Lexer<'s>, t: &Token<'s>) {
        self.syntax(t);
        match t.kind {
            Kind::Char(';') => {}
            Kind::End | Kind::Char('}' | ')') | Kind::Bars => lx.unlex(*t),
            _ => self.recover(lx, t),
        }
    }

    /// What may follow a name: `:: Class`, a configuration, output ports.
    fn finish_item(&mut self, lx: &mut Lexer<'_>, item: &mut Item) {
        let mut t = lx.lex(&mut self.sink);
        if t.kind == Kind::Colons {
            item.bare = false;
            t = lx.lex(&mut self.sink);
            match t.kind {
                Kind::Ident => {
                    item.declared = Some(self.class_or_error(t.text, t.at));
                    t = lx.lex(&mut self.sink);
                }
                Kind::Char('{') => {
                    item.declared = Some(self.compound(lx, ""));
                    t = lx.lex(&mut self.sink);
                }
                _ => {
                    self.sink.error(t.at, "missing element type in declaration");
                    item.declared = Some(self.no_class());
                }
            }
        }
        if t.is('(') {
            let known = item.element.is_some() || self.body.names.contains_key(&item.name);
            if known && item.declared.is_none() {
                self.sink.error(t.at, "configuration string ignored on element reference");
            }
            item.config = lx.config(&mut self.sink);
            item.configured = true;
            item.bare = false;
            self.expect(lx, ')', Some(t.at));
        } else {
            lx.unlex(t);
        }
        item.outputs = self.ports(lx);
    }

    /// The element that an item names or declares.
    fn element(&mut self, item: &mut Item) -> usize {
        if let Some(element) = item.element {
            if item.declared.is_some() {
                self.sink.error(item.at, format!("redeclaration of element ‘{}’", item.name));
            }
            return element;
        }
        let known = self.body.names.get(&item.name).copied();
        let config = core::mem::take(&mut item.config);
        match (item.class, known, item.declared) {
            (Some(class), _, declared) => {
                if declared.is_some() {
                    self.sink.error(item.at, format!("class ‘{}’ used as element name", item.name));
                }
                self.body.add_anonymous(&item.name, What::Class(class), config, item.at)
            }
            (None, Some(i), None) => i,
            (None, Some(i), Some(class)) => {
                self.redeclared(i, item, class, config);
                i
            }
            (None, None, Some(class)) => {
                let i = self.body.add(item.name.clone(), What::Class(class), config, item.at);
                self.body.names.insert(item.name.clone(), i);
                if item.name.split('/').any(|part| part.bytes().all(|c| c.is_ascii_digit())) {
                    let message = format!("element name ‘{}’ has all-digit component", item.name);
                    self.sink.error(item.at, message);
                }
                i
            }
            (None, None, None) => self.undeclared(item, config),
        }
    }

    /// Reports an undeclared element, once: it exists from now on, but leads to no more errors.
    fn undeclared(&mut self, item: &Item, config: String) -> usize {
        let hint = if item.configured { self.class_hint(&item.name) } else { self.name_hint(&item.name) };
        let number = self.sink.found.len();
        self.sink.error_hint(item.at, format!("undeclared element ‘{}’", item.name), hint);
        let class = self.no_class();
        let i = self.body.add(item.name.clone(), What::Class(class), config, item.at);
        self.body.elements[i].undeclared = Some(number);
        self.body.names.insert(item.name.clone(), i);
        i
    }

    fn redeclared(&mut self, i: usize, item: &Item, class: ClassId, config: String) {
        let old = &mut self.body.elements[i];
        if let Some(number) = old.undeclared.take() {
            // Used first and declared now: one mistake, reported already.
            (old.what, old.config, old.at) = (What::Class(class), config, item.at);
            if let Some(d) = self.sink.found.get_mut(number) {
                d.hint = Some(format!("‘{}’ is declared later, at line {}: move it up", item.name, item.at.line));
            }
            return;
        }
        let mut d = super::Diagnostic::error(
            Some(self.sink.place(item.at)),
            format!("redeclaration of element ‘{}’", item.name),
        );
        if !matches!(old.what, What::Part(Part::Outer | Part::Input | Part::Output)) {
            let at = self.sink.place(old.at);
            d = d.note(Some(at), format!("element ‘{}’ previously declared here", item.name));
        }
        self.sink.push(d);
    }
}

/// `a, b :: Class(args);` declares all with the class and arguments of the last.
fn spread(items: &mut [Item]) {
    let plain = items.iter().all(|i| i.inputs.is_empty() && i.outputs.is_empty());
    let Some((last, before)) = items.split_last_mut() else { return };
    if plain && last.declared.is_some() && before.iter().all(|i| i.bare) {
        for item in before {
            item.declared = last.declared;
            item.config = last.config.clone();
        }
    }
}
