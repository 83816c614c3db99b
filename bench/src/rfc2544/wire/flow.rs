//! Addresses and ports: of the tester's two sides, and of the flows between them.
//!
//! Flows are spread as RFC 4814 asks for, so that no table or hash of the device meets a pattern; they are computed, so that
//! a million take no memory. A flow has the same addresses and ports in both directions, source and destination swapped.
use sluice_dataplane::wire::EtherAddr;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most flows.
pub(crate) const MOST: u32 = 1_000_000;
/// Hosts of a network where flows are spread. They are few, for the device has to resolve those of the first network.
const HOSTS: u16 = 64;
/// Number of the first host in its network: before it come the device and, as next hop, nobody.
pub(crate) const FIRST_HOST: u16 = 2;
/// Number of the device in the first network of each side.
pub(crate) const DEVICE: u16 = 1;
/// First ports; 2^15 follow each. None is one that devices take for a protocol that they know better.
const PORTS: [u16; 2] = [32_768, 16_384];

/// One side of the device: a port of the tester and what is behind it. The networks of a side are 256 that lie side by
/// side; the port is in the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Side {
    /// 0 is A, 1 is B.
    pub(crate) number: u8,
    /// Ethernet address of the port.
    pub(crate) ether: EtherAddr,
}

impl Side {
    /// Address of host number `host` in network number `net` (0 to 255; hosts 1 to 254): RFC 2544 appendix C.2.2 gives each
    /// side a /16 of the networks for benchmarks, of which these are the /24.
    pub(crate) fn v4(&self, net: u16, host: u16) -> Ipv4Addr {
        Ipv4Addr::new(198, 18 + self.number, net as u8, host as u8)
    }

    /// The same in IPv6: RFC 5180 section 8 gives 2001:2::/48, of which these are /64.
    pub(crate) fn v6(&self, net: u16, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 2, 0, (u16::from(self.number) << 15) | net, 0, 0, 0, host)
    }

    /// Whether the tester answers for this address: any of the side's but the device's.
    pub(crate) fn has_v4(&self, address: Ipv4Addr) -> bool {
        let [a, b, net, host] = address.octets();
        let host = u16::from(host);
        [a, b] == [198, 18 + self.number] && host >= FIRST_HOST && host != 255 && (net, host) != (0, DEVICE)
    }

    /// The same in IPv6.
    pub(crate) fn has_v6(&self, address: Ipv6Addr) -> bool {
        let [a, b, c, net, d, e, f, host] = address.segments();
        let ours = [a, b, c, d, e, f] == [0x2001, 2, 0, 0, 0, 0] && net >> 15 == u16::from(self.number);
        ours && net & 0x7fff < 256 && host >= FIRST_HOST
    }
}

/// Where a flow is on each side, and its ports there; A is first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flow {
    /// Network.
    pub(crate) nets: [u16; 2],
    /// Host in it.
    pub(crate) hosts: [u16; 2],
    /// UDP ports.
    pub(crate) ports: [u16; 2],
}

/// All flows of a trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flows {
    /// How many, 1 to [`MOST`].
    pub(crate) count: u32,
    /// Pseudorandom, not counting up.
    pub(crate) random: bool,
    /// Networks of each side, 1 to 256.
    pub(crate) networks: u16,
}

impl Flows {
    /// Hosts of each network, from [`FIRST_HOST`] on.
    pub(crate) fn hosts(&self) -> u16 {
        if self.random { HOSTS.min(u16::try_from(self.count).unwrap_or(HOSTS)) } else { 1 }
    }

    /// Number of the flow that the frame with this sequence number is of: all flows in turn.
    #[inline]
    pub(crate) fn of(&self, sequence: u64) -> u32 {
        if self.count > 1 { (sequence % u64::from(self.count)) as u32 } else { 0 }
    }

