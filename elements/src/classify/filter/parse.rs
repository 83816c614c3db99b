//! The grammar of the filter language:
//!
//! ```text
//! expr   ::= or [ ? expr : expr ]
//! or     ::= and { ("or" | "||") and }
//! and    ::= factor { ["and" | "&&"] factor }
//! factor ::= ("not" | "!") factor | "(" expr ")" | test
//! test   ::= "true" | "false" | { qualifier } [ "[" pos [":" len] "]" ] [ "&" mask ] [ operator ] value
//! ```
use super::expr::Expr;
use super::primitive::{Data, Field, Header, Kind, Mask, Notes, Op, Primitive, Side, number};
use super::words::{Meaning, lookup, split};
use super::{MAX_DEPTH, MAX_WORDS};
use alloc::format;
use alloc::string::String;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{EtherAddr, FromArg, Ipv4Prefix, NameDb, parse_int};

/// The words of a pattern that are still to be read.
struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    depth: usize,
    names: &'a NameDb,
    previous: Primitive,
    notes: &'a mut Notes,
}

/// Reads a pattern from its words. Errors go to `notes`; the result means nothing then.
pub(super) fn parse(words: &[&str], names: &NameDb, notes: &mut Notes) -> Expr {
    if let ["-" | "any" | "all"] | [] = words {
        return Expr::Const(true);
    }
    if words.len() > MAX_WORDS {
        notes.error(format!("more than {MAX_WORDS} words in a pattern"));
        return Expr::Const(false);
    }
    let mut p = Parser { words, at: 0, depth: 0, names, previous: Primitive::default(), notes };
    let expr = p.expr();
    if let Some(word) = p.word() {
        p.notes.error(format!("garbage after expression at ‘{word}’"));
    }
    expr
}

/// Reads a pattern.
pub(super) fn parse_text(text: &str, names: &NameDb, notes: &mut Notes) -> Expr {
    parse(&split(text), names, notes)
}

