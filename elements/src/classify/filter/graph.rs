//! Rules as a graph of decisions: each test leads to the next one, or to the rule that is found.
use super::expr::{Base, Expr, Test};
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Where a test leads: to the node of this number, which is higher than that of the test, or to a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Goal(u32);

impl Goal {
    const RULE: u32 = 1 << 31;

    /// Rule `n`; one more than there are stands for none.
    pub(super) fn rule(n: usize) -> Goal {
        Goal(Goal::RULE | n as u32) // there are at most MAX_RULES
    }
    pub(super) fn node(n: usize) -> Goal {
        Goal(n as u32) // fewer than there are tests, of which each takes some bytes of text
    }
    /// The node's number; for a rule one that no node has.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
    pub(super) fn is_rule(self) -> bool {
        self.0 & Goal::RULE != 0
    }
    pub(super) fn number(self) -> u32 {
        self.0 & !Goal::RULE
    }
}

/// What comes of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Inside,
    Outside,
    Short,
}

impl Outcome {
    pub(super) const ALL: [Outcome; 3] = [Outcome::Inside, Outcome::Outside, Outcome::Short];
}

/// A test of one word, and where its outcomes lead.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Node {
    pub(super) base: Base,
    pub(super) offset: u16,
    /// Bytes of the word that the packet must have.
    pub(super) end: u8,
    pub(super) mask: u32,
    /// The word's bits of the mask are compared with `low..=low + span`.
    pub(super) low: u32,
    pub(super) span: u32,
    /// By [`Outcome`].
    pub(super) goals: [Goal; 3],
}

impl Node {
    pub(super) fn accepts(&self, word: u32) -> bool {
        (word & self.mask).wrapping_sub(self.low) <= self.span
    }
    pub(super) fn goal(&self, outcome: Outcome) -> Goal {
        self.goals[outcome as usize]
    }
    /// The same as a test for the opposite, if it looks at one bit.
    pub(super) fn flipped(&self) -> Option<Node> {
        let [inside, outside, short] = self.goals;
        let one = self.mask.is_power_of_two() && self.span == 0;
        one.then_some(Node { low: self.low ^ self.mask, goals: [outside, inside, short], ..*self })
    }
    pub(super) fn same_word(&self, other: &Node) -> bool {
        (self.base, self.offset, self.end) == (other.base, other.offset, other.end)
    }
}

/// A graph; every edge leads to a higher number. Simplified, it starts with node 0 if there are any.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) start: Goal,
}

impl Graph {
    /// The graph of some rules, with at most `limit` tests; `None` if there are more.
    pub(super) fn of(rules: &[Expr], limit: usize) -> Option<Graph> {
        let mut b = Builder { nodes: Vec::new(), known: HashMap::new(), limit };
        let mut start = Goal::rule(rules.len());
        for (i, rule) in rules.iter().enumerate().rev() {
            start = b.add(rule, Goal::rule(i), start)?;
        }
        // The builder goes from the last test to the first.
        let n = b.nodes.len();
        let turn = |g: Goal| if g.is_rule() { g } else { Goal::node(n - 1 - g.index()) };
        let nodes = b.nodes.into_iter().rev().map(|node| Node { goals: node.goals.map(turn), ..node });
        Some(Graph { nodes: nodes.collect(), start: turn(start) })
    }

    /// Lets other rules take the places of rules.
    pub(super) fn rename(&mut self, to: impl Fn(usize) -> usize) {
        let rename = |g: Goal| if g.is_rule() { Goal::rule(to(g.number() as usize)) } else { g };
        self.nodes.iter_mut().for_each(|n| n.goals = n.goals.map(rename));
        self.start = rename(self.start);
    }
}

/// Makes nodes from the last to the first, equal ones once.
struct Builder {
    nodes: Vec<Node>,
    known: HashMap<Node, Goal>,
    limit: usize,
}

impl Builder {
    /// The goal of a packet that must be judged by `e`; `None` when there are too many nodes.
    fn add(&mut self, e: &Expr, yes: Goal, no: Goal) -> Option<Goal> {
        match e {
            Expr::Const(b) => Some(if *b { yes } else { no }),
            Expr::Test(t) => self.test(t, yes, no),
            Expr::Not(e) => self.add(e, no, yes),
            Expr::And(parts) => parts.iter().rev().try_fold(yes, |yes, e| self.add(e, yes, no)),
            Expr::Or(parts) => parts.iter().rev().try_fold(no, |no, e| self.add(e, yes, no)),
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let otherwise = self.add(otherwise, yes, no)?;
                let then = self.add(then, yes, no)?;
                self.add(condition, then, otherwise)
            }
        }
    }

    fn test(&mut self, t: &Test, yes: Goal, no: Goal) -> Option<Goal> {
        let Test { base, offset, end, mask, value, greater, negated } = *t;
        let (inside, outside) = if negated { (no, yes) } else { (yes, no) };
        let mut node = Node { base, offset, end, mask, low: value, span: 0, goals: [inside, outside, no] };
        if greater {
            match value.checked_add(1) {
                Some(low) => (node.low, node.span) = (low, u32::MAX - low),
                None => node.goals[0] = outside, // nothing is greater
            }
        }
        if node.goals == [no; 3] {
            return Some(no);
        }
        if let Some(at) = self.known.get(&node) {
            return Some(*at);
        }
        let at = Goal::node(self.nodes.len());
        self.known.insert(node, at);
        self.nodes.push(node);
        (self.nodes.len() <= self.limit).then_some(at)
    }
}
