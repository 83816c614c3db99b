//! What a pattern means: a boolean expression over tests of 32-bit words of the packet, and the
//! plain interpreter of it, which is the yardstick for the compiled form.
//!
//! A test whose bytes the packet does not have is false; so is one whose header is not there. A
//! `not` around it is then true. `!=` and the like belong to the test: they are false as well.
use super::look::Words;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// From where a word's offset counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Base {
    /// The first byte of the packet.
    Data,
    /// The link header.
    Link,
    /// The network header.
    Network,
    /// The transport header.
    Transport,
    /// The keys of an SNMP message, where one was found: words of their own, beside the packet's.
    Snmp,
}

/// A test of one 32-bit word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Test {
    /// From where `offset` counts.
    pub base: Base,
    /// Offset of the word, bytes.
    pub offset: u16,
    /// Bytes of the word that the packet must have for the test, 1 to 4.
    pub end: u8,
    /// Bits that are compared; the word is read in network byte order.
    pub mask: u32,
    /// What they are compared with; no bits outside `mask`.
    pub value: u32,
    /// Whether they must be greater than `value` instead of equal to it.
    pub greater: bool,
    /// Whether the comparison must fail.
    pub negated: bool,
}

impl Test {
    /// Whether a word that is there passes.
    #[inline]
    pub fn passes(&self, word: u32) -> bool {
        let bits = word & self.mask;
        (if self.greater { bits > self.value } else { bits == self.value }) != self.negated
    }

    /// Whether the packet passes.
    #[inline]
    pub fn eval(&self, view: &impl Words) -> bool {
        view.word(self.base, self.offset, self.end).is_some_and(|w| self.passes(w))
    }
}

/// A boolean expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expr {
    /// Always this.
    Const(bool),
    /// A test.
    Test(Test),
    /// The opposite.
    Not(Box<Expr>),
    /// All of them.
    And(Vec<Expr>),
    /// One of them.
    Or(Vec<Expr>),
    /// The second if the first, else the third.
    If(Box<[Expr; 3]>),
}

impl Expr {
    /// The opposite; constants fold.
    #[allow(clippy::should_implement_trait)] // `!expr` would hide that it builds a tree
    pub fn not(self) -> Expr {
        match self {
            Expr::Const(b) => Expr::Const(!b),
            Expr::Not(e) => *e,
            e => Expr::Not(Box::new(e)),
        }
    }

    /// All of them; constants fold.
    pub fn all(parts: Vec<Expr>) -> Expr {
        Self::fold(parts, false, Expr::And)
    }

    /// One of them; constants fold.
    pub fn any(parts: Vec<Expr>) -> Expr {
        Self::fold(parts, true, Expr::Or)
    }

    fn fold(parts: Vec<Expr>, decides: bool, make: fn(Vec<Expr>) -> Expr) -> Expr {
        if parts.contains(&Expr::Const(decides)) {
            return Expr::Const(decides);
        }
        let mut parts: Vec<Expr> = parts.into_iter().filter(|e| *e != Expr::Const(!decides)).collect();
        match parts.len() {
            0 => Expr::Const(!decides),
            1 => parts.swap_remove(0),
            _ => make(parts),
        }
    }

    /// The second if the first, else the third; constants fold.
    pub fn choose(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
        match condition {
            Expr::Const(true) => then,
            Expr::Const(false) => otherwise,
            c => Expr::If(Box::new([c, then, otherwise])),
        }
    }

    /// Whether the packet matches, found out the plain way.
    pub fn eval(&self, view: &impl Words) -> bool {
        match self {
            Expr::Const(b) => *b,
            Expr::Test(t) => t.eval(view),
            Expr::Not(e) => !e.eval(view),
            Expr::And(all) => all.iter().all(|e| e.eval(view)),
            Expr::Or(any) => any.iter().any(|e| e.eval(view)),
            Expr::If(e) => e[if e[0].eval(view) { 1 } else { 2 }].eval(view),
        }
    }

    /// What is left of it for packets that have no words of this base: such tests are false.
    pub fn without(&self, base: Base) -> Expr {
        let all = |parts: &[Expr]| parts.iter().map(|e| e.without(base)).collect();
        match self {
            Expr::Test(t) if t.base == base => Expr::Const(false),
            Expr::Const(_) | Expr::Test(_) => self.clone(),
            Expr::Not(e) => e.without(base).not(),
            Expr::And(parts) => Expr::all(all(parts)),
            Expr::Or(parts) => Expr::any(all(parts)),
            Expr::If(e) => {
                let [condition, then, otherwise] = e.each_ref().map(|e| e.without(base));
                Expr::choose(condition, then, otherwise)
            }
        }
    }

    /// Calls `f` for every test.
    pub fn tests(&self, f: &mut impl FnMut(&Test)) {
        match self {
            Expr::Const(_) => {}
            Expr::Test(t) => f(t),
            Expr::Not(e) => e.tests(f),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|e| e.tests(f)),
            Expr::If(e) => e.iter().for_each(|e| e.tests(f)),
        }
    }
}
