//! What is told of by itself: events as notifications (RFC 3416 section 4.2.6), without `sysUpTime` and `snmpTrapOID`.
use super::names::{self, Notification, Told, alarm};
use super::value::{NAME, TEXT, name_index, text, unsigned};
use super::{Kept, alarms, interfaces, vnf};
use crate::alarms::Alarm;
use crate::ems::Ems;
use crate::events::What;
use crate::vnf::State;
use async_snmp::{Oid, Value, VarBind};

/// `snmpTraps` (RFC 3418 section 2), and of them `linkDown` and `linkUp` (RFC 2863 section 6).
const SNMP_TRAPS: [u32; 9] = [1, 3, 6, 1, 6, 3, 1, 1, 5];
const LINK_DOWN: u32 = 3;
const LINK_UP: u32 = 4;

/// The notification of an event: what it is, and its objects. None for an event that others tell of: alarms do of thresholds.
pub fn notification(ems: &Ems, kept: &Kept, what: &What) -> Option<(Oid, Vec<VarBind>)> {
    match what {
        What::State { state, phase } => state_changed(state, phase),
        What::Swap { function, revision, author, pause_ns } => {
            let author = VarBind::new(names::told(Told::Author), text(author, TEXT));
            let pause = VarBind::new(names::told(Told::Pause), unsigned(*pause_ns, 0, u32::MAX));
            Some((
                names::notification(Notification::FunctionSwapped),
                of_function(function, *revision, [author, pause]),
            ))
        }
        What::Reverted { function, revision } => {
            Some((names::notification(Notification::ChangeReverted), of_function(function, *revision, [])))
        }
        What::Link { port, up } => {
            let open = ems.vnf.status().state == State::Running;
            kept.number(port).map(|number| link(number, *up, open))
        }
        What::AlarmRaised { id, .. } => {
            // It may be over already.
            let alarm = ems.alarms.active().into_iter().find(|a| a.id == *id).or_else(|| over(ems, *id))?;
            of_alarm(Notification::AlarmRaised, &alarm)
        }
        What::AlarmCleared { id } => of_alarm(Notification::AlarmCleared, &over(ems, *id)?),
        What::Threshold { .. } => None,
    }
}

fn over(ems: &Ems, id: u64) -> Option<Alarm> {
    ems.alarms.history().into_iter().rev().find(|a| a.id == id)
}

fn state_changed(state: &str, phase: &str) -> Option<(Oid, Vec<VarBind>)> {
    let known = [State::Starting, State::Running, State::Stopped, State::Failed];
    let state = known.into_iter().find(|known| format!("{known:?}").eq_ignore_ascii_case(state))?;
    let objects = vec![
        VarBind::new(names::scalar(names::VNF, names::VNF_STATE), vnf::state(state)),
        VarBind::new(names::scalar(names::VNF, names::VNF_PHASE), text(phase, TEXT)),
    ];
    Some((names::notification(Notification::StateChanged), objects))
}

fn of_function<const N: usize>(function: &str, revision: u64, more: [VarBind; N]) -> Vec<VarBind> {
    let told = VarBind::new(names::told(Told::Function), text(function, NAME));
    // A function whose name is too long has no row; an index all the same.
    let index = name_index(function).unwrap_or_else(|| vec![0]);
    let row = names::cell(names::FUNCTION, names::FUNCTION_REVISION, &index);
    let mut objects = vec![told, VarBind::new(row, unsigned(revision, 0, u32::MAX))];
    objects.extend(more);
    objects
}

fn link(number: u32, up: bool, open: bool) -> (Oid, Vec<VarBind>) {
    let cell = |column, value| VarBind::new(Oid::from_slice(&interfaces::ENTRY).child(column).child(number), value);
    let objects = vec![
        cell(interfaces::INDEX, Value::Integer(number as i32)),
        cell(interfaces::ADMIN_STATUS, interfaces::up_or_down(open)),
        cell(interfaces::OPER_STATUS, interfaces::up_or_down(up)),
    ];
    (Oid::from_slice(&SNMP_TRAPS).child(if up { LINK_UP } else { LINK_DOWN }), objects)
}

fn of_alarm(which: Notification, a: &Alarm) -> Option<(Oid, Vec<VarBind>)> {
    let index = alarms::index(a.id)?;
    let cell = |column, value| VarBind::new(names::cell(names::ALARM, column, &[index]), value);
    let objects = vec![
        VarBind::new(names::told(Told::Alarm), Value::Gauge32(index)),
        cell(alarm::OBJECT, text(&a.object, TEXT)),
        cell(alarm::CAUSE, alarms::cause(a.cause)),
        cell(alarm::SEVERITY, alarms::severity(a.severity)),
        cell(alarm::TEXT, text(&a.text, TEXT)),
    ];
    Some((names::notification(which), objects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::{Cause, Severity};

    fn shown((id, objects): (Oid, Vec<VarBind>)) -> (String, Vec<(String, Value)>) {
        (id.to_string(), objects.into_iter().map(|o| (o.oid.to_string(), o.value)).collect())
    }
    fn sluice(below: &str) -> String {
        format!("1.3.6.1.4.1.32473.1.1.{below}")
    }

    #[test]
    fn a_state_is_told_with_its_phase_and_an_unknown_one_is_not() {
        let objects = vec![(sluice("1.1.6.0"), Value::Integer(4)), (sluice("1.1.7.0"), Value::from("ports"))];
        assert_eq!(state_changed("failed", "ports").map(shown), Some((sluice("0.1"), objects)));
        assert_eq!(state_changed("asleep", "ports"), None);
    }

    #[test]
    fn a_link_is_told_as_if_mib_does() {
        let cell = |column| format!("1.3.6.1.2.1.2.2.1.{column}.7");
        let objects =
            |up| vec![(cell(1), Value::Integer(7)), (cell(7), Value::Integer(1)), (cell(8), Value::Integer(up))];
        assert_eq!(shown(link(7, true, true)), ("1.3.6.1.6.3.1.1.5.4".into(), objects(1)));
        assert_eq!(shown(link(7, false, true)), ("1.3.6.1.6.3.1.1.5.3".into(), objects(2)));
    }

    #[test]
    fn an_alarm_is_told_with_its_row() {
        let events = std::sync::Arc::new(crate::events::Events::default());
        let alarms = crate::alarms::Alarms::new(events);
        alarms.raise("store", Cause::CorruptData, Severity::Major, "lost");
        let active = alarms.active();
        let cell = |column| sluice(&format!("1.7.1.{column}.1"));
        let objects = vec![
            (sluice("1.8.4.0"), Value::Gauge32(1)),
            (cell(2), Value::from("store")),
            (cell(4), Value::Integer(9)),
            (cell(5), Value::Integer(2)),
            (cell(6), Value::from("lost")),
        ];
        let told = of_alarm(Notification::AlarmCleared, &active[0]);
        assert_eq!(told.map(shown), Some((sluice("0.3"), objects)));
    }

    #[test]
    fn a_function_is_told_with_its_revision() {
        let objects = of_function("fw", 3, []);
        let row = sluice("1.2.1.5.2.102.119");
        assert_eq!(
            shown((Oid::empty(), objects)).1,
            [(sluice("1.8.1.0"), Value::from("fw")), (row, Value::Gauge32(3))]
        );
        assert_eq!(of_function(&"x".repeat(65), 3, [])[1].oid.to_string(), sluice("1.2.1.5.0"));
    }
}
