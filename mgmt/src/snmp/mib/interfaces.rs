//! The ports, as IF-MIB has them (RFC 2863): those of its objects whose value we know.
//!
//! Frames are counted in the columns of unicast packets: nobody counts broadcasts and multicasts apart, so the sum over all
//! three kinds, where the others are absent, is right.
use super::value::{ascii, mac, text};
use crate::snmp::Table;
use crate::vnf::{Port, PortSide};
use async_snmp::{Oid, Value};
use std::collections::HashMap;

/// `interfaces`
const INTERFACES: [u32; 7] = [1, 3, 6, 1, 2, 1, 2];
/// `ifEntry`
pub(super) const ENTRY: [u32; 9] = [1, 3, 6, 1, 2, 1, 2, 2, 1];
/// `ifXEntry`
const MORE: [u32; 10] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
/// Columns of `ifEntry` that notifications have, too.
pub(super) const INDEX: u32 = 1;
pub(super) const ADMIN_STATUS: u32 = 7;
pub(super) const OPER_STATUS: u32 = 8;
/// `ifType` of whatever carries Ethernet (IANAifType-MIB).
const ETHERNET_CSMACD: i32 = 6;
/// Ports that get a number in the life of the process.
const MOST: u32 = 65_535;

/// The numbers of ports. RFC 2863 section 3.1.5: a name keeps its number, and no number gets another name, as long as the process
/// runs.
#[derive(Debug, Default)]
pub(super) struct Numbers(HashMap<String, u32>);

impl Numbers {
    /// The `ifIndex` of a port, 1 and up; none if there were too many.
    pub(super) fn of(&mut self, name: &str) -> Option<u32> {
        if let Some(known) = self.0.get(name) {
            return Some(*known);
        }
        let next = u32::try_from(self.0.len()).ok().filter(|n| *n < MOST)? + 1;
        self.0.insert(name.into(), next);
        Some(next)
    }
}

/// up(1) or down(2), as `ifAdminStatus` and `ifOperStatus` have it.
pub(super) fn up_or_down(up: bool) -> Value {
    Value::Integer(if up { 1 } else { 2 })
}

/// `open`: the ports are meant to be up.
pub(super) fn tables(ports: &[Port], open: bool, numbers: &mut Numbers) -> Vec<Table> {
    let mut table = Table::new(Oid::from_slice(&ENTRY), &[1, 2, 3, 5, 6, 7, 8, 10, 11, 13, 16, 17, 19]);
    let mut more = Table::new(Oid::from_slice(&MORE), &[1, 6, 7, 10, 11, 14, 15]);
    let mut all = 0;
    for (number, port) in ports.iter().filter_map(|p| Some((numbers.of(&p.name)?, p))) {
        let Port { name, driver, up, received, sent, .. } = port;
        let count = |side: &Option<PortSide>, of: fn(&PortSide) -> u64| side.as_ref().map(of);
        let packets = |side| count(side, |s| s.packets);
        let bytes = |side| count(side, |s| s.bytes);
        let lost = count(received, |s| s.lost_before.wrapping_add(dropped(s)));
        let description = if driver.is_empty() { name.clone() } else { format!("{name} ({driver})") };
        let row = [
            Some(Value::Integer(number as i32)),
            Some(ascii(&description)),
            Some(Value::Integer(ETHERNET_CSMACD)),
            Some(Value::Gauge32(0)), // RFC 2863 section 3.1.4 has no word for a speed that is not known: 0
            Some(mac(port.mac.as_deref())),
            Some(up_or_down(open)),
            Some(up_or_down(*up)),
            bytes(received).map(low),
            packets(received).map(low),
            lost.map(low),
            bytes(sent).map(low),
            packets(sent).map(low),
            count(sent, dropped).map(low),
        ];
        table.push(vec![number], row.to_vec());
        let row = [
            Some(text(name, 255)),
            bytes(received).map(Value::Counter64),
            packets(received).map(Value::Counter64),
            bytes(sent).map(Value::Counter64),
            packets(sent).map(Value::Counter64),
            Some(Value::Integer(1)), // ifLinkUpDownTrapEnable: enabled
            Some(Value::Gauge32(0)),
        ];
        more.push(vec![number], row.to_vec());
        all += 1;
    }
    let group = Table::scalars(Oid::from_slice(&INTERFACES), &[1], [Value::Integer(all)]);
    vec![group, table, more]
}

fn dropped(side: &PortSide) -> u64 {
    side.dropped.values().fold(0, |sum, n| sum.wrapping_add(*n))
}

/// The low 32 bits (RFC 2863 section 3.1.6).
fn low(n: u64) -> Value {
    Value::Counter32(n as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Tree;

    fn port(name: &str) -> Port {
        Port { name: name.into(), ..Port::default() }
    }
    fn tree(ports: &[Port], numbers: &mut Numbers) -> Tree {
        Tree::new(tables(ports, true, numbers))
    }
    fn get(tree: &Tree, name: &str) -> Value {
        tree.get(&Oid::parse(&format!("1.3.6.1.2.1.{name}")).unwrap())
    }

    #[test]
    fn a_port_keeps_its_number_and_nobody_else_gets_it() {
        let mut numbers = Numbers::default();
        assert_eq!(get(&tree(&[port("b"), port("a")], &mut numbers), "31.1.1.1.1.1"), Value::from("b"));
        let later = tree(&[port("c"), port("a")], &mut numbers);
        assert_eq!(get(&later, "2.1.0"), Value::Integer(2));
        assert_eq!(get(&later, "2.2.1.1.1"), Value::NoSuchInstance);
        assert_eq!((get(&later, "31.1.1.1.1.2"), get(&later, "31.1.1.1.1.3")), (Value::from("a"), Value::from("c")));
        assert_eq!(numbers.of("b"), Some(1));
        for n in 0..MOST {
            numbers.of(&n.to_string());
        }
        assert_eq!((numbers.of("one more"), numbers.of("a")), (None, Some(2)));
    }

    #[test]
    fn counters_of_32_bits_are_the_low_half_and_what_is_not_known_is_not_there() {
        let dropped = [("no_buffer".to_string(), 3), ("down".to_string(), 4)].into();
        let side = PortSide { packets: (1 << 32) + 5, bytes: u64::MAX, lost_before: 10, dropped };
        let mac = Some("02:00:00:00:00:01".to_string());
        let eth0 = Port { driver: "xdp".into(), up: true, mac, received: Some(side), ..port("eth0") };
        let tree = tree(&[eth0], &mut Numbers::default());
        for (name, value) in [
            ("2.2.1.2.1", Value::from("eth0 (xdp)")),
            ("2.2.1.3.1", Value::Integer(6)),
            ("2.2.1.6.1", Value::from(&[2_u8, 0, 0, 0, 0, 1][..])),
            ("2.2.1.7.1", Value::Integer(1)),
            ("2.2.1.8.1", Value::Integer(1)),
            ("2.2.1.10.1", Value::Counter32(u32::MAX)),
            ("2.2.1.11.1", Value::Counter32(5)),
            ("2.2.1.13.1", Value::Counter32(17)),
            ("2.2.1.16.1", Value::NoSuchInstance),
            ("2.2.1.14.1", Value::NoSuchObject),
            ("31.1.1.1.6.1", Value::Counter64(u64::MAX)),
            ("31.1.1.1.7.1", Value::Counter64((1 << 32) + 5)),
            ("31.1.1.1.10.1", Value::NoSuchInstance),
        ] {
            assert_eq!(get(&tree, name), value, "{name}");
        }
    }
}
