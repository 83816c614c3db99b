//! What the structural agent does: `sluiceRuleTable`, `sluicePathTable`, `sluiceNextHopTable`.
use super::names::{self, next_hop, path, rule};
use super::value::{LAST_PATH, NAME, NEXT_HOPS, PATTERN, mac, name_index, or_any, text, unsigned};
use crate::agent::{Hop, NextHop, Rule, ServicePath};
use crate::snmp::Table;
use async_snmp::{RowStatus, Value};
use std::collections::HashMap;

/// What was counted: for rules by their names, for paths by `SPI/SI` and `SPI/SI/K`.
pub(super) type Counts = HashMap<String, u64>;

/// The next hops of a hop.
pub(super) fn next_hops(hop: &Hop) -> Vec<NextHop> {
    match hop.share.as_slice() {
        [] => {
            let Hop { function, port, mac, .. } = hop.clone();
            vec![NextHop { function, port, mac, ..NextHop::default() }]
        }
        share => share.to_vec(),
    }
}

pub(super) fn rules(all: &[Rule], matched: &Counts) -> Table {
    let columns = &[
        rule::POSITION,
        rule::FROM,
        rule::VLAN,
        rule::ETHER_TYPE,
        rule::PACKETS,
        rule::SNMP,
        rule::NSH_PATH,
        rule::NSH_INDEX,
        rule::PATH,
        rule::INDEX,
        rule::MATCHED,
        rule::ROW_STATUS,
    ];
    let mut table = Table::new(names::entry(names::RULE), columns);
    for (position, r) in (1_usize..).zip(all) {
        let Some(index) = name_index(&r.name) else { continue };
        let row = [
            unsigned(position, 1, 65535),
            optional(&r.from, NAME),
            vlan(r.vlan),
            or_any(r.ether_type),
            optional(&r.packets, PATTERN),
            optional(&r.snmp, PATTERN),
            unsigned(r.nsh.as_ref().map_or(0, |place| place.path), 0, LAST_PATH),
            unsigned(r.nsh.as_ref().map_or(0, |place| place.index), 0, 255),
            unsigned(r.path, 1, LAST_PATH),
            or_any(r.index),
            Value::Counter64(matched.get(&r.name).copied().unwrap_or(0)),
            active(),
        ];
        table.push(index, row.map(Some).to_vec());
    }
    table
}

pub(super) fn paths(all: &[ServicePath], counts: &Counts) -> Table {
    let columns = &[path::FIRST_INDEX, path::TO_PORT, path::TO_MAC, path::PACKETS, path::ROW_STATUS];
    let mut table = Table::new(names::entry(names::PATH), columns);
    for p in all.iter().filter(|p| (1..=LAST_PATH).contains(&p.id)) {
        let end = usize::from(p.index).saturating_sub(p.hops.len());
        let (port, address) = p.to.as_ref().map_or(("", None), |to| (&to.port, to.mac.as_deref()));
        let ended = p.to.as_ref().and_then(|_| counts.get(&format!("{}/{end}", p.id)));
        let row = [
            unsigned(p.index, 1, 255),
            text(port, NAME),
            mac(address),
            Value::Counter64(ended.copied().unwrap_or(0)),
            active(),
        ];
        table.push(vec![p.id], row.map(Some).to_vec());
    }
    table
}

pub(super) fn hops(all: &[ServicePath], counts: &Counts) -> Table {
    let columns =
        &[next_hop::FUNCTION, next_hop::PORT, next_hop::MAC, next_hop::WEIGHT, next_hop::PACKETS, next_hop::ROW_STATUS];
    let mut table = Table::new(names::entry(names::NEXT_HOP), columns);
    for p in all.iter().filter(|p| (1..=LAST_PATH).contains(&p.id)) {
        // A hop whose index would be below 1 cannot run, and is not shown.
        for (si, hop) in (1..=p.index).rev().zip(&p.hops) {
            let place = format!("{}/{si}", p.id);
            for (number, next) in (1..=NEXT_HOPS).zip(next_hops(hop)) {
                // A hop that is not shared is counted as a whole.
                let counted =
                    if hop.share.is_empty() { counts.get(&place) } else { counts.get(&format!("{place}/{number}")) };
                let row = [
                    optional(&next.function, NAME),
                    optional(&next.port, NAME),
                    mac(next.mac.as_deref()),
                    unsigned(next.weight, 1, 65535),
                    Value::Counter64(counted.copied().unwrap_or(0)),
                    active(),
                ];
                table.push(vec![p.id, si.into(), number], row.map(Some).to_vec());
            }
        }
    }
    table
}

/// What an agent has, without counters.
#[cfg(test)]
pub(super) fn tables(agent: &crate::agent::Agent) -> Vec<Table> {
    let none = Counts::new();
    vec![rules(&agent.rules, &none), paths(&agent.paths, &none), hops(&agent.paths, &none)]
}

fn optional(what: &Option<String>, most: usize) -> Value {
    text(what.as_deref().unwrap_or_default(), most)
}

fn vlan(id: Option<u16>) -> Value {
    or_any(id.map(|id| id.min(4095)))
}

