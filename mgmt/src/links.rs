//! Links that go down or come up without the VNF saying so.
//!
//! Pure: it looks at the ports of snapshots, and says what nobody told. A snapshot may be older than what the VNF tells,
//! so a difference counts when two looks see it, one after the other.
use crate::vnf::Port;
use std::collections::BTreeMap;

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A port came up or went down.
    Link {
        /// Its name.
        port: String,
        /// Whether it is up.
        up: bool,
    },
    /// There is no such port any more; it was down.
    Gone {
        /// Its name.
        port: String,
    },
}

#[derive(Debug)]
struct Link {
    up: bool,
    /// The look before saw it otherwise.
    doubted: bool,
}

/// What is known of the ports' links.
#[derive(Debug, Default)]
pub struct Links(BTreeMap<String, Link>);

impl Links {
    /// The VNF told of a port.
    pub fn told(&mut self, port: &str, up: bool) {
        self.0.insert(port.into(), Link { up, doubted: false });
    }

    /// What nobody told. A port that was never seen is taken for one that was up. Without `watch` only ports that are gone
    /// are looked for.
    pub fn look(&mut self, ports: &[Port], watch: bool) -> Vec<Seen> {
        let mut seen = Vec::new();
        self.0.retain(|name, link| {
            if ports.iter().any(|p| p.name == *name) || !std::mem::replace(&mut link.doubted, true) {
                return true;
            }
            if !link.up {
                seen.push(Seen::Gone { port: name.clone() });
            }
            false
        });
        for Port { name, up, .. } in ports.iter().filter(|_| watch) {
            let link = self.0.entry(name.clone()).or_insert(Link { up: true, doubted: false });
            let differs = link.up != *up;
            if differs && link.doubted {
                *link = Link { up: *up, doubted: false };
                seen.push(Seen::Link { port: name.clone(), up: *up });
            } else {
                link.doubted = differs;
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(up: bool) -> Vec<Port> {
        vec![Port { name: "eth0".into(), up, ..Port::default() }]
    }
    fn link(up: bool) -> Vec<Seen> {
        vec![Seen::Link { port: "eth0".into(), up }]
    }

    #[test]
    fn a_change_is_seen_by_the_second_look() {
        let mut links = Links::default();
        assert_eq!(links.look(&port(true), true), []);
        assert_eq!(links.look(&port(false), true), []);
        assert_eq!(links.look(&port(false), true), link(false));
        assert_eq!(links.look(&port(false), true), []);
        assert_eq!(links.look(&port(true), true), []);
        assert_eq!(links.look(&port(false), true), [], "it came back for one look only");
        assert_eq!(links.look(&port(true), true), []);
        assert_eq!(links.look(&port(true), true), link(true));
    }

    #[test]
    fn what_the_vnf_told_is_not_told_again_nor_doubted_by_an_old_snapshot() {
        let mut links = Links::default();
        links.told("eth0", false);
        assert_eq!(links.look(&port(true), true), []);
        assert_eq!(links.look(&port(false), true), []);
        assert_eq!(links.look(&port(false), true), []);
    }

    #[test]
    fn a_port_that_is_gone_is_down_no_longer() {
        let mut links = Links::default();
        links.told("eth0", false);
        links.told("eth1", true);
        assert_eq!(links.look(&[], true), []);
        assert_eq!(links.look(&[], true), [Seen::Gone { port: "eth0".into() }]);
        assert_eq!(links.look(&[], true), []);
    }

    #[test]
    fn links_that_are_not_watched_are_not_told() {
        let mut links = Links::default();
        for _ in 0..3 {
            assert_eq!(links.look(&port(false), false), []);
        }
    }
}
