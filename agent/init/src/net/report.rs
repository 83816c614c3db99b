//! What is told of the management network: addresses and problems, from what is known. Pure.
use super::plan::Plan;
use super::{Address, Dhcp6, Network, Source};
use crate::boot::{Problem, Severity};
use sluice_netlink::{Address as Held, Link};
use std::net::IpAddr;
use std::time::Duration;

/// Without an address for this long, something is wrong.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of the interface.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) interface: &'a str,
    pub(super) wanted: &'a Network,
    /// None: there is no such interface.
    pub(super) link: Option<&'a Link>,
    pub(super) held: &'a [Held],
    pub(super) plan: &'a Plan,
    /// How long there has been no address.
    pub(super) without: Duration,
    /// What could not be done.
    pub(super) failures: &'a [String],
}

impl Known<'_> {
    /// The addresses that can be used: the planned ones, and the kernel's own.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let usable = |held: &&Held| !held.tentative && !held.duplicate && !is_link_local(held.ip);
        let named = |held: &Held| {
            let planned = self.plan.addresses.iter().find(|planned| planned.ip == held.ip);
            let source = match planned {
                Some(planned) => planned.source,
                None if held.ip.is_ipv6() => Source::Slaac,
                None => Source::Static,
            };
            Address { ip: held.ip, prefix: held.prefix, source }
        };
        self.held.iter().filter(usable).map(named).collect()
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        let problem = |severity, detail| Problem { object: "management".into(), severity, detail };
        let interface = self.interface;
        let mut problems = Vec::new();
        for held in self.held.iter().filter(|held| held.duplicate) {
            let ip = held.ip;
            let detail = format!(
                "another machine has the address {ip} of {interface}: it is not used. Give one of them another"
            );
            problems.push(problem(Severity::Major, detail));
        }
        for failure in self.failures {
            problems.push(problem(Severity::Minor, format!("{interface}: {failure}. It is tried again")));
        }
        if self.without >= PATIENCE {
            let detail = format!(
                "{interface} has no address: {}. It goes on trying. Look at the network that it is attached to, or give an \
                 address on the kernel command line: sluice.ip=192.0.2.10/24,192.0.2.1",
                self.reasons().join(", ")
            );
            problems.push(problem(Severity::Critical, detail));
        }
        problems
    }

    /// Why there is no address.
    fn reasons(&self) -> Vec<&'static str> {
        let Some(link) = self.link else { return vec!["there is no such interface"] };
        if !link.carrier {
            return vec!["its link has no carrier"];
        }
        let asks6 = match self.wanted.dhcp6 {
            Dhcp6::No => false,
            Dhcp6::Yes => true,
            Dhcp6::Auto => link.managed,
        };
        let routers = self.wanted.slaac && !link.router;
        let reasons = [
            (self.wanted.dhcp4, "no DHCPv4 server answers"),
            (routers, "no router advertises itself"),
            (self.wanted.slaac && link.router, "the router advertises no prefix for addresses"),
            (asks6, "no DHCPv6 server answers"),
        ];
        let mut reasons: Vec<_> = reasons.into_iter().filter(|(true_, _)| *true_).map(|(_, reason)| reason).collect();
        if reasons.is_empty() {
            reasons.push("the configured addresses cannot be used, or there are none");
        }
        reasons
    }
}

pub(super) fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(ip: &str, prefix: u8) -> Held {
        let ip = ip.parse().unwrap();
        Held { ip, prefix, preferred: None, valid: None, tentative: false, duplicate: false }
    }

    fn known<'a>(link: Option<&'a Link>, held: &'a [Held], plan: &'a Plan, wanted: &'a Network) -> Known<'a> {
        Known { interface: "eth0", wanted, link, held, plan, without: PATIENCE, failures: &[] }
    }

    #[test]
    fn an_address_is_told_with_its_source_once_it_can_be_used() {
        let wanted = Network { addresses: vec![("10.0.0.2".parse().unwrap(), 24)], ..Network::default() };
        let plan = Plan { addresses: Vec::new(), ..Plan::default() };
        let mut all = [held("2001:db8::1", 64), held("fe80::1", 64), held("2001:db8::2", 64)];
        all[2].tentative = true;
        let addresses = known(None, &all, &plan, &wanted).addresses();
        assert_eq!(addresses, [Address { ip: "2001:db8::1".parse().unwrap(), prefix: 64, source: Source::Slaac }]);
    }

    #[test]
    fn the_problem_says_who_did_not_answer() {
        let (plan, wanted) = (Plan::default(), Network::default());
        let mut link = Link::default();
        let detail = |link: Option<&Link>| known(link, &[], &plan, &wanted).problems().remove(0).detail;
        assert!(detail(None).contains("no such interface"));
        assert!(detail(Some(&link)).contains("no carrier"));
        link.carrier = true;
        assert!(detail(Some(&link)).contains("no DHCPv4 server answers, no router advertises itself."));
        (link.router, link.managed) = (true, true);
        assert!(detail(Some(&link)).contains("no DHCPv6 server answers"));
    }

    #[test]
    fn a_duplicate_is_a_problem_and_no_address() {
        let (plan, wanted) = (Plan::default(), Network::default());
        let mut all = [held("2001:db8::1", 64)];
        all[0].duplicate = true;
        let known = Known { without: Duration::ZERO, ..known(None, &all, &plan, &wanted) };
        assert!(known.addresses().is_empty());
        assert!(known.problems()[0].detail.contains("another machine has the address 2001:db8::1"));
    }
}
