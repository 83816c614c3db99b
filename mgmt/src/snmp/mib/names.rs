//! Object identifiers of SLUICE-MIB. A test compares them with the file.
use async_snmp::Oid;

/// `sluice`: 32473 among the enterprises is for documentation (RFC 5612); an operator's own number replaces it, here and in the
/// file.
const SLUICE: [u32; 8] = [1, 3, 6, 1, 4, 1, 32473, 1];

/// Below `sluiceObjects`.
pub(super) const VNF: u32 = 1;
pub(super) const FUNCTION: u32 = 2;
pub(super) const RULE: u32 = 3;
pub(super) const PATH: u32 = 4;
pub(super) const NEXT_HOP: u32 = 5;
pub(super) const DROP: u32 = 6;
pub(super) const ALARM: u32 = 7;
const TOLD: u32 = 8;

/// Columns of `sluiceRuleTable`.
pub(super) mod rule {
    pub(crate) const POSITION: u32 = 2;
    pub(crate) const FROM: u32 = 3;
    pub(crate) const VLAN: u32 = 4;
    pub(crate) const ETHER_TYPE: u32 = 5;
    pub(crate) const PACKETS: u32 = 6;
    pub(crate) const SNMP: u32 = 7;
    pub(crate) const NSH_PATH: u32 = 8;
    pub(crate) const NSH_INDEX: u32 = 9;
    pub(crate) const PATH: u32 = 10;
    pub(crate) const INDEX: u32 = 11;
    pub(crate) const MATCHED: u32 = 12;
    pub(crate) const ROW_STATUS: u32 = 13;
}

/// Columns of `sluicePathTable`.
pub(super) mod path {
    pub(crate) const FIRST_INDEX: u32 = 2;
    pub(crate) const TO_PORT: u32 = 3;
    pub(crate) const TO_MAC: u32 = 4;
    pub(crate) const PACKETS: u32 = 5;
    pub(crate) const ROW_STATUS: u32 = 6;
}

/// Columns of `sluiceNextHopTable`.
pub(super) mod next_hop {
    pub(crate) const FUNCTION: u32 = 3;
    pub(crate) const PORT: u32 = 4;
    pub(crate) const MAC: u32 = 5;
    pub(crate) const WEIGHT: u32 = 6;
    pub(crate) const PACKETS: u32 = 7;
    pub(crate) const ROW_STATUS: u32 = 8;
}

/// Columns of `sluiceAlarmTable`.
pub(super) mod alarm {
    pub(crate) const OBJECT: u32 = 2;
    pub(crate) const KIND: u32 = 3;
    pub(crate) const CAUSE: u32 = 4;
    pub(crate) const SEVERITY: u32 = 5;
    pub(crate) const TEXT: u32 = 6;
    pub(crate) const SINCE: u32 = 7;
}

/// Scalars of `sluiceVnf` that notifications have.
pub(super) const VNF_STATE: u32 = 6;
pub(super) const VNF_PHASE: u32 = 7;
/// `sluiceFunctionRevision`
pub(super) const FUNCTION_REVISION: u32 = 5;

/// What only notifications tell: below `sluiceTold`.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Function = 1,
    Author = 2,
    Pause = 3,
    Alarm = 4,
}

/// Notifications, below `sluiceNotifications`.
#[derive(Clone, Copy)]
pub(super) enum Notification {
    StateChanged = 1,
    AlarmRaised = 2,
    AlarmCleared = 3,
    FunctionSwapped = 4,
    ChangeReverted = 5,
}

fn sluice(below: &[u32]) -> Oid {
    Oid::new(SLUICE.into_iter().chain(below.iter().copied()))
}

/// `sluiceMIB`
pub(super) fn mib() -> Oid {
    sluice(&[1])
}

/// `sluiceProduct`, the value of `sysObjectID`.
pub(super) fn product() -> Oid {
    sluice(&[2])
}

/// A group of scalars.
pub(super) fn group(number: u32) -> Oid {
    sluice(&[1, 1, number])
}

/// The rows' type of a table.
pub(super) fn entry(table: u32) -> Oid {
    sluice(&[1, 1, table, 1])
}

/// An instance of a column.
pub(super) fn cell(table: u32, column: u32, index: &[u32]) -> Oid {
    Oid::new(entry(table).arcs().iter().copied().chain([column]).chain(index.iter().copied()))
}

/// The one instance of a scalar.
pub(super) fn scalar(of: u32, number: u32) -> Oid {
    sluice(&[1, 1, of, number, 0])
}

/// The same of what only notifications tell.
pub(super) fn told(what: Told) -> Oid {
    scalar(TOLD, what as u32)
}

