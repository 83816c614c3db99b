use super::*;
use crate::agent::{End, Hop, NextHop, Place as NshPlace, Rule, ServicePath};
use crate::snmp::Tree;
use crate::snmp::mib::names::{self, next_hop, path, rule};
use crate::snmp::mib::structural::tables;
use crate::snmp::mib::value::{NAME, name_index};
use ErrorStatus::*;
use async_snmp::{Oid, Value};
use proptest::prelude::*;

const CREATE: Value = Value::Integer(4);
const DESTROY: Value = Value::Integer(6);

fn bind(oid: Oid, value: impl Into<Value>) -> VarBind {
    VarBind::new(oid, value.into())
}
fn u(n: u32) -> Value {
    Value::Gauge32(n)
}
fn of_rule(name: &str, column: u32, value: impl Into<Value>) -> VarBind {
    bind(names::cell(names::RULE, column, &name_index(name).unwrap()), value)
}
fn of_path(id: u32, column: u32, value: impl Into<Value>) -> VarBind {
    bind(names::cell(names::PATH, column, &[id]), value)
}
fn of_hop(index: [u32; 3], column: u32, value: impl Into<Value>) -> VarBind {
    bind(names::cell(names::NEXT_HOP, column, &index), value)
}
fn agent() -> Agent {
    let text = "foreign = 'pass'\n[[rules]]\nname = 'a'\npackets = 'tcp'\npath = 10\n[[rules]]\nname = 'b'\npath = 10\n\
                [[rules]]\nname = 'c'\nnsh = { path = 11, index = 9 }\npath = 10\n\
                [[paths]]\nid = 10\nhops = [{ function = 'f' }, { port = 'B', mac = '02:00:00:00:00:01' }, \
                { share = [{ function = 'f', weight = 3 }, { port = 'B' }] }]\nto = { port = 'B' }\n";
    Agent::read(text).unwrap()
}
fn order(agent: &Agent) -> String {
    agent.rules.iter().map(|r| r.name.as_str()).collect()
}
fn no(wanted: &[VarBind]) -> (ErrorStatus, usize) {
    let refused = write(&agent(), wanted).unwrap_err();
    (refused.status, refused.index)
}
fn yes(wanted: &[VarBind]) -> Agent {
    write(&agent(), wanted).unwrap()
}

#[test]
fn a_rule_is_made_by_one_set_in_any_order_of_its_bindings() {
    let mut all = vec![
        of_rule("new", rule::ROW_STATUS, CREATE),
        of_rule("new", rule::PATH, u(10)),
        of_rule("new", rule::POSITION, u(2)),
        of_rule("new", rule::VLAN, 7),
        of_rule("new", rule::FROM, "A"),
        of_rule("new", rule::NSH_INDEX, u(3)),
        of_rule("new", rule::NSH_PATH, u(12)),
        of_rule("new", rule::INDEX, 254),
    ];
    let made = yes(&all);
    assert_eq!(order(&made), "anewbc");
    let nsh = Some(NshPlace { path: 12, index: 3 });
    let from = Some("A".to_string());
    let expected = Rule { name: "new".into(), from, vlan: Some(7), nsh, path: 10, index: Some(254), ..Rule::default() };
    assert_eq!(made.rules[1], expected);
    all.reverse();
    assert_eq!(yes(&all), made);
    all.retain(|b| b.oid != of_rule("new", rule::POSITION, 0).oid);
    assert_eq!(order(&yes(&all)), "abcnew", "without a position it comes last");
    all.retain(|b| b.oid != of_rule("new", rule::PATH, 0).oid);
    assert_eq!(no(&all), (InconsistentValue, all.len()), "it has no path");
}