fn active() -> Value {
    RowStatus::Active.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::snmp::Tree;

    fn walk(tree: &Tree, table: u32) -> Vec<(Vec<u32>, Value)> {
        let entry = names::entry(table);
        let (mut all, mut at) = (Vec::new(), entry.clone());
        while let Some((name, value)) = tree.next(&at).filter(|(name, _)| name.starts_with(&entry)) {
            all.push((name.arcs()[entry.len()..].to_vec(), value.clone()));
            at = name;
        }
        all
    }
    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, n)| (name.to_string(), *n)).collect()
    }

    const TEXT: &str = "[[rules]]\nname = 'b'\nfrom = 'A'\nvlan = 7\nether_type = 2048\npackets = 'tcp'\npath = 10\nindex = 254\n\
                        [[rules]]\nname = 'a'\nnsh = { path = 11, index = 255 }\nsnmp = 'version 3'\npath = 12\n\
                        [[paths]]\nid = 12\nindex = 9\nhops = [{ function = 'f' }, { port = 'B', mac = '02:00:00:00:00:01' }]\n\
                        [[paths]]\nid = 10\nhops = [{ share = [{ function = 'f', weight = 3 }, { port = 'B' }] }]\n\
                        to = { port = 'B', mac = '02:00:00:00:00:02' }\n";

    #[test]
    fn rules_have_their_positions_and_what_is_absent_is_any() {
        let agent = Agent::read(TEXT).unwrap();
        let tree = Tree::new(vec![rules(&agent.rules, &counts(&[("a", 5)]))]);
        let get = |name: u8, column| tree.get(&names::cell(names::RULE, column, &[1, name.into()]));
        let row = |name| (2..=13).map(|column| get(name, column)).collect::<Vec<_>>();
        let (n, u) = (Value::Integer, Value::Gauge32);
        let (t, c) = (|t: &str| Value::from(t), Value::Counter64);
        assert_eq!(
            row(b'a'),
            [u(2), t(""), n(-1), n(-1), t(""), t("version 3"), u(11), u(255), u(12), n(-1), c(5), n(1)]
        );
        assert_eq!(row(b'b'), [u(1), t("A"), n(7), n(2048), t("tcp"), t(""), u(0), u(0), u(10), n(254), c(0), n(1)]);
    }

    #[test]
    fn next_hops_go_down_from_the_first_index_and_are_counted_each() {
        let agent = Agent::read(TEXT).unwrap();
        let counted =
            counts(&[("10/255", 9), ("10/255/1", 6), ("10/255/2", 3), ("10/254", 8), ("12/9", 4), ("12/7", 1)]);
        let tree = Tree::new(vec![paths(&agent.paths, &counted), hops(&agent.paths, &counted)]);
        let packets = |table, column| {
            let all = walk(&tree, table).into_iter();
            all.filter(|(name, _)| name[0] == column)
                .map(|(name, v)| (name[1..].to_vec(), v.as_u64().unwrap()))
                .collect::<Vec<_>>()
        };
        let hops = [(vec![10, 255, 1], 6), (vec![10, 255, 2], 3), (vec![12, 8, 1], 0), (vec![12, 9, 1], 4)];
        assert_eq!(packets(names::NEXT_HOP, next_hop::PACKETS), hops);
        assert_eq!(packets(names::PATH, path::PACKETS), [(vec![10], 8), (vec![12], 0)], "12 does not end here");
        let get = |column, index: &[u32]| tree.get(&names::cell(names::NEXT_HOP, column, index));
        assert_eq!(
            (get(next_hop::WEIGHT, &[10, 255, 1]), get(next_hop::WEIGHT, &[12, 8, 1])),
            (Value::Gauge32(3), Value::Gauge32(1))
        );
        assert_eq!(get(next_hop::MAC, &[12, 8, 1]), Value::from(&[2_u8, 0, 0, 0, 0, 1][..]));
        let first = tree.get(&names::cell(names::PATH, path::FIRST_INDEX, &[12]));
        assert_eq!(
            (first, tree.get(&names::cell(names::PATH, path::TO_PORT, &[12]))),
            (Value::Gauge32(9), Value::from(""))
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_or_left_out() {
        let rule = |name: &str| Rule { name: name.into(), path: u32::MAX, vlan: Some(9999), ..Rule::default() };
        let long = ServicePath { id: 7, index: 2, hops: vec![Hop::default(); 5], to: None };
        let shared = Hop { share: vec![NextHop { weight: 0, ..NextHop::default() }; 20], ..Hop::default() };
        let wide = ServicePath { id: 8, index: 0, hops: vec![shared.clone()], to: None };
        let nowhere = ServicePath { id: 0, index: 255, hops: vec![shared], to: None };
        let wide_too = ServicePath { id: 9, index: 255, ..nowhere.clone() };
        let agent = Agent {
            rules: vec![rule(""), rule(&"x".repeat(65)), rule("ok")],
            paths: vec![long, wide, nowhere, wide_too],
            ..Agent::default()
        };
        let tree = Tree::new(tables(&agent));
        let rules = walk(&tree, names::RULE);
        assert_eq!(rules.len(), 12);
        assert_eq!(
            (&rules[0].1, &rules[2].1, &rules[8].1),
            (&Value::Gauge32(3), &Value::Integer(4095), &Value::Gauge32(LAST_PATH))
        );
        let ids: Vec<u32> = walk(&tree, names::PATH).iter().take(3).map(|(name, _)| name[1]).collect();
        assert_eq!(ids, [7, 8, 9]);
        assert_eq!(tree.get(&names::cell(names::PATH, path::FIRST_INDEX, &[8])), Value::Gauge32(1));
        let rows: Vec<_> = walk(&tree, names::NEXT_HOP).into_iter().filter(|(n, _)| n[0] == next_hop::WEIGHT).collect();
        assert_eq!(rows.len(), 2 + 16);
        assert!(rows.iter().all(|(_, weight)| *weight == Value::Gauge32(1)), "{rows:?}");
    }
}
