//! Rules that are written.
use super::rows::{Fate, Row, Rows};
use super::{Refused, refused};
use crate::agent::{Place, Rule};
use crate::snmp::mib::names::rule;
use async_snmp::ErrorStatus;
use std::collections::HashMap;

/// A rule after a SET.
struct Placed {
    rule: Rule,
    /// The position that it is given, and by which variable binding.
    position: Option<(usize, usize)>,
}

/// The rules after a SET. Those whose position it gives stand there; the others fill the places between in their order, new ones
/// last.
pub(super) fn apply(rules: &[Rule], rows: &Rows<String>) -> Result<Vec<Rule>, Refused> {
    let mut by_name = HashMap::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        by_name.entry(rule.name.as_str()).or_insert(at);
    }
    let mut all: Vec<Option<Placed>> =
        rules.iter().map(|rule| Some(Placed { rule: rule.clone(), position: None })).collect();
    for row in rows.iter() {
        let known = by_name.get(row.key.as_str()).copied();
        match (row.fate(known.is_some())?, known.and_then(|at| all.get_mut(at))) {
            (Fate::Create, _) => {
                if row.number::<u32>(rule::PATH).is_none() {
                    return refused(ErrorStatus::InconsistentValue, row.blame(rule::PATH));
                }
                all.push(Some(place(Rule { name: row.key.clone(), ..Rule::default() }, row)?));
            }
            (Fate::Change, Some(slot)) => {
                if let Some(placed) = slot.take() {
                    *slot = Some(place(placed.rule, row)?);
                }
            }
            (Fate::Destroy, Some(slot)) => *slot = None,
            _ => {}
        }
    }
    arrange(all.into_iter().flatten().collect())
}

fn place(mut rule: Rule, row: &Row<String>) -> Result<Placed, Refused> {
    change(&mut rule, row)?;
    let position = row.number(rule::POSITION).map(|n| (n, row.blame(rule::POSITION)));
    Ok(Placed { rule, position })
}

fn change(rule: &mut Rule, row: &Row<String>) -> Result<(), Refused> {
    set(&mut rule.from, row.optional(rule::FROM));
    set(&mut rule.vlan, row.optional_number(rule::VLAN));
    set(&mut rule.ether_type, row.optional_number(rule::ETHER_TYPE));
    set(&mut rule.packets, row.optional(rule::PACKETS));
    set(&mut rule.snmp, row.optional(rule::SNMP));
    set(&mut rule.path, row.number(rule::PATH));
    set(&mut rule.index, row.optional_number(rule::INDEX));
    let (was, index) = (rule.nsh.unwrap_or_default(), row.number::<u8>(rule::NSH_INDEX));
    let place = Place { path: row.number(rule::NSH_PATH).unwrap_or(was.path), index: index.unwrap_or(was.index) };
    if place.path == 0 && index.is_some_and(|index| index != 0) {
        return refused(ErrorStatus::InconsistentValue, row.blame(rule::NSH_INDEX));
    }
    rule.nsh = Some(place).filter(|place| place.path != 0);
    Ok(())
}

/// What is not written stays.
fn set<T>(what: &mut T, written: Option<T>) {
    if let Some(written) = written {
        *what = written;
    }
}

fn arrange(all: Vec<Placed>) -> Result<Vec<Rule>, Refused> {
    let mut places: Vec<Option<Rule>> = vec![None; all.len()];
    let mut others = Vec::new();
    for Placed { rule, position } in all {
        let Some((position, at)) = position else {
            others.push(rule);
            continue;
        };
        match places.get_mut(position.wrapping_sub(1)) {
            Some(place @ None) => *place = Some(rule),
            _ => return refused(ErrorStatus::InconsistentValue, at),
        }
    }
    let mut others = others.into_iter();
    Ok(places.into_iter().filter_map(|place| place.or_else(|| others.next())).collect())
}