#[test]
fn writing_a_position_moves_a_rule_and_two_change_places_at_once() {
    let to = |name, n| of_rule(name, rule::POSITION, u(n));
    assert_eq!(order(&yes(&[to("c", 1)])), "cab");
    assert_eq!(order(&yes(&[to("a", 3)])), "bca");
    assert_eq!(order(&yes(&[to("a", 2), to("b", 1)])), "bac");
    assert_eq!(order(&yes(&[to("c", 1), of_rule("b", rule::ROW_STATUS, DESTROY)])), "ca");
    assert_eq!(no(&[to("c", 1), to("a", 1)]), (InconsistentValue, 1));
    assert_eq!(no(&[to("a", 4)]), (InconsistentValue, 1));
    assert_eq!(no(&[to("a", 3), of_rule("b", rule::ROW_STATUS, DESTROY)]), (InconsistentValue, 1));
}

#[test]
fn what_is_written_is_changed_and_nothing_else() {
    let changed = yes(&[
        of_rule("a", rule::PACKETS, ""),
        of_rule("a", rule::ETHER_TYPE, 2048),
        of_rule("c", rule::NSH_PATH, u(0)),
        of_rule("b", rule::ROW_STATUS, 1),
    ]);
    let mut expected = agent();
    (expected.rules[0].packets, expected.rules[0].ether_type, expected.rules[2].nsh) = (None, Some(2048), None);
    assert_eq!(changed, expected);
    assert_eq!(no(&[of_rule("a", rule::NSH_INDEX, u(9))]), (InconsistentValue, 1), "there is no path to it");
    assert_eq!(yes(&[of_rule("c", rule::NSH_INDEX, u(8))]).rules[2].nsh, Some(NshPlace { path: 11, index: 8 }));
}

/// RFC 2579 section 2, RowStatus.
#[test]
fn rows_are_made_and_destroyed_as_their_status_says() {
    let status = |name, n: i32| of_rule(name, rule::ROW_STATUS, n);
    assert_eq!(order(&yes(&[status("b", 6), status("nobody", 6)])), "ac");
    assert_eq!(no(&[of_rule("b", rule::PATH, u(1)), status("b", 4)]), (InconsistentValue, 2), "it is there");
    assert_eq!(no(&[status("nobody", 1)]), (InconsistentValue, 1), "it is not there");
    assert_eq!(no(&[status("a", 1), of_rule("nobody", rule::PATH, u(1))]), (InconsistentName, 2));
    assert_eq!(no(&[status("a", 6), of_rule("a", rule::PATH, u(1))]), (InconsistentValue, 2));
    for n in [2, 3, 5, 0, 7, -1] {
        assert_eq!(no(&[status("a", n)]), (WrongValue, 1), "{n}");
    }
}

/// RFC 3416 section 4.2.5, (2) to (7).
#[test]
fn each_binding_is_looked_at_by_itself_first() {
    let ok = || of_rule("a", rule::PATH, u(1));
    let rule_at = |column, index: &[u32]| names::cell(names::RULE, column, index);
    for (wrong, status) in [
        (bind(names::scalar(names::VNF, 1), "x"), NotWritable),
        (bind(Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 5, 0]), "x"), NotWritable),
        (bind(Oid::empty(), 1), NotWritable),
        (bind(names::entry(names::RULE), 1), NotWritable),
        (of_rule("a", rule::MATCHED, Value::Counter64(0)), NotWritable),
        (of_rule("a", 1, "a"), NotWritable),
        (of_path(10, path::PACKETS, Value::Counter64(0)), NotWritable),
        (of_rule("a", rule::PATH, 1), WrongType),
        (of_rule("a", rule::VLAN, u(1)), WrongType),
        (of_rule("a", rule::FROM, Value::Null), WrongType),
        (of_rule("a", rule::FROM, "x".repeat(65)), WrongLength),
        (of_rule("a", rule::SNMP, "x".repeat(1025)), WrongLength),
        (of_path(10, path::TO_MAC, "12345"), WrongLength),
        (of_rule("a", rule::FROM, &[0xFF_u8][..]), WrongValue),
        (of_rule("a", rule::PATH, u(0)), WrongValue),
        (of_rule("a", rule::PATH, u(1 << 24)), WrongValue),
        (of_rule("a", rule::VLAN, 4096), WrongValue),
        (of_rule("a", rule::VLAN, -2), WrongValue),
        (bind(rule_at(rule::PATH, &[]), u(1)), NoCreation),
        (bind(rule_at(rule::PATH, &[2, 97]), u(1)), NoCreation),
        (bind(rule_at(rule::PATH, &[1, 256]), u(1)), NoCreation),
        (bind(rule_at(rule::PATH, &[1, 255]), u(1)), NoCreation),
        (bind(rule_at(rule::PATH, &[1, 256]), u(0)), WrongValue),
        (of_path(0, path::FIRST_INDEX, u(1)), NoCreation),
        (of_hop([10, 0, 1], next_hop::FUNCTION, "f"), NoCreation),
        (of_hop([10, 255, 17], next_hop::FUNCTION, "f"), NoCreation),
        (of_hop([10, 511, 1], next_hop::FUNCTION, "f"), NoCreation),
    ] {
        let shown = format!("{wrong:?}");
        assert_eq!(no(&[ok(), wrong]), (status, 2), "{shown}");
    }
}

