//! Takes tests out of a graph whose outcome is known where they stand.
//!
//! For every edge, what the tests on the ways to it found out is followed on: if all ways agree on a later
//! goal, the edge leads there. Two tests of one word in a row become one where that is the same. Repeated until
//! nothing changes.
use super::graph::{Goal, Graph, Node, Outcome};
use alloc::vec;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Ways to a node that are told apart; of more, only what they have in common is known.
const MAX_WAYS: usize = 16;
/// Nodes of graphs in which ways are followed: the work grows with their square.
const MAX_FOLLOWED: usize = 512;
/// Times that all nodes are gone through.
const MAX_ROUNDS: usize = 16;

/// What tests on the way to a node found out.
type Way = Vec<(usize, Outcome)>;

/// Makes the graph smaller; every packet finds the same rule.
pub(super) fn simplify(graph: &mut Graph) {
    for _ in 0..MAX_ROUNDS {
        let before = (graph.nodes.len(), graph.start, graph.nodes.iter().map(|n| n.goals).collect::<Vec<_>>());
        if graph.nodes.len() <= MAX_FOLLOWED {
            follow(graph);
        }
        join(graph);
        compact(graph);
        if before == (graph.nodes.len(), graph.start, graph.nodes.iter().map(|n| n.goals).collect()) {
            break;
        }
    }
}

/// What is known about `next` after `node` came out so: an outcome that it has, or cannot have.
enum Knowledge {
    Is(Outcome),
    IsNot(Outcome),
}
use Knowledge::{Is, IsNot};

fn knowledge(node: &Node, outcome: Outcome, next: &Node) -> Option<Knowledge> {
    if node.base != next.base {
        return None;
    }
    let end = |n: &Node| usize::from(n.offset) + usize::from(n.end);
    if outcome == Outcome::Short {
        return (end(next) >= end(node)).then_some(Is(Outcome::Short));
    }
    let there = end(next) <= end(node);
    let decided = if node.offset == next.offset { decides(node, outcome, next) } else { None };
    match decided {
        Some(o) if there => Some(Is(o)),
        _ => there.then_some(IsNot(Outcome::Short)),
    }
}

/// What the bits of a word say about another test of it.
fn decides(node: &Node, outcome: Outcome, next: &Node) -> Option<Outcome> {
    if (node.mask, node.low, node.span) == (next.mask, next.low, next.span) {
        return Some(outcome);
    }
    // Only a test for equality says what the bits are.
    if outcome == Outcome::Outside || node.span > 0 {
        return None;
    }
    if next.mask & !node.mask == 0 {
        return Some(if next.accepts(node.low) { Outcome::Inside } else { Outcome::Outside });
    }
    let differ = next.span == 0 && (next.low ^ node.low) & next.mask & node.mask != 0;
    differ.then_some(Outcome::Outside)
}

/// What is known about `next` on a way.
fn known(nodes: &[Node], way: &Way, next: &Node) -> Option<Outcome> {
    way.iter().rev().find_map(|(at, outcome)| match knowledge(&nodes[*at], *outcome, next) {
        Some(Is(outcome)) => Some(outcome),
        _ => None,
    })
}

/// Whether `next` may come out so at the end of a way.
fn may_be(nodes: &[Node], way: &Way, next: &Node, outcome: Outcome) -> bool {
    way.iter().all(|(at, before)| match knowledge(&nodes[*at], *before, next) {
        Some(Is(only)) => only == outcome,
        Some(IsNot(other)) => other != outcome,
        None => true,
    })
}

/// Leads every edge past the tests that are decided on all ways to it.
fn follow(graph: &mut Graph) {
    let nodes = &mut graph.nodes;
    let mut ways: Vec<Vec<Way>> = vec![Vec::new(); nodes.len()];
    if let Some(first) = ways.get_mut(graph.start.index()) {
        first.push(Way::new());
    }
    for at in 0..nodes.len() {
        let here = core::mem::take(&mut ways[at]);
        let mut possible = Vec::new();
        for outcome in Outcome::ALL {
            let ways_on = here.iter().filter(|w| may_be(nodes, w, &nodes[at], outcome));
            let on: Vec<Way> = ways_on.map(|w| w.iter().copied().chain([(at, outcome)]).collect()).collect();
            let passed: Vec<Vec<Goal>> = on.iter().map(|way| passes(nodes, way, nodes[at].goal(outcome))).collect();
            let Some((first, others)) = passed.split_first() else { continue };
            let agreed = first.iter().rev().find(|g| others.iter().all(|p| p.contains(g)));
            let goal = agreed.copied().unwrap_or(nodes[at].goal(outcome));
            nodes[at].goals[outcome as usize] = goal;
            possible.push(outcome);
            if let Some(there) = ways.get_mut(goal.index()) {
                on.into_iter().for_each(|way| arrive(there, way));
            }
        }
        // An edge that no packet takes leads where another one does.
        let other = possible.iter().rev().find(|o| **o != Outcome::Short).or(possible.first());
        if let Some(goal) = other.map(|o| nodes[at].goal(*o)) {
            let never = Outcome::ALL.into_iter().filter(|o| !possible.contains(o));
            never.for_each(|o| nodes[at].goals[o as usize] = goal);
        }
    }
}

