//! How the VNF and its functions do, and what it dropped: `sluiceVnf`, `sluiceFunctionTable`, `sluiceDropTable`.
use super::names;
use super::value::{TEXT, date_and_time, name_index, text, unsigned};
use crate::clock;
use crate::snmp::Table;
use crate::vnf::{FunctionInfo, Identity, State, Status};
use async_snmp::Value;
use std::collections::BTreeMap;

/// starting(1), running(2), stopped(3), failed(4)
pub(super) fn state(state: State) -> Value {
    Value::Integer(match state {
        State::Starting => 1,
        State::Running => 2,
        State::Stopped => 3,
        State::Failed => 4,
    })
}

/// `started`: nanoseconds since the Unix epoch. `revision`: of the structural agent.
pub(super) fn vnf(who: &Identity, status: &Status, started: u64, revision: u64) -> Table {
    let scalars = [
        text(&who.id, TEXT),
        text(&who.name, TEXT),
        text(&who.provider, TEXT),
        text(&who.product, TEXT),
        text(&who.version, TEXT),
        state(status.state),
        text(&status.phase, TEXT),
        text(status.detail.as_deref().unwrap_or_default(), TEXT),
        date_and_time(&clock::rfc3339(started)),
        unsigned(revision, 0, u32::MAX),
    ];
    Table::scalars(names::group(names::VNF), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], scalars)
}

/// Functions, each with the number of its revision.
pub(super) fn functions(all: &[(u64, FunctionInfo)]) -> Table {
    let mut table = Table::new(names::entry(names::FUNCTION), &[2, 3, 4, 5]);
    for (revision, function) in all {
        let Some(index) = name_index(&function.name) else { continue };
        let row = [
            text(&function.framework, TEXT),
            state(function.state),
            text(function.detail.as_deref().unwrap_or_default(), TEXT),
            unsigned(*revision, 0, u32::MAX),
        ];
        table.push(index, row.map(Some).to_vec());
    }
    table
}

/// Drops by reason.
pub(super) fn drops(by_reason: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::new(names::entry(names::DROP), &[2]);
    for (reason, packets) in by_reason {
        let Some(index) = name_index(reason) else { continue };
        table.push(index, vec![Some(Value::Counter64(*packets))]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::Tree;

    #[test]
    fn the_vnf_tells_how_it_does() {
        let who = Identity { id: "7".into(), name: "x".repeat(300), ..Identity::default() };
        let status = Status { state: State::Failed, phase: "ports".into(), detail: Some("no eth7".into()) };
        let tree = Tree::new(vec![vnf(&who, &status, 0, u64::MAX)]);
        let get = |n| tree.get(&names::scalar(names::VNF, n));
        assert_eq!((get(1), get(2)), (Value::from("7"), Value::from("x".repeat(255))));
        assert_eq!((get(6), get(7), get(8)), (Value::Integer(4), Value::from("ports"), Value::from("no eth7")));
        assert_eq!(get(9), Value::from(&[7_u8, 178, 1, 1, 0, 0, 0, 0, b'+', 0, 0][..]));
        assert_eq!((get(10), get(11)), (Value::Gauge32(u32::MAX), Value::NoSuchObject));
    }

    #[test]
    fn rows_have_names_as_indices_and_those_without_a_fit_one_are_left_out() {
        let one = |name: &str, state| {
            let (name, framework) = (name.into(), "click".into());
            (3, FunctionInfo { name, framework, state, detail: None })
        };
        let all = [one("fw", State::Running), one("", State::Running), one(&"x".repeat(65), State::Failed)];
        let tree = Tree::new(vec![functions(&all), drops(&[("ttl".to_string(), 9)].into())]);
        let fw = [2, u32::from(b'f'), u32::from(b'w')];
        assert_eq!(tree.get(&names::cell(names::FUNCTION, 3, &fw)), Value::Integer(2));
        let (second, _) = tree.next(&names::cell(names::FUNCTION, 2, &fw)).unwrap();
        assert_eq!(second, names::cell(names::FUNCTION, 3, &fw), "it is the only row");
        let ttl = [3, u32::from(b't'), u32::from(b't'), u32::from(b'l')];
        assert_eq!(tree.get(&names::cell(names::DROP, 2, &ttl)), Value::Counter64(9));
    }
}
