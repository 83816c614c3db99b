//! What the interface should have, from everything that is known: pure.
use super::dhcp4;
use super::dhcp6;
use super::router::RouterDns;
use super::{Network, Source};
use sluice_netlink::Route;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Less would turn IPv6 off on the interface (RFC 8200 section 5).
const MTU_LEAST: u32 = 1280;

/// An address; lifetimes are since boot, None is for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) ip: IpAddr,
    pub(super) prefix: u8,
    pub(super) preferred: Option<Duration>,
    pub(super) valid: Option<Duration>,
    pub(super) source: Source,
}

/// Static values come first, then those of DHCPv4, of DHCPv6, of routers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) addresses: Vec<Planned>,
    pub(super) routes: Vec<Route>,
    pub(super) mtu: Option<u32>,
    pub(super) dns: Vec<IpAddr>,
    pub(super) search: Vec<String>,
}

impl Plan {
    pub(super) fn new(
        wanted: &Network,
        lease4: Option<&dhcp4::Lease>,
        lease6: Option<&dhcp6::Lease>,
        router: &RouterDns,
    ) -> Self {
        let mut plan = Self { mtu: wanted.mtu, ..Self::default() };
        for &(ip, prefix) in &wanted.addresses {
            plan.address(Planned { ip, prefix, preferred: None, valid: None, source: Source::Static });
        }
        for gateway in &wanted.gateways {
            let any = if gateway.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            plan.route(Route { to: any, prefix: 0, gateway: Some(*gateway) });
        }
        plan.dns.extend(&wanted.dns);
        plan.search.extend(wanted.search.iter().cloned());
        if let Some(lease) = lease4 {
            plan.lease4(lease);
        }
        if let Some(lease) = lease6 {
            for held in &lease.addresses {
                let (ip, preferred, valid) = (held.ip.into(), held.preferred, held.valid);
                plan.address(Planned { ip, prefix: 128, preferred, valid, source: Source::Dhcp6 });
            }
            plan.dns.extend(lease.dns.iter().map(|server| IpAddr::from(*server)));
            plan.search.extend(lease.search.iter().cloned());
        }
        plan.dns.extend(router.servers().map(IpAddr::from));
        plan.search.extend(router.domains().cloned());
        plan
    }

    fn lease4(&mut self, lease: &dhcp4::Lease) {
        let valid = lease.expires;
        let source = Source::Dhcp4 { server: lease.server };
        self.address(Planned { ip: lease.address.into(), prefix: lease.prefix, preferred: valid, valid, source });
        for &(to, prefix, gateway) in &lease.routes {
            let gateway = (!gateway.is_unspecified()).then_some(gateway.into());
            self.route(Route { to: to.into(), prefix, gateway });
        }
        let mtu = lease.mtu.map(u32::from).filter(|mtu| *mtu >= MTU_LEAST);
        self.mtu = self.mtu.or(mtu);
        self.dns.extend(lease.dns.iter().map(|server| IpAddr::from(*server)));
        self.search.extend(lease.search.iter().cloned());
    }

    /// The first who names it has it.
    fn address(&mut self, address: Planned) {
        if self.addresses.iter().all(|other| other.ip != address.ip) {
            self.addresses.push(address);
        }
    }

    /// One route to a destination: the first.
    fn route(&mut self, route: Route) {
        if self.routes.iter().all(|other| (other.to, other.prefix) != (route.to, route.prefix)) {
            self.routes.push(route);
        }
    }
}