/// A notification (RFC 2578 section 8).
pub(super) fn notification(which: Notification) -> Oid {
    sluice(&[1, 0, which as u32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Every name of the file and its identifier.
    fn file() -> HashMap<String, Vec<u32>> {
        let mut all: HashMap<String, Vec<u32>> = [("enterprises".into(), vec![1, 3, 6, 1, 4, 1])].into();
        let mut open = String::new();
        let mut waiting = Vec::new();
        for line in include_str!("../../../mibs/SLUICE-MIB").lines() {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                open = line.split(' ').next().unwrap().into();
            }
            if let Some((_, value)) = line.split_once("::= { ") {
                let (parent, number) = value.trim_end_matches(" }").split_once(' ').unwrap();
                waiting.push((open.clone(), parent.to_string(), number.parse::<u32>().unwrap()));
            }
        }
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|(name, parent, number)| {
                let Some(parent) = all.get(parent) else { return true };
                let value = parent.iter().copied().chain([*number]).collect();
                all.insert(name.clone(), value);
                false
            });
            assert!(waiting.len() < before, "{waiting:?}");
        }
        all
    }

    #[test]
    fn identifiers_are_those_of_the_file() {
        let file = file();
        let columns = |table, stem: &str, of: &[(&str, u32)]| {
            for (name, number) in of {
                assert_eq!(cell(table, *number, &[]).arcs(), file[&format!("sluice{stem}{name}")], "{stem}{name}");
            }
            let all = file.keys().filter(|n| n.starts_with(&format!("sluice{stem}"))).count();
            assert!(all > of.len(), "{stem}");
        };
        let rules = [
            ("Position", rule::POSITION),
            ("From", rule::FROM),
            ("Vlan", rule::VLAN),
            ("EtherType", rule::ETHER_TYPE),
            ("Packets", rule::PACKETS),
            ("Snmp", rule::SNMP),
            ("NshPath", rule::NSH_PATH),
            ("NshIndex", rule::NSH_INDEX),
            ("Path", rule::PATH),
            ("Index", rule::INDEX),
            ("Matched", rule::MATCHED),
            ("RowStatus", rule::ROW_STATUS),
        ];
        columns(RULE, "Rule", &rules);
        let paths = [
            ("FirstIndex", path::FIRST_INDEX),
            ("ToPort", path::TO_PORT),
            ("ToMac", path::TO_MAC),
            ("Packets", path::PACKETS),
            ("RowStatus", path::ROW_STATUS),
        ];
        columns(PATH, "Path", &paths);
        let hops = [
            ("Function", next_hop::FUNCTION),
            ("Port", next_hop::PORT),
            ("Mac", next_hop::MAC),
            ("Weight", next_hop::WEIGHT),
            ("Packets", next_hop::PACKETS),
            ("RowStatus", next_hop::ROW_STATUS),
        ];
        columns(NEXT_HOP, "NextHop", &hops);
        let alarms = [
            ("Object", alarm::OBJECT),
            ("Kind", alarm::KIND),
            ("Cause", alarm::CAUSE),
            ("Severity", alarm::SEVERITY),
            ("Text", alarm::TEXT),
            ("Since", alarm::SINCE),
        ];
        columns(ALARM, "Alarm", &alarms);
        columns(
            FUNCTION,
            "Function",
            &[("Framework", 2), ("State", 3), ("Detail", 4), ("Revision", FUNCTION_REVISION)],
        );
        columns(DROP, "Drop", &[("Packets", 2)]);
        let others = [
            (mib(), "sluiceMIB"),
            (product(), "sluiceProduct"),
            (group(VNF), "sluiceVnf"),
            (notification(Notification::StateChanged), "sluiceStateChanged"),
            (notification(Notification::AlarmRaised), "sluiceAlarmRaised"),
            (notification(Notification::AlarmCleared), "sluiceAlarmCleared"),
            (notification(Notification::FunctionSwapped), "sluiceFunctionSwapped"),
            (notification(Notification::ChangeReverted), "sluiceChangeReverted"),
        ];
        for (oid, name) in others {
            assert_eq!(oid.arcs(), file[name], "{name}");
        }
        let scalars = [
            (scalar(VNF, VNF_STATE), "sluiceVnfState"),
            (scalar(VNF, VNF_PHASE), "sluiceVnfPhase"),
            (scalar(VNF, 10), "sluiceVnfRevision"),
            (told(Told::Function), "sluiceToldFunction"),
            (told(Told::Author), "sluiceToldAuthor"),
            (told(Told::Pause), "sluiceToldPause"),
            (told(Told::Alarm), "sluiceToldAlarm"),
        ];
        for (oid, name) in scalars {
            assert_eq!(oid.parent().unwrap().arcs(), file[name], "{name}");
        }
    }
}