    /// Flow number `n`.
    #[inline]
    pub(crate) fn get(&self, n: u32) -> Flow {
        // RFC 2544 section 12: networks are used evenly.
        let net = if self.networks > 1 { (n % u32::from(self.networks)) as u16 } else { 0 };
        if !self.random {
            // All of a network's first, so that ports count up slowest where there are many networks.
            let ports = [PORTS[0] + (n & 0x7fff) as u16, PORTS[1] + (n >> 15 & 0x7fff) as u16];
            return Flow { nets: [net; 2], hosts: [FIRST_HOST; 2], ports };
        }
        let ports = scatter(n);
        let spread = n.wrapping_add(1).wrapping_mul(0x9e37_79b9);
        let host = |bits: u32| FIRST_HOST + (((bits & 0xffff) * u32::from(self.hosts())) >> 16) as u16;
        Flow {
            nets: [net; 2],
            hosts: [host(spread >> 16), host((spread ^ ports) >> 5)],
            ports: [PORTS[0] + (ports & 0x7fff) as u16, PORTS[1] + (ports >> 15 & 0x7fff) as u16],
        }
    }
}

/// A permutation of the numbers of 30 bits without a visible pattern: each step can be undone (an odd factor, a shifted
/// copy), so no two flows have the same pair of ports.
#[inline]
fn scatter(n: u32) -> u32 {
    const MASK: u32 = (1 << 30) - 1;
    let n = n.wrapping_mul(0x2c1b_3c6d) & MASK;
    let n = (n ^ (n >> 15)).wrapping_mul(0x297a_2d39) & MASK;
    n ^ (n >> 14)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_flows_are_the_same() {
        for random in [false, true] {
            let flows = Flows { count: MOST, random, networks: 256 };
            let seen: HashSet<[u16; 2]> = (0..MOST).map(|n| flows.get(n).ports).collect();
            assert_eq!(seen.len(), MOST as usize, "random {random}");
        }
    }

    #[test]
    fn networks_hosts_and_bits_of_ports_are_used_evenly() {
        let flows = Flows { count: MOST, random: true, networks: 256 };
        let (mut nets, mut hosts, mut bits) = ([0; 256], [[0; 66]; 2], [[0; 15]; 2]);
        for flow in (0..MOST).map(|n| flows.get(n)) {
            nets[usize::from(flow.nets[1])] += 1;
            for side in 0..2 {
                hosts[side][usize::from(flow.hosts[side])] += 1;
                (0..15).for_each(|b| bits[side][b] += u32::from(flow.ports[side] >> b & 1));
            }
        }
        assert!(nets.iter().all(|n| (3906..=3907).contains(n)));
        for n in hosts.iter().flat_map(|h| &h[2..]) {
            assert!((14_000..17_500).contains(n), "{n}");
        }
        for n in bits.iter().flatten() {
            assert!((490_000..510_000).contains(n), "{n}");
        }
    }

    #[test]
    fn one_flow_needs_one_host() {
        let flows = Flows { count: 1, random: true, networks: 1 };
        assert_eq!((flows.get(0).nets, flows.get(0).hosts), ([0, 0], [2, 2]));
    }

    #[test]
    fn the_tester_answers_for_its_own_addresses_only() {
        let b = Side { number: 1, ether: EtherAddr::ZERO };
        assert_eq!(b.v4(3, 7), Ipv4Addr::new(198, 19, 3, 7));
        assert_eq!(b.v6(3, 7), "2001:2:0:8003::7".parse::<Ipv6Addr>().unwrap());
        for (net, host, has) in [(0, 2, true), (0, 1, false), (255, 66, true), (255, 255, false)] {
            assert_eq!(b.has_v4(b.v4(net, host)), has);
        }
        assert!(b.has_v6(b.v6(0, 2)) && !b.has_v6(b.v6(0, 1)) && !b.has_v6(b.v6(256, 2)));
        let a = Side { number: 0, ..b };
        assert!(!a.has_v4(b.v4(0, 2)) && !a.has_v6(b.v6(0, 2)) && a.has_v6(a.v6(255, 2)));
    }
}