#[test]
fn the_same_twice_is_once_and_two_values_for_one_instance_are_inconsistent() {
    let to = |n| of_rule("a", rule::PATH, u(n));
    assert_eq!(yes(&[to(7), to(7)]).rules[0].path, 7);
    assert_eq!(no(&[to(7), to(8)]), (InconsistentValue, 2));
    let status = |n: i32| of_rule("a", rule::ROW_STATUS, n);
    assert_eq!(no(&[status(1), status(6)]), (InconsistentValue, 2));
}

#[test]
fn a_path_is_made_with_its_hops_by_one_set() {
    let made = yes(&[
        of_hop([20, 6, 1], next_hop::PORT, "B"),
        of_hop([20, 6, 1], next_hop::MAC, &[2_u8, 0, 0, 0, 0, 0xAB][..]),
        of_hop([20, 6, 1], next_hop::ROW_STATUS, CREATE),
        of_hop([20, 7, 2], next_hop::ROW_STATUS, CREATE),
        of_hop([20, 7, 2], next_hop::FUNCTION, "g"),
        of_hop([20, 7, 2], next_hop::WEIGHT, u(9)),
        of_hop([20, 7, 1], next_hop::ROW_STATUS, CREATE),
        of_hop([20, 7, 1], next_hop::FUNCTION, "f"),
        of_path(20, path::TO_PORT, "A"),
        of_path(20, path::ROW_STATUS, CREATE),
        of_path(20, path::FIRST_INDEX, u(7)),
    ]);
    let text = "[[paths]]\nid = 20\nindex = 7\nto = { port = 'A' }\n\
                hops = [{ share = [{ function = 'f' }, { function = 'g', weight = 9 }] }, { port = 'B', mac = '02:00:00:00:00:ab' }]\n";
    assert_eq!(made.paths[1..], Agent::read(text).unwrap().paths);
    assert_eq!((made.foreign, made.rules.len()), (agent().foreign, 3));
}

#[test]
fn hops_and_their_numbers_stay_without_a_gap() {
    let make = |index| [of_hop(index, next_hop::ROW_STATUS, CREATE), of_hop(index, next_hop::FUNCTION, "g")];
    let destroy = |index| of_hop(index, next_hop::ROW_STATUS, DESTROY);
    assert_eq!(yes(&make([10, 252, 1])).paths[0].hops.len(), 4);
    assert_eq!(yes(&make([10, 253, 3])).paths[0].hops[2].share.len(), 3);
    assert_eq!(yes(&make([10, 255, 2])).paths[0].hops[0].share.len(), 2);
    for index in [[10, 251, 1], [10, 252, 2], [10, 253, 4], [20, 255, 1]] {
        assert_eq!(no(&make(index)), (InconsistentName, 1), "{index:?}");
    }
    assert_eq!(no(&[destroy([10, 255, 1])]), (InconsistentValue, 1));
    assert_eq!(no(&[destroy([10, 253, 1])]), (InconsistentValue, 1));
    assert_eq!(no(&[destroy([10, 254, 9]), destroy([10, 254, 1]), destroy([10, 255, 2])]), (InconsistentValue, 2));
    let shorter = yes(&[destroy([10, 253, 1]), destroy([10, 253, 2]), destroy([10, 254, 1]), destroy([10, 9, 9])]);
    assert_eq!(shorter.paths[0].hops, agent().paths[0].hops[..1]);
    let alone = yes(&[destroy([10, 253, 2])]);
    assert_eq!(alone.paths[0].hops[2], Hop { function: Some("f".into()), ..Hop::default() }, "its weight is gone");
    let weight = of_hop([10, 254, 1], next_hop::WEIGHT, u(2));
    assert_eq!(no(std::slice::from_ref(&weight)), (InconsistentValue, 1), "it shares with nobody");
    let [status, function] = make([10, 254, 2]);
    assert_eq!(yes(&[weight, status, function]).paths[0].hops[1].share[0].weight, 2);
}