impl Parser<'_> {
    fn word(&self) -> Option<&str> {
        self.words.get(self.at).copied()
    }
    fn is(&self, any: &[&str]) -> bool {
        self.word().is_some_and(|w| any.contains(&w))
    }
    fn take(&mut self, any: &[&str]) -> bool {
        let found = self.is(any);
        self.at += usize::from(found);
        found
    }

    /// Goes one level deeper, or ends the pattern with an error.
    fn deeper(&mut self, f: impl FnOnce(&mut Self) -> Expr) -> Expr {
        if self.depth == MAX_DEPTH {
            self.notes.error(format!("more than {MAX_DEPTH} nested expressions"));
            self.at = self.words.len();
            return Expr::Const(false);
        }
        self.depth += 1;
        let e = f(self);
        self.depth -= 1;
        e
    }

    fn expr(&mut self) -> Expr {
        let condition = self.or();
        if !self.take(&["?"]) {
            return condition;
        }
        let before = self.at;
        let then = self.deeper(Self::expr);
        if self.at == before || !self.take(&[":"]) {
            self.notes.error("missing ‘:’ in ternary expression");
            return condition;
        }
        let otherwise = self.deeper(Self::expr);
        Expr::choose(condition, then, otherwise)
    }

    fn or(&mut self) -> Expr {
        let mut parts = alloc::vec![self.and()];
        while self.take(&["or", "||"]) {
            parts.push(self.and());
        }
        Expr::any(parts)
    }

    fn and(&mut self) -> Expr {
        let mut parts = alloc::vec::Vec::new();
        let mut wanted = true;
        loop {
            let before = self.at;
            let part = self.factor();
            if self.at == before {
                if wanted {
                    self.notes.error("missing expression");
                }
                return Expr::all(parts);
            }
            parts.push(part);
            wanted = self.take(&["and", "&&"]);
        }
    }

    fn factor(&mut self) -> Expr {
        let mut negated = false;
        let mut last = "";
        while let Some(&w @ ("not" | "!")) = self.words.get(self.at) {
            (negated, last) = (!negated, w);
            self.at += 1;
        }
        let before = self.at;
        let e = if self.take(&["("]) {
            let inside = self.at;
            let e = self.deeper(Self::expr);
            if self.at == inside {
                self.notes.error("missing expression after ‘(’");
            }
            if !self.take(&[")"]) && self.at != inside {
                self.notes.error("missing ‘)’");
            }
            e
        } else {
            self.test()
        };
        if self.at == before && !last.is_empty() {
            self.notes.error(format!("missing expression after ‘{last}’"));
        }
        if negated { e.not() } else { e }
    }

    fn test(&mut self) -> Expr {
        let fail = Expr::Const(false);
        if self.word().is_none() || self.is(&[")", "||", "or", "?", ":"]) {
            return fail;
        }
        if self.take(&["true"]) {
            return Expr::Const(true);
        }
        if self.take(&["false"]) {
            return fail;
        }
        let first = self.at;
        let mut p = Primitive::default();
        let (mut header, negated) = self.qualifiers(&mut p);
        // Words before the value mean that nothing is left out.
        if self.at != first {
            self.previous = Primitive::default();
        }
        if matches!(self.previous.data, Data::Ether(_)) {
            header = Some(Header::Ether);
        }
        if self.at > first && p.kind.is_none() && self.more() && self.take(&["["]) {
            self.brackets(&mut p);
        }
        let mask = self.mask(header);
        self.operator(&mut p);
        let known = self.value(&mut p, header);
        if self.at == first {
            let word = self.word().unwrap_or_default();
            self.notes.error(format!("empty term near ‘{word}’"));
            self.at = self.words.len();
            return fail;
        }
        if !known {
            return fail;
        }
        match p.check(&self.previous, header, mask, self.notes) {
            Ok(e) => {
                self.previous = p;
                if negated { e.not() } else { e }
            }
            Err(why) => {
                self.notes.error(why);
                fail
            }
        }
    }

    /// Whether a word follows the next one.
    fn more(&self) -> bool {
        self.at + 1 < self.words.len()
    }

    fn qualifiers(&mut self, p: &mut Primitive) -> (Option<Header>, bool) {
        let (mut header, mut negated) = (None, false);
        while let Some(&word) = self.words.get(self.at) {
            match (lookup(word, None, None, self.names), word) {
                (Meaning::Directive(kind), _) => {
                    p.set_kind(kind, self.notes);
                    if let Kind::Field(f) = kind
                        && let Some(proto) = f.proto()
                    {
                        p.set_proto(proto, self.notes);
                    }
                }
                (Meaning::Value(Kind::Proto, proto), _) => p.set_proto(proto, self.notes),
                (Meaning::Value(..) | Meaning::Wrong(_), _) => break,
                (Meaning::Unknown, "src") => {
                    let side = match self.words.get(self.at + 1..self.at + 3) {
                        Some(["and" | "&&", "dst" | "dest"]) => Side::Both,
                        Some(["or" | "||", "dst" | "dest"]) => Side::Either,
                        _ => Side::Src,
                    };
                    self.at += if side == Side::Src { 0 } else { 2 };
                    p.set_side(side, self.notes);
                }
                (Meaning::Unknown, "dst" | "dest") => p.set_side(Side::Dst, self.notes),
                (Meaning::Unknown, "ip" | "ether") if header.is_none() => {
                    header = Some(if word == "ip" { Header::Ip } else { Header::Ether });
                }
                (Meaning::Unknown, "not" | "!") => negated = !negated,
                _ => break,
            }
            self.at += 1;
        }
        (header, negated)
    }

    /// `pos]`, `pos:len]` or `first,last]`.
    fn brackets(&mut self, p: &mut Primitive) {
        let start = self.at;
        let inside: String = self.words[start..].iter().take_while(|w| **w != "]").copied().collect();
        self.at += self.words[start..].iter().take_while(|w| **w != "]").count();
        if !self.take(&["]"]) {
            self.notes.error("missing ‘]’");
            self.at = start;
            return;
        }
        let int = |t: &str| parse_int::<u32>(t).ok();
        let field = match (inside.split_once(':'), inside.split_once(',')) {
            (Some((pos, len)), _) => int(pos).zip(int(len)),
            (None, Some((pos, last))) => {
                int(pos).zip(int(last)).map(|(pos, last)| (pos, last.wrapping_sub(pos).wrapping_add(1)))
            }
            (None, None) => int(&inside).map(|pos| (pos, 1)),
        };
        let Some((pos, len)) = field else {
            return self.notes.error("syntax error after ‘[’, expected ‘[POS]’ or ‘[POS:LEN]’");
        };
        if !(1..=4).contains(&len) {
            self.notes.error("LEN in ‘[POS:LEN]’ out of range, should be between 1 and 4");
        } else if pos > 8191 {
            self.notes.error("POS in ‘[POS:LEN]’ out of range, bound 8191");
        } else if pos / 4 != (pos + len - 1) / 4 {
            self.notes.error(format!("field [{pos}:{len}] does not fit in a single word"));
        } else {
            p.set_kind(Kind::Field(Field::bytes(p.proto, pos, len)), self.notes);
        }
    }

    fn mask(&mut self, header: Option<Header>) -> Option<Mask> {
        if !self.is(&["&"]) || !self.more() {
            return None;
        }
        let text = self.words[self.at + 1];
        let mask = if let Ok(m) = parse_int(text) {
            Mask::Int(m)
        } else if let (true, Ok(a)) = (header != Some(Header::Ether), Ipv4Addr::from_arg(text, self.names)) {
            Mask::Host(number(a))
        } else if let (true, Ok(a)) = (header != Some(Header::Ip), EtherAddr::from_arg(text, self.names)) {
            Mask::Ether(ether(a))
        } else {
            return None;
        };
        self.at += 2;
        if matches!(mask, Mask::Int(0) | Mask::Host(0)) {
            self.notes.error("zero mask ignored");
            return None;
        }
        Some(mask)
    }

    fn operator(&mut self, p: &mut Primitive) {
        if !self.more() {
            return;
        }
        (p.op, p.negated) = match self.words[self.at] {
            "=" | "==" => (Op::Equal, false),
            "!=" => (Op::Equal, true),
            ">" => (Op::Greater, false),
            "<" => (Op::Less, false),
            ">=" => (Op::Less, true),
            "<=" => (Op::Greater, true),
            _ => return,
        };
        self.at += 1;
    }

    /// The value, if the next word is one. False if it is a name that cannot stand here.
    fn value(&mut self, p: &mut Primitive, header: Option<Header>) -> bool {
        let Some(&word) = self.words.get(self.at) else { return true };
        self.at += 1;
        match lookup(word, p.kind, p.proto, self.names) {
            Meaning::Wrong(why) => {
                self.notes.error(why);
                return false;
            }
            Meaning::Value(kind, v) => {
                p.data = Data::Named(kind, v);
                return true;
            }
            Meaning::Unknown | Meaning::Directive(_) => {}
        }
        let ip = header != Some(Header::Ether);
        if let Ok(v) = parse_int(word) {
            p.data = Data::Int(v);
        } else if let Some((low, high)) = range(word) {
            p.data = Data::Range(low, high);
        } else if let (true, Ok(a)) = (ip, Ipv4Addr::from_arg(word, self.names)) {
            let mask = self.words.get(self.at + 1).filter(|_| self.is(&["mask"]));
            if let Some(m) = mask.and_then(|m| Ipv4Addr::from_arg(m, self.names).ok()) {
                self.at += 2;
                p.data = Data::Net(number(a), number(m));
            } else if let (Some(Kind::Net), Ok(net)) = (p.kind, Ipv4Prefix::from_arg(word, self.names)) {
                p.data = Data::Net(number(net.addr), number(net.mask));
            } else {
                p.data = Data::Host(number(a));
            }
        } else if let (true, Ok(net)) = (ip, Ipv4Prefix::from_arg(word, self.names)) {
            p.data = Data::Net(number(net.addr), number(net.mask));
        } else if let (true, Ok(a)) = (header != Some(Header::Ip), EtherAddr::from_arg(word, self.names)) {
            p.data = Data::Ether(ether(a));
        } else {
            if p.op != Op::Equal || p.negated {
                self.notes.error(format!("dangling operator near ‘{word}’"));
            }
            self.at -= 1;
        }
        true
    }
}

/// `LOW-HIGH`, both decimal.
fn range(word: &str) -> Option<(u32, u32)> {
    let (low, high) = word.split_once('-')?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|c| c.is_ascii_digit());
    if !digits(low) || !digits(high) {
        return None;
    }
    Some((low.parse().ok()?, high.parse().ok()?))
}

fn ether(a: EtherAddr) -> [u8; 6] {
    a.0
}
