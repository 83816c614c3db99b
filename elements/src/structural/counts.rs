//! What the agent counted, and what of it goes over to its successor.
use super::shares::Share;
use super::table::{Step, Table};

/// Packets that came to a step, of which a shared one has none but those of its next hops.
pub(crate) fn passed(table: &Table, counts: &[u64], step: usize) -> u64 {
    match shared(table, step) {
        Some(share) => counts.get(share.steps()).unwrap_or_default().iter().sum(),
        None => counts.get(step).copied().unwrap_or(0),
    }
}

/// A rule has the count that a rule of its name had.
pub(crate) fn carry_rules(new: &Table, to: &mut [u64], was: &Table, from: &[u64]) {
    let mut known = was.by_name.iter().copied().peekable();
    for n in new.by_name.iter().copied() {
        while known.next_if(|k| name_of(was, *k) < name_of(new, n)).is_some() {}
        let same = known.next_if(|k| name_of(was, *k) == name_of(new, n));
        if let (Some(same), Some(to)) = (same, to.get_mut(n as usize)) {
            *to = from.get(same as usize).copied().unwrap_or(0);
        }
    }
}

/// A place has the count that it had; if it is shared, each next hop that was one there has its own.
pub(crate) fn carry_steps(new: &Table, to: &mut [u64], was: &Table, from: &[u64]) {
    for (n, (place, step)) in new.steps.iter().take(new.places.len()).enumerate() {
        let Some(then) = was.places.get(*place).map(|n| *n as usize) else { continue };
        let Step::Shared(share) = step else {
            if let Some(to) = to.get_mut(n) {
                *to = passed(was, from, then);
            }
            continue;
        };
        let (Some(share), Some(old)) = (new.shares.get(*share as usize), shared(was, then)) else { continue };
        let counts = to.get_mut(share.steps()).unwrap_or_default();
        for (to, m) in counts.iter_mut().zip(&share.members) {
            let same = old.members.iter().position(|o| is_same((new, m.step), (was, o.step)));
            *to = same.and_then(|k| from.get(old.first + k)).copied().unwrap_or(0);
        }
    }
}

/// The next hops of a step, if it is shared.
fn shared(table: &Table, step: usize) -> Option<&Share> {
    match table.steps.get(step)?.1 {
        Step::Shared(share) => table.shares.get(share as usize),
        _ => None,
    }
}

/// The name of a target.
fn name_of(table: &Table, target: u32) -> Option<&str> {
    table.targets.get(target as usize).map(|t| t.0.as_str())
}

/// Whether next hops of two tables are the same one, by their names.
fn is_same((new, a): (&Table, Step), (was, b): (&Table, Step)) -> bool {
    match (a, b) {
        (Step::Function(a), Step::Function(b)) => {
            let (a, b) = (new.functions.get(usize::from(a)), was.functions.get(usize::from(b)));
            a.zip(b).is_some_and(|(a, b)| a.name == b.name)
        }
        (Step::Remote(a, to), Step::Remote(b, was_to)) => {
            let (a, b) = (new.ports.get(usize::from(a)), was.ports.get(usize::from(b)));
            to == was_to && a.zip(b).is_some_and(|(a, b)| a.0 == b.0)
        }
        _ => false,
    }
}