/// The goals that a packet comes by from `goal` on, as far as that is known.
fn passes(nodes: &[Node], way: &Way, mut goal: Goal) -> Vec<Goal> {
    let mut passed = vec![goal];
    while let Some(next) = nodes.get(goal.index())
        && let Some(outcome) = known(nodes, way, next)
    {
        goal = next.goal(outcome);
        passed.push(goal);
    }
    passed
}

/// Adds a way; when there are too many, all become what they have in common.
fn arrive(there: &mut Vec<Way>, way: Way) {
    if there.contains(&way) {
        return;
    }
    there.push(way);
    if there.len() > MAX_WAYS {
        let mut common = there.swap_remove(0);
        common.retain(|fact| there.iter().all(|w| w.contains(fact)));
        *there = vec![common];
    }
}

/// Makes one test of two for bits of one word, the second of which follows if the first is passed.
fn join(graph: &mut Graph) {
    for at in (0..graph.nodes.len()).rev() {
        let a = graph.nodes[at];
        let Some(b) = graph.nodes.get(a.goal(Outcome::Inside).index()) else { continue };
        let joined = [Some(*b), b.flipped()].into_iter().flatten().find_map(|b| both(&a, &b));
        if let Some(node) = joined {
            graph.nodes[at] = node;
        }
    }
}

/// One test for `a` and then `b`; `None` if there is none.
fn both(a: &Node, b: &Node) -> Option<Node> {
    let (fails, short) = (a.goal(Outcome::Outside), a.goal(Outcome::Short));
    let equalities = a.span == 0 && b.span == 0 && (a.low ^ b.low) & a.mask & b.mask == 0;
    // A packet that has only some of the bytes may have failed the first test.
    let same_ends = b.end <= a.end || [b.goal(Outcome::Short), fails] == [short; 2];
    let one = equalities && same_ends && (a.base, a.offset) == (b.base, b.offset) && fails == b.goal(Outcome::Outside);
    let goals = [b.goal(Outcome::Inside), fails, short];
    one.then(|| Node { mask: a.mask | b.mask, low: a.low | b.low, end: a.end.max(b.end), goals, ..*a })
}

/// Takes out nodes that decide nothing, are there twice, or are never reached.
fn compact(graph: &mut Graph) {
    let n = graph.nodes.len();
    // From the last to the first: what a goal is known under.
    let mut stands_for: Vec<Goal> = (0..n).map(Goal::node).collect();
    let resolve = |g: Goal, to: &[Goal]| to.get(g.index()).copied().unwrap_or(g);
    let mut seen: HashMap<Node, Goal> = HashMap::new();
    for at in (0..n).rev() {
        let node = &mut graph.nodes[at];
        node.goals = node.goals.map(|g| resolve(g, &stands_for));
        stands_for[at] =
            if node.goals == [node.goals[0]; 3] { node.goals[0] } else { *seen.entry(*node).or_insert(Goal::node(at)) };
    }
    graph.start = resolve(graph.start, &stands_for);
    let mut reached = vec![false; n];
    if let Some(first) = reached.get_mut(graph.start.index()) {
        *first = true;
    }
    for at in 0..n {
        if reached[at] {
            let next = graph.nodes[at].goals;
            next.iter().filter(|g| !g.is_rule()).for_each(|g| reached[g.index()] = true);
        }
    }
    let mut number = 0;
    let counted = reached.iter().map(|r| {
        number += usize::from(*r);
        Goal::node(number.saturating_sub(1))
    });
    let numbers: Vec<Goal> = counted.collect();
    let mut keep = reached.iter();
    graph.nodes.retain(|_| keep.next().is_some_and(|r| *r));
    for node in &mut graph.nodes {
        node.goals = node.goals.map(|g| resolve(g, &numbers));
    }
    graph.start = resolve(graph.start, &numbers);
}
