//! Who we are, as SNMPv2-MIB has it: the group `system` (RFC 3418 section 2).
use super::About;
use super::names;
use super::value::{ascii, text};
use crate::snmp::Table;
use crate::vnf::Identity;
use async_snmp::{Oid, Value};

/// `system`
const SYSTEM: [u32; 7] = [1, 3, 6, 1, 2, 1, 1];
/// `sysOREntry`
const RESOURCE: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 9, 1];
/// What may be offered, 2^(layer - 1) each: frames are forwarded (2), packets routed (3), end to end (4), applications (7).
const SERVICES: i32 = 2 + 4 + 8 + 64;

pub(super) fn tables(who: &Identity, version: &str, about: &About<'_>) -> Vec<Table> {
    let parts = [who.product.as_str(), &who.version, &who.description].map(str::trim);
    let what = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
    let description = if what.is_empty() { format!("Sluice {version}") } else { format!("{what} (Sluice {version})") };
    let name = if who.name.is_empty() { &who.id } else { &who.name };
    let scalars = [
        ascii(&description),
        Value::ObjectIdentifier(names::product()),
        Value::TimeTicks(about.uptime),
        ascii(about.contact),
        ascii(name),
        ascii(about.location),
        Value::Integer(SERVICES),
        Value::TimeTicks(0), // since the agent started, sysORTable is as it is
    ];
    let system = Table::scalars(Oid::from_slice(&SYSTEM), &[1, 2, 3, 4, 5, 6, 7, 8], scalars);
    vec![system, resources()]
}

/// `sysORTable`: what is served here.
fn resources() -> Table {
    let mut table = Table::new(Oid::from_slice(&RESOURCE), &[2, 3, 4]);
    let served = [
        (Oid::from_slice(&[1, 3, 6, 1, 6, 3, 1]), "SNMPv2-MIB (RFC 3418): the VNF, and the agent"),
        (Oid::from_slice(&[1, 3, 6, 1, 2, 1, 31]), "IF-MIB (RFC 2863): ports"),
        (names::mib(), "SLUICE-MIB: functions, rules, paths, drops, alarms"),
    ];
    for (index, (id, what)) in (1..).zip(served) {
        let row = [Value::ObjectIdentifier(id), text(what, 255), Value::TimeTicks(0)];
        table.push(vec![index], row.map(Some).to_vec());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Tree;

    #[test]
    fn the_system_tells_who_it_is_and_what_it_serves() {
        let who = Identity { id: "7".into(), product: "Füse".into(), version: "2".into(), ..Identity::default() };
        let about = About { uptime: 12_345, contact: "noc@example.org", location: "Rack 7" };
        let tree = Tree::new(tables(&who, "0.2.0", &about));
        let get = |name: &str| tree.get(&Oid::parse(&format!("1.3.6.1.2.1.1.{name}")).unwrap());
        assert_eq!(get("1.0"), Value::from("F?se 2 (Sluice 0.2.0)"));
        assert_eq!(get("2.0"), Value::ObjectIdentifier(names::product()));
        assert_eq!(get("3.0"), Value::TimeTicks(12_345));
        assert_eq!((get("4.0"), get("6.0")), (Value::from("noc@example.org"), Value::from("Rack 7")));
        assert_eq!(get("5.0"), Value::from("7"), "it has no name");
        assert_eq!(get("7.0"), Value::Integer(78));
        assert_eq!(get("9.1.2.3"), Value::ObjectIdentifier(names::mib()));
        assert_eq!(
            (get("1.1"), get("9.1.2.4"), get("9.1.1.1")),
            (Value::NoSuchInstance, Value::NoSuchInstance, Value::NoSuchObject)
        );
    }
}
