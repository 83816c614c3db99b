//! Rules as a list of steps, in the notation of Click's `program` handlers: `offset/value%mask`
//! and where to go on. Offsets count from the link header less two (from 0), the network header
//! (from 256), the transport header (from 512) and the keys of SNMP (from 768), or from the first byte.
use super::expr::{Base, Expr, Test};
use super::graph::{Goal, Graph, Node, Outcome};
use super::simplify::simplify;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Steps that are shown, at most.
const MAX_STEPS: usize = 20_000;

/// All steps of some rules, which need not be those that packets take.
pub(super) fn steps(rules: &[Expr], output: impl Fn(usize) -> Option<usize>) -> String {
    let equalities: Vec<Expr> = rules.iter().map(without_greater).collect();
    let Some(mut graph) = Graph::of(&equalities, MAX_STEPS) else {
        return format!("more than {MAX_STEPS} steps\n");
    };
    // What matters is the output, not the rule; the rule behind the last drops.
    let out = |rule: usize| if rule < rules.len() { output(rule) } else { None };
    graph.rename(|rule| (0..=rules.len()).find(|r| out(*r) == out(rule)).unwrap_or(rule));
    simplify(&mut graph);
    let goal = |g: Goal| match (g.is_rule(), g.number() as usize) {
        (false, step) => format!("step {step}"),
        (true, rule) => out(rule).map_or("[X]".into(), |out| format!("[{out}]")),
    };
    let mut text = String::new();
    let mut safe = 0;
    for (i, node) in graph.nodes.iter().enumerate() {
        let (offset, value, mask) = place(node);
        if mask != 0 {
            safe = safe.max(offset + 4 - mask.trailing_zeros() as usize / 8);
        }
        let (yes, no) = (goal(node.goal(Outcome::Inside)), goal(node.goal(Outcome::Outside)));
        let short = if short_is_yes(&graph, node) { "  short->yes" } else { "" };
        let _ = writeln!(text, "{i:2} {offset:3}/{value:08x}%{mask:08x}  yes->{yes}  no->{no}{short}");
    }
    if graph.nodes.is_empty() {
        let _ = writeln!(text, "all->{}", goal(graph.start));
    }
    let _ = write!(text, "safe length {safe}\nalignment offset 0\n");
    text
}

/// Offset, value and mask as Click writes them.
fn place(node: &Node) -> (usize, u32, u32) {
    let offset = usize::from(node.offset);
    match node.base {
        // The first word begins two bytes before the header.
        Base::Link if offset == 0 => (0, node.low >> 16, node.mask >> 16),
        Base::Link => (offset + 2, node.low, node.mask),
        Base::Data => (offset, node.low, node.mask),
        Base::Network => (256 + offset, node.low, node.mask),
        Base::Transport => (512 + offset, node.low, node.mask),
        Base::Snmp => (768 + offset, node.low, node.mask),
    }
}

/// Whether a packet that does not have the word goes where one goes that passes, and not where others go.
fn short_is_yes(graph: &Graph, node: &Node) -> bool {
    let behind = |mut goal: Goal| {
        while let Some(next) = graph.nodes.get(goal.index()).filter(|n| n.same_word(node)) {
            goal = next.goal(Outcome::Short);
        }
        goal
    };
    let [yes, no, short] = node.goals.map(behind);
    short == yes && short != no
}

/// An expression without comparisons.
fn without_greater(e: &Expr) -> Expr {
    let all = |parts: &[Expr]| parts.iter().map(without_greater).collect();
    match e {
        Expr::Test(t) if t.greater => greater(t),
        Expr::Const(_) | Expr::Test(_) => e.clone(),
        Expr::Not(e) => Expr::Not(without_greater(e).into()),
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::If(parts) => Expr::If(parts.each_ref().map(without_greater).into()),
    }
}

/// `word & mask > value` as tests for equality: at the first bit that differs, the word has 1.
fn greater(t: &Test) -> Expr {
    // Ones at the end of the value, and bits below the mask, do not matter.
    let ones = (t.value | !t.mask).trailing_ones();
    let mask = if ones == 32 { 0 } else { t.mask & (u32::MAX << ones) };
    let value = t.value & mask;
    if t.value & !t.mask == 0 && value == 0 && mask != 0 {
        return Expr::Test(Test { mask, value, greater: false, negated: !t.negated, ..*t });
    }
    let extra = t.value & !t.mask;
    let below = if extra == 0 { 0 } else { u32::MAX >> extra.leading_zeros() };
    // The greatest number of the mask's bits that is not greater than the value.
    let value = ((t.value & !below) | below) & t.mask & if extra == 0 { t.value } else { u32::MAX };
    let bits = (0..32).rev().map(|b| 1u32 << b).filter(|b| t.mask & b != 0 && value & b == 0);
    let any = bits.map(|bit| {
        let mask = t.mask & !(bit - 1);
        Expr::Test(Test { mask, value: value & mask | bit, greater: false, negated: false, ..*t })
    });
    let any = Expr::Or(any.collect());
    if t.negated { any.not() } else { any }
}
