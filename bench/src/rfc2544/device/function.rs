//! What Sluice is to be: configurations between a port A and a port B.
use crate::rfc2544::wire::flow::{DEVICE, FIRST_HOST, Side};
use sluice_dataplane::wire::EtherAddr;
use std::fmt;

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    /// Hands frames over as they are.
    Forward,
    /// An IPv4 router with all that RFC 1812 asks for.
    Router,
    /// Lets through what the last of so many rules allows (RFC 2544 section 11.4: 1 and 25).
    Firewall(u16),
    /// A forwarder of service paths (RFC 8300).
    Sff,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Function::Forward => write!(f, "forward"),
            Function::Router => write!(f, "router"),
            Function::Firewall(1) => write!(f, "firewall, 1 rule"),
            Function::Firewall(rules) => write!(f, "firewall, {rules} rules"),
            Function::Sff => write!(f, "NSH SFF"),
        }
    }
}

/// The service path of frames from A, and of those from B.
pub(crate) const PATHS: [u32; 2] = [1, 2];
/// The service index of both.
pub(crate) const INDEX: u8 = 255;

const ROUTER: &str = include_str!("../../../../elements/functions/router.click");

/// The elements that receive and send.
#[derive(Clone, Copy)]
pub(super) enum Elements {
    /// FromDPDKDevice and ToDPDKDevice.
    Dpdk,
    /// FromDevice and ToDevice.
    Kernel,
}

impl Function {
    /// The configuration between two ports, and the definitions that it takes.
    pub(super) fn config(self, elements: Elements, [a, b]: [&str; 2]) -> (String, Vec<String>) {
        let (from, to, drop) = match elements {
            Elements::Dpdk => ("FromDPDKDevice", "ToDPDKDevice", ", BLOCKING false, IQUEUE 0"),
            Elements::Kernel => ("FromDevice", "ToDevice", ""),
        };
        let ports = |a_to_b: &str, b_to_a: &str| {
            format!(
                "from_a :: {from}({a}, PROMISC true); to_a :: {to}({a}{drop}); from_b :: {from}({b}, PROMISC true); \
                 to_b :: {to}({b}{drop}); from_a {a_to_b} to_b; from_b {b_to_a} to_a;"
            )
        };
        let config = match self {
            Function::Forward => ports("->", "->"),
            Function::Firewall(rules) => {
                let rules = rule_list(rules);
                let through = |name: &str, to: &str| {
                    format!(
                        "-> {name} :: Classifier(12/0800, -); {name}[1] -> {to}; \
                         {name} -> Strip(14) -> CheckIPHeader -> IPFilter({rules}) -> Unstrip(14) ->"
                    )
                };
                ports(&through("class_a", "to_b"), &through("class_b", "to_a"))
            }
            Function::Sff => {
                let [forth, back] = PATHS;
                let through = format!("-> CheckNSHHeader(14) -> NSHForwarder({forth}/{INDEX} 0, {back}/{INDEX} 0) ->");
                let side = |name: &str, to: &str| {
                    format!("-> {name} :: Classifier(12/894f, -); {name}[1] -> {to}; {name} {through}")
                };
                ports(&side("class_a", "to_b"), &side("class_b", "to_a"))
            }
            Function::Router => {
                let config = ROUTER.replace("FromDevice(", &format!("{from}("));
                return (config.replace("ToDevice(", &format!("{to}(")), router(a, b));
            }
        };
        (config, Vec::new())
    }
}

/// Rules of which only the last matches what the tester sends.
fn rule_list(rules: u16) -> String {
    // Addresses for documentation (RFC 5737).
    let deny = (1..rules).map(|n| format!("deny src host 192.0.2.{} and udp dst port {n}, ", n % 254 + 1));
    deny.chain(["allow all".into()]).collect()
}

/// Both sides' addresses, and routes to all their networks through the tester.
fn router(a: &str, b: &str) -> Vec<String> {
    let side = |number| Side { number, ether: EtherAddr::ZERO };
    let own = |number| format!("{}/24", side(number).v4(0, DEVICE));
    let route = |number| {
        let s: Side = side(number);
        format!("{}/16 {} {number}", s.v4(0, 0), s.v4(0, FIRST_HOST))
    };
    vec![
        format!("A={a}"),
        format!("A_ADDR={}", own(0)),
        format!("B={b}"),
        format!("B_ADDR={}", own(1)),
        format!("ROUTES={}, {}", route(0), route(1)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firewall_has_as_many_rules_as_it_should() {
        assert_eq!(rule_list(1), "allow all");
        let rules = rule_list(25);
        assert_eq!(rules.split(", ").count(), 25);
        assert!(rules.ends_with("and udp dst port 24, allow all"));
    }

    #[test]
    fn a_router_reaches_every_network_of_both_sides() {
        let words = router("x", "y");
        assert_eq!(words[1], "A_ADDR=198.18.0.1/24");
        assert_eq!(words[4], "ROUTES=198.18.0.0/16 198.18.0.2 0, 198.19.0.0/16 198.19.0.2 1");
    }
}
