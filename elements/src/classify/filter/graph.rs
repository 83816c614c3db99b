//! Few rules as a graph of decisions: each test leads to the next one, or to the rule that is found.
//!
//! What a test just told is not asked again: an edge leads past tests that its outcome decides. A packet
//! pays for the tests on its way alone, which for few rules is less than looking into every field.
use super::expr::{Base, Expr, Test};
use super::look::View;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Tests that a graph has at most: with more, tables are faster.
pub(super) const MAX_NODES: usize = 64;
/// A goal with this bit is a rule; any other is a node.
const RULE: u32 = 1 << 31;

/// A test of one word, and where each outcome leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Node {
    base: Base,
    offset: u16,
    /// Bytes of the word that the packet must have.
    end: u8,
    /// Number of this word among those of the graph.
    word: u8,
    mask: u32,
    /// The word's bits of the mask are compared with `low..=low + span`.
    low: u32,
    span: u32,
    inside: u32,
    outside: u32,
    short: u32,
}

/// What is known about the word of a node on one of its edges.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Inside,
    Outside,
    Short,
}

impl Node {
    #[inline]
    fn accepts(&self, word: u32) -> bool {
        (word & self.mask).wrapping_sub(self.low) <= self.span
    }

    /// Where `next` leads after `self` came out so; `None` if it must be asked.
    fn decides(&self, outcome: Outcome, next: &Node) -> Option<u32> {
        if (self.base, self.offset) != (next.base, next.offset) {
            return None;
        }
        let same = (self.end, self.mask, self.low, self.span) == (next.end, next.mask, next.low, next.span);
        match outcome {
            Outcome::Short => (next.end >= self.end).then_some(next.short),
            Outcome::Outside => same.then_some(next.outside),
            Outcome::Inside if same => Some(next.inside),
            // Only a test for equality says what the bits are.
            Outcome::Inside if self.span > 0 || next.end > self.end => None,
            Outcome::Inside if next.mask & !self.mask == 0 => {
                Some(if next.accepts(self.low) { next.inside } else { next.outside })
            }
            Outcome::Inside => {
                let differ = next.span == 0 && (next.low ^ self.low) & next.mask & self.mask != 0;
                differ.then_some(next.outside)
            }
        }
    }
}

/// Compiled rules.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    start: u32,
}

impl Graph {
    /// `None` if the rules need too many tests.
    pub(super) fn new(rules: &[Expr]) -> Option<Graph> {
        let mut b = Builder::default();
        let goal = |rule: usize| RULE | rule as u32; // there are at most MAX_RULES
        let mut start = goal(rules.len());
        for (i, rule) in rules.iter().enumerate().rev() {
            start = b.add(rule, goal(i), start)?;
        }
        Some(Graph { nodes: b.nodes, start })
    }

    /// The first rule that matches, or the number of rules when none does.
    #[inline]
    pub(super) fn find(&self, view: &View<'_>) -> u32 {
        let mut at = self.start;
        while let Some(mut n) = self.nodes.get(at as usize) {
            let Some(word) = view.word(n.base, n.offset, n.end) else {
                at = n.short;
                continue;
            };
            // Most tests are followed by others of the same word.
            let word_of = n.word;
            at = loop {
                let goal = if n.accepts(word) { n.inside } else { n.outside };
                match self.nodes.get(goal as usize) {
                    Some(next) if next.word == word_of => n = next,
                    _ => break goal,
                }
            };
        }
        at & !RULE
    }

    /// Whether all tests count from the first byte, so that no headers need be found.
    pub(super) fn is_plain(&self) -> bool {
        self.nodes.iter().all(|n| n.base == Base::Data)
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.nodes[..])
    }
}

/// Makes nodes from the last to the first, equal ones once.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    known: HashMap<Node, u32>,
    words: Vec<(Base, u16, u8)>,
}

impl Builder {
    /// The goal of a packet that must be judged by `e`; `None` when there are too many nodes.
    fn add(&mut self, e: &Expr, yes: u32, no: u32) -> Option<u32> {
        match e {
            Expr::Const(b) => Some(if *b { yes } else { no }),
            Expr::Test(t) => self.test(t, yes, no),
            Expr::Not(e) => self.add(e, no, yes),
            Expr::And(parts) => parts.iter().rev().try_fold(yes, |yes, e| self.add(e, yes, no)),
            Expr::Or(parts) => parts.iter().rev().try_fold(no, |no, e| self.add(e, yes, no)),
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let then = self.add(then, yes, no)?;
                let otherwise = self.add(otherwise, yes, no)?;
                self.add(condition, then, otherwise)
            }
        }
    }

    fn test(&mut self, t: &Test, yes: u32, no: u32) -> Option<u32> {
        let Test { base, offset, end, mask, value, greater, negated } = *t;
        let (inside, outside) = if negated { (no, yes) } else { (yes, no) };
        let word = self.word((base, offset, end));
        let mut node = Node { base, offset, end, word, mask, low: value, span: 0, inside, outside, short: no };
        if greater {
            match value.checked_add(1) {
                Some(low) => (node.low, node.span) = (low, u32::MAX - low),
                None => node.inside = outside, // nothing is greater
            }
        }
        node.inside = self.past(&node, Outcome::Inside, node.inside);
        node.outside = self.past(&node, Outcome::Outside, node.outside);
        node.short = self.past(&node, Outcome::Short, node.short);
        if node.inside == node.outside && node.outside == node.short {
            return Some(node.short);
        }
        if let Some(at) = self.known.get(&node) {
            return Some(*at);
        }
        let at = self.nodes.len() as u32;
        self.known.insert(node, at);
        self.nodes.push(node);
        (self.nodes.len() <= MAX_NODES).then_some(at)
    }

    /// The number of a word; there are no more than nodes.
    fn word(&mut self, word: (Base, u16, u8)) -> u8 {
        let known = self.words.iter().position(|w| *w == word);
        known.unwrap_or_else(|| {
            self.words.push(word);
            self.words.len() - 1
        }) as u8
    }

    /// The first node behind `goal` that is still undecided, or the rule.
    fn past(&self, node: &Node, outcome: Outcome, mut goal: u32) -> u32 {
        while let Some(next) = self.nodes.get(goal as usize).and_then(|n| node.decides(outcome, n)) {
            goal = next;
        }
        goal
    }
}
