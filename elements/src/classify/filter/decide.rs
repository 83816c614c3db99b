//! A simplified graph in the form that packets go through.
//!
//! A packet pays for the tests on its way alone, which for few rules is less than looking into every field.
use super::expr::{Base, Expr};
use super::graph::{Graph, Outcome};
use super::look::{Words, word};
use super::simplify::simplify;
use alloc::vec::Vec;

/// Steps that packets go through, at most: with more, tables are faster.
const MAX_STEPS: usize = 64;
/// Tests before simplifying, at most.
const MAX_TESTS: usize = 4 * MAX_STEPS;

/// What follows a step: a rule's number with [`RULE`], or a step's.
type Next = u32;
const RULE: Next = 1 << 31;
/// The step tests the same word as the one before, which need not be read again.
const SAME: Next = 1 << 30;
const NUMBER: Next = SAME - 1;

/// A test of one word.
#[derive(Debug)]
#[repr(align(32))] // its place is a shift away, not a multiplication
struct Step {
    base: Base,
    /// Bytes of the word that the packet must have.
    end: u8,
    offset: u16,
    mask: u32,
    /// The word's bits of the mask are compared with `low..=low + span`.
    low: u32,
    span: u32,
    /// By [`Outcome`].
    next: [Next; 3],
}

impl Step {
    #[inline]
    fn accepts(&self, word: u32) -> bool {
        (word & self.mask).wrapping_sub(self.low) <= self.span
    }
}

/// Few rules, compiled.
#[derive(Debug)]
pub(super) struct Decisions {
    /// From the first one on.
    steps: Vec<Step>,
    /// The rule that is found if there are none.
    always: u32,
}

impl Decisions {
    /// `None` if the rules need too many steps.
    pub(super) fn new(rules: &[Expr]) -> Option<Decisions> {
        let mut graph = Graph::of(rules, MAX_TESTS)?;
        simplify(&mut graph);
        if graph.nodes.len() > MAX_STEPS {
            return None;
        }
        let steps = graph.nodes.iter().map(|node| {
            let next = node.goals.map(|goal| match graph.nodes.get(goal.index()) {
                Some(next) if next.same_word(node) => goal.number() | SAME,
                Some(_) => goal.number(),
                None => goal.number() | RULE,
            });
            Step {
                base: node.base,
                end: node.end,
                offset: node.offset,
                mask: node.mask,
                low: node.low,
                span: node.span,
                next,
            }
        });
        Some(Decisions { steps: steps.collect(), always: graph.start.number() })
    }

    /// The first rule that matches, or the number of rules when none does.
    #[inline]
    pub(super) fn find(&self, view: &impl Words) -> u32 {
        self.follow(|step| view.word(step.base, step.offset, step.end))
    }

    /// As [`find`](Self::find), if [`is_plain`](Self::is_plain).
    #[inline]
    pub(super) fn find_plainly(&self, data: &[u8]) -> u32 {
        self.follow(|step| word(data, step.offset.into(), step.end))
    }

    #[inline]
    fn follow(&self, word: impl Fn(&Step) -> Option<u32>) -> u32 {
        let Some(mut step) = self.steps.first() else { return self.always };
        loop {
            let next = match word(step) {
                Some(word) => self.follow_word(step, word),
                None => step.next[Outcome::Short as usize] & !SAME,
            };
            match self.steps.get(next as usize) {
                Some(other) => step = other,
                None => return next & NUMBER,
            }
        }
    }

    /// Goes through the tests of one word. A branch for each, for the processor to predict: looking the way up
    /// would take longer.
    #[inline]
    fn follow_word<'a>(&'a self, mut step: &'a Step, word: u32) -> Next {
        loop {
            while !step.accepts(word) {
                let next = step.next[Outcome::Outside as usize];
                match self.same_word(next) {
                    Some(same) => step = same,
                    None => return next,
                }
            }
            let next = step.next[Outcome::Inside as usize];
            match self.same_word(next) {
                Some(same) => step = same,
                None => return next,
            }
        }
    }

    #[inline]
    fn same_word(&self, next: Next) -> Option<&Step> {
        self.steps.get((next ^ SAME) as usize)
    }

    /// Whether all tests count from the first byte, so that no headers need be found.
    pub(super) fn is_plain(&self) -> bool {
        self.steps.iter().all(|s| s.base == Base::Data)
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.steps[..])
    }
}