#[test]
fn a_next_hop_is_a_function_or_a_port() {
    let set = |column, value: &str| of_hop([10, 254, 1], column, value);
    assert_eq!(no(&[set(next_hop::FUNCTION, "g")]), (InconsistentValue, 1));
    assert_eq!(no(&[set(next_hop::PORT, "")]), (InconsistentValue, 1));
    assert_eq!(
        no(&[set(next_hop::MAC, "123456"), set(next_hop::PORT, ""), set(next_hop::FUNCTION, "g")]),
        (InconsistentValue, 1)
    );
    let now = yes(&[set(next_hop::FUNCTION, "g"), set(next_hop::PORT, "")]);
    assert_eq!(now.paths[0].hops[1], Hop { function: Some("g".into()), ..Hop::default() });
    assert_eq!(no(&[of_hop([10, 252, 1], next_hop::ROW_STATUS, CREATE)]), (InconsistentValue, 1));
}

#[test]
fn the_first_index_moves_the_hops_and_a_path_takes_them_with_it() {
    let first = |n| of_path(10, path::FIRST_INDEX, u(n));
    let function = |si| of_hop([10, si, 1], next_hop::FUNCTION, "g");
    let moved = yes(&[first(3)]);
    assert_eq!((moved.paths[0].index, &moved.paths[0].hops), (3, &agent().paths[0].hops));
    assert_eq!(no(&[first(2)]), (InconsistentValue, 1), "three hops do not fit");
    assert_eq!(no(&[first(3), function(3)]), (InconsistentName, 2));
    assert_eq!(yes(&[first(255), function(255)]).paths[0].hops[0].function, Some("g".into()), "it stays where it is");
    let destroy = || of_path(10, path::ROW_STATUS, DESTROY);
    assert!(yes(&[destroy(), of_hop([10, 255, 1], next_hop::ROW_STATUS, DESTROY)]).paths.is_empty());
    assert_eq!(no(&[destroy(), function(255)]), (InconsistentName, 2));
}

#[test]
fn a_path_ends_at_a_port_or_not_at_all() {
    let mac = |octets: &[u8]| of_path(10, path::TO_MAC, octets);
    let port = |name: &str| of_path(10, path::TO_PORT, name);
    let end = |mac: Option<&str>| Some(End { port: "B".into(), mac: mac.map(Into::into) });
    assert_eq!(yes(&[mac(&[2, 0, 0, 0, 0, 1])]).paths[0].to, end(Some("02:00:00:00:00:01")));
    assert_eq!(yes(&[mac(&[])]).paths[0].to, end(None));
    assert_eq!(yes(&[port(""), mac(&[])]).paths[0].to, None);
    assert_eq!(no(&[mac(&[2, 0, 0, 0, 0, 1]), port("")]), (InconsistentValue, 1));
}

#[test]
fn ten_thousand_rules_are_made_by_one_set() {
    let all: Vec<VarBind> = (0..10_000)
        .flat_map(|n| {
            let name = format!("r{n}");
            [
                of_rule(&name, rule::POSITION, u(10_000 - n)),
                of_rule(&name, rule::PATH, u(1)),
                of_rule(&name, rule::ROW_STATUS, CREATE),
            ]
        })
        .collect();
    let made = write(&Agent::default(), &all).unwrap();
    assert_eq!(
        (made.rules.len(), made.rules[0].name.as_str(), made.rules[9999].name.as_str()),
        (10_000, "r9999", "r0")
    );
}

