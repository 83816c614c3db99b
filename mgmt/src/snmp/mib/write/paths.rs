//! Paths and their next hops that are written.
use super::cell::Next;
use super::rows::{Fate, Row, Rows};
use super::{Refused, refused};
use crate::agent::{End, Hop, NextHop, ServicePath};
use crate::snmp::mib::names::{next_hop, path};
use crate::snmp::mib::structural::next_hops;
use async_snmp::ErrorStatus;
use std::collections::{BTreeMap, HashMap};

/// The paths after a SET; new ones come last.
pub(super) fn apply(paths: &[ServicePath], rows: &Rows<u32>, hops: &Rows<Next>) -> Result<Vec<ServicePath>, Refused> {
    let mut all: Vec<Option<ServicePath>> = paths.iter().cloned().map(Some).collect();
    let mut by_id: HashMap<u32, usize> = HashMap::new();
    for (at, path) in paths.iter().enumerate() {
        by_id.entry(path.id).or_insert(at);
    }
    // The index that those began with whose index is written.
    let mut was = HashMap::new();
    for row in rows.iter() {
        let known = by_id.get(&row.key).copied();
        match (row.fate(known.is_some())?, known.and_then(|at| all.get_mut(at))) {
            (Fate::Create, _) => {
                let mut path = ServicePath { id: row.key, index: 255, hops: Vec::new(), to: None };
                change(&mut path, row)?;
                by_id.insert(row.key, all.len());
                all.push(Some(path));
            }
            (Fate::Change, Some(Some(path))) => {
                was.insert(row.key, path.index);
                change(path, row)?;
            }
            (Fate::Destroy, Some(path)) => *path = None,
            _ => {}
        }
    }
    let mut of_path: BTreeMap<u32, Vec<&Row<Next>>> = BTreeMap::new();
    hops.iter().for_each(|row| of_path.entry(row.key.path).or_default().push(row));
    for (id, rows) in of_path {
        let path = by_id.get(&id).and_then(|at| all.get_mut(*at)).and_then(Option::as_mut);
        let moved = path.as_ref().is_some_and(|p| was.get(&id).is_some_and(|was| *was != p.index));
        match path.filter(|_| !moved) {
            Some(path) => path.hops = change_hops(path, &rows)?,
            // Without the path they are gone; with other indices nobody can say which they are.
            None => {
                let wrong = rows.iter().find(|row| moved || !row.destroyed());
                wrong.map_or(Ok(()), |row| refused(ErrorStatus::InconsistentName, row.first))?;
            }
        }
    }
    Ok(all.into_iter().flatten().collect())
}

fn change(path: &mut ServicePath, row: &Row<u32>) -> Result<(), Refused> {
    if let Some(index) = row.number::<u8>(path::FIRST_INDEX) {
        if usize::from(index) < path.hops.len() {
            return refused(ErrorStatus::InconsistentValue, row.blame(path::FIRST_INDEX));
        }
        path.index = index;
    }
    if let Some(port) = row.optional(path::TO_PORT) {
        let mac = path.to.take().and_then(|to| to.mac);
        path.to = port.map(|port| End { port, mac });
    }
    if let Some(mac) = row.optional(path::TO_MAC) {
        match &mut path.to {
            Some(to) => to.mac = mac,
            None if mac.is_none() => {}
            None => return refused(ErrorStatus::InconsistentValue, row.blame(path::TO_MAC)),
        }
    }
    Ok(())
}

/// The hops of a path after a SET: neither they nor the next hops of any have a gap.
fn change_hops(path: &ServicePath, rows: &[&Row<Next>]) -> Result<Vec<Hop>, Refused> {
    // By the hop, counted from the first one, and the number of the next hop.
    let mut all: BTreeMap<(usize, usize), NextHop> = BTreeMap::new();
    for (n, hop) in path.hops.iter().enumerate() {
        all.extend((1..).zip(next_hops(hop)).map(|(number, next)| ((n, number), next)));
    }
    let mut written: BTreeMap<(usize, usize), &Row<Next>> = BTreeMap::new();
    for row in rows {
        let Some(n) = path.index.checked_sub(row.key.si).map(usize::from) else {
            if row.destroyed() {
                continue;
            }
            return refused(ErrorStatus::InconsistentName, row.first);
        };
        let place = (n, usize::from(row.key.number));
        match row.fate(all.contains_key(&place))? {
            Fate::Create | Fate::Change => change_next(all.entry(place).or_default(), row)?,
            Fate::Destroy => drop(all.remove(&place)),
            Fate::Nothing => continue,
        }
        written.insert(place, row);
    }
    let mut hops: Vec<Vec<NextHop>> = Vec::new();
    for ((n, number), next) in all {
        if n == hops.len() && number == 1 {
            hops.push(vec![next]);
            continue;
        }
        let last = hops.len().checked_sub(1).filter(|last| n == *last);
        match last.and_then(|last| hops.get_mut(last)).filter(|hop| number == hop.len() + 1) {
            Some(hop) => hop.push(next),
            None => return gap(&written, (n, number)),
        }
    }
    let weighted =
        |n: usize| written.get(&(n, 1)).filter(|row| row.number(next_hop::WEIGHT).is_some_and(|w: u16| w != 1));
    hops.into_iter().enumerate().map(|(n, next)| hop(next, weighted(n))).collect()
}

/// There is a gap before a next hop: it is new, or what was there is destroyed.
fn gap<T>(written: &BTreeMap<(usize, usize), &Row<Next>>, behind: (usize, usize)) -> Result<T, Refused> {
    if let Some(row) = written.get(&behind).filter(|row| row.created()) {
        return refused(ErrorStatus::InconsistentName, row.first);
    }
    match written.range(..behind).rev().find(|(_, row)| row.destroyed()) {
        Some((_, row)) => refused(ErrorStatus::InconsistentValue, row.first),
        None => refused(ErrorStatus::GenErr, 1), // there was none before, and nothing makes one
    }
}

/// `weighted`: the row that gave the first of them a weight that is not 1.
fn hop(mut next: Vec<NextHop>, weighted: Option<&&Row<Next>>) -> Result<Hop, Refused> {
    match next.pop() {
        Some(NextHop { function, port, mac, .. }) if next.is_empty() => match weighted {
            Some(row) => refused(ErrorStatus::InconsistentValue, row.blame(next_hop::WEIGHT)),
            None => Ok(Hop { function, port, mac, share: Vec::new() }),
        },
        last => {
            next.extend(last);
            Ok(Hop { share: next, ..Hop::default() })
        }
    }
}

fn change_next(next: &mut NextHop, row: &Row<Next>) -> Result<(), Refused> {
    let NextHop { function, port, mac, weight } = next;
    *function = row.optional(next_hop::FUNCTION).unwrap_or(function.take());
    *port = row.optional(next_hop::PORT).unwrap_or(port.take());
    *weight = row.number(next_hop::WEIGHT).unwrap_or(*weight);
    let written = row.optional(next_hop::MAC);
    if port.is_none() && written.as_ref().is_some_and(Option::is_some) {
        return refused(ErrorStatus::InconsistentValue, row.blame(next_hop::MAC));
    }
    *mac = written.unwrap_or(mac.take()).filter(|_| port.is_some());
    if function.is_some() == port.is_some() {
        let wrong = if row.text(next_hop::PORT).is_some() { next_hop::PORT } else { next_hop::FUNCTION };
        return refused(ErrorStatus::InconsistentValue, row.blame(wrong));
    }
    Ok(())
}
