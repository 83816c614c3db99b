//! Which worker has an element: each one its own, or one for all.
//!
//! An element whose state is `Single` has one home. So has everything that touches a pull connection, and
//! all of it that hangs together the same one: a pull goes through its whole path at once. StaticThreadSched
//! says where homes are; worker 0 is the default. It may also move a task that each worker would have to one.
use super::{Edge, Node};
use crate::info::{Flow, State};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What was asked for an element or compound; the last word counts.
pub(super) type Wish = (String, Option<u16>);

/// The home of each element, `None` for those that each worker has; and by element, what is wrong with
/// the wishes.
pub(super) fn find(nodes: &[Node], edges: &[Edge], wishes: &[Wish]) -> (Vec<Option<u16>>, Vec<(usize, String)>) {
    let (groups, pulls) = pull_paths(nodes, edges);
    let mut members: Vec<Vec<usize>> = nodes.iter().map(|_| Vec::new()).collect();
    groups.iter().enumerate().for_each(|(id, &group)| members[group].push(id));
    let mut homes = Vec::with_capacity(nodes.len());
    let mut warnings = Vec::new();
    let mut chosen: Vec<Option<u16>> = nodes.iter().map(|_| None).collect();
    for (group, members) in members.iter().enumerate().filter(|g| !g.1.is_empty()) {
        chosen[group] = choose(nodes, members, wishes, &mut warnings);
    }
    for (id, node) in nodes.iter().enumerate() {
        let single = pulls[id] || node.class.info.state == State::Single;
        homes.push(match chosen[groups[id]] {
            Some(home) if single || node.task => Some(home),
            None if single => Some(0),
            _ => None,
        });
    }
    (homes, warnings)
}

/// For each element the first one that pulls connect it with, and whether it has such a connection.
fn pull_paths(nodes: &[Node], edges: &[Edge]) -> (Vec<usize>, Vec<bool>) {
    let mut groups: Vec<usize> = (0..nodes.len()).collect();
    let mut pulls: Vec<bool> = nodes.iter().map(|_| false).collect();
    fn first(groups: &mut [usize], mut id: usize) -> usize {
        while groups[id] != id {
            groups[id] = groups[groups[id]];
            id = groups[id];
        }
        id
    }
    for e in edges {
        let (from, to) = (e.from as usize, e.to as usize);
        if nodes[to].in_flow[e.port as usize] != Flow::Pull {
            continue;
        }
        (pulls[from], pulls[to]) = (true, true);
        let (a, b) = (first(&mut groups, from), first(&mut groups, to));
        groups[a.max(b)] = a.min(b);
    }
    let groups = (0..nodes.len()).map(|id| first(&mut groups, id)).collect();
    (groups, pulls)
}

/// The home that was asked for elements that must be together: for a task among them if for one at all.
fn choose(nodes: &[Node], members: &[usize], wishes: &[Wish], warnings: &mut Vec<(usize, String)>) -> Option<u16> {
    let wish = |&id: &usize| Some((id, wish(&nodes[id].name, wishes)?));
    let tasks = members.iter().filter(|&&id| nodes[id].task);
    let asked: Vec<(usize, u16)> = tasks.filter_map(wish).collect();
    let &(first, home) = match asked.first() {
        Some(first) => first,
        None => return members.iter().find_map(wish).map(|w| w.1),
    };
    if let Some(&(other, another)) = asked.iter().find(|a| a.1 != home) {
        let names = (&nodes[first].name, &nodes[other].name);
        let why = "pull path, which one thread runs as a whole";
        let said = format!("‘{}’ and ‘{}’ are on one {why}: thread {home}, not {another}", names.0, names.1);
        warnings.push((other, said));
    }
    Some(home)
}

fn wish(name: &str, wishes: &[Wish]) -> Option<u16> {
    let within = |of: &str| name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    wishes.iter().rev().find(|w| within(&w.0)).and_then(|w| w.1)
}