fn some(text: &'static str) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(text)
}
fn macs() -> impl Strategy<Value = Option<String>> {
    some("0[0-9a-f](:[0-9a-f]{2}){5}")
}
fn any_rule() -> impl Strategy<Value = Rule> {
    let pattern = || some("[a-z .é]{1,40}");
    let nsh = proptest::option::of((1..1_u32 << 24, any::<u8>()).prop_map(|(path, index)| NshPlace { path, index }));
    let numbers = (proptest::option::of(0..4096_u16), any::<Option<u16>>(), 1..1_u32 << 24, any::<Option<u8>>());
    (some("[A-Z]{1,64}"), numbers, pattern(), pattern(), nsh).prop_map(|(from, numbers, packets, snmp, nsh)| {
        let (vlan, ether_type, path, index) = numbers;
        Rule { name: String::new(), from, vlan, ether_type, packets, snmp, nsh, path, index }
    })
}
fn any_next() -> impl Strategy<Value = NextHop> {
    let names = (any::<bool>(), "[a-z]{1,64}", macs());
    (names, 1..=u16::MAX).prop_map(|((function, name, mac), weight)| match function {
        true => NextHop { function: Some(name), weight, ..NextHop::default() },
        false => NextHop { port: Some(name), mac, weight, ..NextHop::default() },
    })
}
fn any_hop() -> impl Strategy<Value = Hop> {
    proptest::collection::vec(any_next(), 1..5).prop_map(|mut share| match share.len() {
        1 => {
            let NextHop { function, port, mac, .. } = share.remove(0);
            Hop { function, port, mac, share: Vec::new() }
        }
        _ => Hop { share, ..Hop::default() },
    })
}
fn any_path() -> impl Strategy<Value = ServicePath> {
    let to = proptest::option::of(("[A-Z]{1,64}", macs()).prop_map(|(port, mac)| End { port, mac }));
    (5..=255_u8, proptest::collection::vec(any_hop(), 0..5), to).prop_map(|(index, hops, to)| ServicePath {
        id: 0,
        index,
        hops,
        to,
    })
}
fn any_agent() -> impl Strategy<Value = Agent> {
    let rules = proptest::collection::btree_map("[a-zé]{1,12}", any_rule(), 0..8);
    let rules = rules.prop_map(|all| all.into_iter().map(|(name, rule)| Rule { name, ..rule }).collect::<Vec<_>>());
    let paths = proptest::collection::btree_map(1..1_u32 << 24, any_path(), 0..4);
    let paths = paths.prop_map(|all| all.into_iter().map(|(id, path)| ServicePath { id, ..path }).collect());
    (rules.prop_shuffle(), paths).prop_map(|(rules, paths)| Agent { rules, paths, ..Agent::default() })
}

/// What can be written of a table, a SET for each row.
fn written(agent: &Agent, table: u32, columns: std::ops::Range<u32>, counter: u32, status: u32) -> Vec<Vec<VarBind>> {
    let (tree, entry) = (Tree::new(tables(agent)), names::entry(table));
    let mut rows: std::collections::BTreeMap<Vec<u32>, Vec<VarBind>> = Default::default();
    let mut at = entry.clone();
    while let Some((name, value)) = tree.next(&at).filter(|(name, _)| name.starts_with(&entry)) {
        let (column, index) = name.arcs()[entry.len()..].split_first().unwrap();
        assert!(columns.contains(column));
        let value = if *column == status { CREATE } else { value.clone() };
        if *column != counter {
            rows.entry(index.to_vec()).or_default().push(bind(name.clone(), value));
        }
        at = name;
    }
    rows.into_values().collect()
}

