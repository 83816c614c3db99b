//! What is wrong: `sluiceAlarmTable`.
use super::names::{self, alarm};
use super::value::{TEXT, date_and_time, text};
use crate::alarms::{Alarm, Cause, Kind, Severity};
use crate::snmp::Table;
use async_snmp::Value;

/// ITU-T X.721, smi2Notification.
fn kind(kind: Kind) -> Value {
    Value::Integer(match kind {
        Kind::CommunicationsAlarm => 2,
        Kind::EquipmentAlarm => 4,
        Kind::ProcessingErrorAlarm => 10,
        Kind::QualityOfServiceAlarm => 11,
    })
}

/// ITU-T X.721, arfProbableCause. It has none for attempts: theirs is our own.
pub(super) fn cause(cause: Cause) -> Value {
    Value::Integer(match cause {
        Cause::ConfigurationOrCustomizationError => 7,
        Cause::CorruptData => 9,
        Cause::LossOfSignal => 29,
        Cause::SoftwareProgramAbnormallyTerminated => 47,
        Cause::StorageCapacityProblem => 49,
        Cause::ThresholdCrossed => 51,
        Cause::UnauthorizedAccessAttempt => 1001,
    })
}

/// ITU-T X.721, PerceivedSeverity.
pub(super) fn severity(severity: Severity) -> Value {
    Value::Integer(match severity {
        Severity::Critical => 1,
        Severity::Major => 2,
        Severity::Minor => 3,
        Severity::Warning => 4,
    })
}

/// The index of an alarm.
pub(super) fn index(id: u64) -> Option<u32> {
    u32::try_from(id).ok().filter(|id| *id > 0)
}

pub(super) fn table(active: &[Alarm]) -> Table {
    let columns = &[alarm::OBJECT, alarm::KIND, alarm::CAUSE, alarm::SEVERITY, alarm::TEXT, alarm::SINCE];
    let mut table = Table::new(names::entry(names::ALARM), columns);
    for a in active {
        let Some(index) = index(a.id) else { continue };
        let row = [
            text(&a.object, TEXT),
            kind(a.kind),
            cause(a.cause),
            severity(a.severity),
            text(&a.text, TEXT),
            date_and_time(&a.raised),
        ];
        table.push(vec![index], row.map(Some).to_vec());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;
    use crate::snmp::Tree;
    use std::sync::Arc;

    #[test]
    fn an_active_alarm_has_a_row_with_the_numbers_of_the_itu() {
        let alarms = crate::alarms::Alarms::new(Arc::new(Events::default()));
        alarms.raise("port/eth0", Cause::LossOfSignal, Severity::Major, "eth0 is down");
        alarms.raise("store", Cause::CorruptData, Severity::Warning, &"x".repeat(300));
        alarms.clear("port/eth0", Cause::LossOfSignal);
        alarms.raise("port/eth0", Cause::LossOfSignal, Severity::Critical, "eth0 is down");
        let tree = Tree::new(vec![table(&alarms.active())]);
        let get = |id, column| tree.get(&names::cell(names::ALARM, column, &[id]));
        assert_eq!(get(1, alarm::OBJECT), Value::NoSuchInstance, "it is over");
        assert_eq!((get(2, alarm::CAUSE), get(2, alarm::SEVERITY)), (Value::Integer(9), Value::Integer(4)));
        assert_eq!(get(2, alarm::TEXT), Value::from("x".repeat(255)));
        assert_eq!((get(3, alarm::KIND), get(3, alarm::CAUSE)), (Value::Integer(2), Value::Integer(29)));
        assert_eq!((get(3, alarm::OBJECT), get(3, alarm::SEVERITY)), (Value::from("port/eth0"), Value::Integer(1)));
    }
}
