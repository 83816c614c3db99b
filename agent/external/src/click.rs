//! The function as a compound element: what goes to the program and what comes back, written as Click does.
use crate::spec::{Attach, Fail, Spec};

/// The compound of a function. `devices`: what the graph calls the ends of its interfaces, as many as the program has.
pub(crate) fn compound(name: &str, spec: &Spec, devices: &[String]) -> String {
    let fail = if spec.fail == Fail::Open { "open" } else { "closed" };
    let stall = spec.stall_after.map_or(0, |time| time.as_millis());
    let to = devices.first().map_or("", String::as_str);
    let from = devices.last().map_or("", String::as_str);
    let gate = format!("input -> gate :: ExternalGate({name}, RETURNS {}, FAIL {fail}, STALL {stall}ms)", spec.returns);
    let ports = match (spec.attach, spec.returns) {
        // One element for both directions.
        (Attach::Tap, true) if to == from => {
            format!("gate[0] -> tap :: {} -> [1] gate", tap(to, spec.mtu))
        }
        (Attach::Tap, true) => {
            format!("gate[0] -> {} -> Discard; Idle -> {} -> [1] gate", tap(to, spec.mtu), tap(from, spec.mtu))
        }
        (Attach::Tap, false) => format!("gate[0] -> {} -> Discard", tap(to, spec.mtu)),
        (Attach::Veth, true) => format!("gate[0] -> ToDevice({to}); FromDevice({from}, PROMISC true) -> [1] gate"),
        (Attach::Veth, false) => format!("gate[0] -> ToDevice({to})"),
        (Attach::Memif, true) => {
            format!("gate[0] -> ToDPDKDevice({to}); FromDPDKDevice({from}, PROMISC true) -> [1] gate")
        }
        (Attach::Memif, false) => format!("gate[0] -> ToDPDKDevice({to})"),
    };
    format!("{{ {gate}; {ports}; gate[1] -> output }}")
}

/// The interface is moved to the program as soon as it is there, without this address of nobody (RFC 5737).
fn tap(name: &str, mtu: u32) -> String {
    format!("KernelTap(192.0.2.1/32, DEVNAME {name}, MTU {mtu})")
}