/// Names and values near those that mean something.
fn any_binding() -> impl Strategy<Value = VarBind> {
    let arcs = prop_oneof![0..4_u32, 5..20_u32, 95..100_u32, 253..256_u32, any::<u32>()];
    let index = prop_oneof![
        proptest::collection::vec(arcs.clone(), 0..5),
        Just(vec![1, 97]),
        Just(vec![1, 98]),
        Just(vec![10]),
        Just(vec![20]),
        (252..=255_u32, 1..4_u32).prop_map(|(si, n)| vec![10, si, n]),
        (253..=255_u32, 1..3_u32).prop_map(|(si, n)| vec![20, si, n]),
    ];
    let cells = (2..8_u32, 0..14_u32, index).prop_map(|(table, column, index)| names::cell(table, column, &index));
    let name = prop_oneof![20 => cells, 1 => proptest::collection::vec(arcs, 0..15).prop_map(Oid::new)];
    let value = prop_oneof![
        (-2..8_i32).prop_map(Value::Integer),
        Just(CREATE),
        Just(DESTROY),
        any::<i32>().prop_map(Value::Integer),
        (0..12_u32).prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::Gauge32),
        "[a-z]{0,3}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..70).prop_map(|v| Value::from(&v[..])),
        Just(Value::Null),
        Just(Value::Counter64(1)),
        Just(Value::NoSuchObject),
    ];
    (name, value).prop_map(|(name, value)| VarBind::new(name, value))
}

proptest! {
    #[test]
    fn what_is_read_and_written_again_row_by_row_is_the_same(agent in any_agent()) {
        let mut again = Agent::default();
        let mut rules = written(&agent, names::RULE, 2..14, rule::MATCHED, rule::ROW_STATUS);
        rules.sort_by_key(|row| row[0].value.as_u32());
        let paths = written(&agent, names::PATH, 2..7, path::PACKETS, path::ROW_STATUS);
        // A hop that is shared comes as a whole, and the first hop of a path first.
        let mut hops: Vec<Vec<VarBind>> = Vec::new();
        for row in written(&agent, names::NEXT_HOP, 3..9, next_hop::PACKETS, next_hop::ROW_STATUS) {
            match row[0].oid.arcs().last() {
                Some(1) => hops.push(row),
                _ => hops.last_mut().unwrap().extend(row),
            }
        }
        hops.reverse();
        for set in rules.into_iter().chain(paths).chain(hops) {
            again = write(&again, &set).unwrap_or_else(|e| panic!("{e}: {set:?}"));
        }
        prop_assert_eq!(again, agent);
    }

    #[test]
    fn it_is_written_the_same_in_one_set_whatever_the_order(agent in any_agent(), turn in any::<prop::sample::Index>()) {
        let mut all: Vec<VarBind> = [
            written(&agent, names::RULE, 2..14, rule::MATCHED, rule::ROW_STATUS),
            written(&agent, names::PATH, 2..7, path::PACKETS, path::ROW_STATUS),
            written(&agent, names::NEXT_HOP, 3..9, next_hop::PACKETS, next_hop::ROW_STATUS),
        ].concat().concat();
        if !all.is_empty() {
            let by = turn.index(all.len());
            all.rotate_left(by);
        }
        let mut made = write(&Agent::default(), &all).unwrap();
        made.paths.sort_by_key(|path| path.id);
        prop_assert_eq!(made, agent);
    }

    #[test]
    fn whatever_is_wanted_is_done_or_refused_by_a_binding_of_it(wanted in proptest::collection::vec(any_binding(), 0..8)) {
        match write(&agent(), &wanted) {
            Ok(now) => {
                for path in &now.paths {
                    prop_assert!(path.hops.len() <= usize::from(path.index));
                    prop_assert!(path.hops.iter().all(|hop| hop.share.len() != 1 && hop.share.len() <= 16));
                }
                prop_assert!(now.rules.iter().all(|rule| (1..=NAME).contains(&rule.name.len())));
                let mut twice = wanted.clone();
                twice.extend(wanted);
                prop_assert_eq!(write(&agent(), &twice), Ok(now));
            }
            Err(refused) => prop_assert!((1..=wanted.len()).contains(&refused.index) && refused.status != GenErr, "{}", refused),
        }
    }
}
