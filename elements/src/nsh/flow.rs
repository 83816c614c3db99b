//! The flow of an inner packet: its addresses, protocol and ports.
//!
//! All fragments of a datagram, the first too, count without ports, so that they go the same way.
use sluice_dataplane::wire::{Ethernet, Ipv4, Ipv6, Nsh, Vlan, ethernet, ip_proto, ipv6_ext, nsh};

/// Headers (Ethernet, VLAN tags, NSH) that are followed down to IP.
const DEPTH: usize = 8;

/// A flow. Packets that are not IP have Ethernet addresses and type here if they have any, else nothing: they are
/// one flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flow {
    /// Source and destination.
    pub addresses: [u128; 2],
    /// Ports, source and destination; 0 where there are none.
    pub ports: [u16; 2],
    /// IP protocol, or Ethernet type.
    pub protocol: u16,
    /// 4, 6; 2 for an Ethernet frame with something else; 0 for nothing known.
    pub layer: u8,
}

impl Flow {
    /// The flow of an inner packet whose NSH says `next`.
    #[inline]
    pub fn of(next: u8, inner: &[u8]) -> Flow {
        match next {
            nsh::NEXT_IPV4 => Self::of_ipv4(inner).unwrap_or_default(),
            nsh::NEXT_IPV6 => Self::of_ipv6(inner).unwrap_or_default(),
            next => Self::of_other(next, inner),
        }
    }

    fn of_other(mut next: u8, mut inner: &[u8]) -> Flow {
        let mut flow = Flow::default();
        for _ in 0..DEPTH {
            let found = match next {
                nsh::NEXT_IPV4 => return Self::of_ipv4(inner).unwrap_or(flow),
                nsh::NEXT_IPV6 => return Self::of_ipv6(inner).unwrap_or(flow),
                nsh::NEXT_NSH => Nsh::parse(inner).ok().map(|(nsh, rest)| (nsh.next_protocol(), rest)),
                nsh::NEXT_ETHERNET => Self::of_frame(inner, &mut flow),
                _ => None,
            };
            let Some((deeper, rest)) = found else { break };
            (next, inner) = (deeper, rest);
        }
        flow
    }

    /// What is in an Ethernet frame, as a next protocol; the frame's addresses go to `flow`.
    fn of_frame<'a>(frame: &'a [u8], flow: &mut Flow) -> Option<(u8, &'a [u8])> {
        let (head, mut rest) = Ethernet::parse(frame).ok()?;
        let mut kind = head.ether_type();
        for _ in 0..2 {
            if matches!(kind, ethernet::TYPE_VLAN | ethernet::TYPE_QINQ) {
                let (tag, behind) = Vlan::parse(rest).ok()?;
                (kind, rest) = (tag.ether_type(), behind);
            }
        }
        let wide = |bytes: [u8; 6]| bytes.iter().fold(0, |all, b| all << 8 | u128::from(*b));
        *flow = Flow { addresses: [wide(head.src().0), wide(head.dst().0)], ports: [0, 0], protocol: kind, layer: 2 };
        match kind {
            ethernet::TYPE_IPV4 => Some((nsh::NEXT_IPV4, rest)),
            ethernet::TYPE_IPV6 => Some((nsh::NEXT_IPV6, rest)),
            ethernet::TYPE_NSH => Some((nsh::NEXT_NSH, rest)),
            _ => None,
        }
    }

    fn of_ipv4(packet: &[u8]) -> Option<Flow> {
        let ip = Ipv4::parse_header(packet).ok()?;
        let ports = if ip.is_fragment() { [0, 0] } else { ports(ip.protocol(), packet.get(ip.header_len()..)?) };
        let wide = |a: core::net::Ipv4Addr| u128::from(u32::from(a));
        Some(Flow { addresses: [wide(ip.src()), wide(ip.dst())], ports, protocol: ip.protocol().into(), layer: 4 })
    }

    fn of_ipv6(packet: &[u8]) -> Option<Flow> {
        let ip = Ipv6::parse_header(packet).ok()?;
        let payload = packet.get(sluice_dataplane::wire::ipv6::LEN..)?;
        let chain = ipv6_ext::walk(ip.next_header(), payload).ok()?;
        let ports = match chain.fragment {
            Some(_) => [0, 0],
            None => ports(chain.next, payload.get(chain.offset..)?),
        };
        Some(Flow { addresses: [ip.src().into(), ip.dst().into()], ports, protocol: chain.next.into(), layer: 6 })
    }

    /// The same number for both directions of the flow, on every node alike: next hops that are chosen by it are
    /// those of the way back, too.
    #[inline]
    pub fn symmetric_hash(&self) -> u32 {
        let end = |i: usize| {
            let (address, port) = (self.addresses[i], u64::from(self.ports[i]));
            mix(address as u64 ^ mix((address >> 64) as u64 ^ port << 32))
        };
        let (a, b) = (end(0), end(1));
        (mix(a.wrapping_add(b) ^ mix(a ^ b ^ u64::from(self.protocol))) >> 32) as u32
    }

    /// A number for this direction of the flow.
    #[inline]
    pub fn hash(&self) -> u32 {
        let [a, b] = self.addresses.map(|a| mix(a as u64 ^ mix((a >> 64) as u64)));
        let rest = u64::from(self.ports[0]) << 32 | u64::from(self.ports[1]) << 16 | u64::from(self.protocol);
        (mix(a ^ mix(b ^ mix(rest))) >> 32) as u32
    }
}

/// Source and destination port, where the protocol has them.
#[inline]
fn ports(protocol: u8, segment: &[u8]) -> [u16; 2] {
    match (protocol, segment.first_chunk::<4>()) {
        (ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP, Some(&[a, b, c, d])) => {
            [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
        }
        _ => [0, 0],
    }
}

/// Spreads the bits of a number over all others (the finaliser of splitmix64).
#[inline]
fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn udp(src: u8, dst: u8, ports: [u16; 2], fragment: u16) -> Vec<u8> {
        let mut ip = Ipv4::new([10, 0, 0, src].into(), [10, 0, 0, dst].into(), ip_proto::UDP, 8);
        ip.set_fragment_word(fragment);
        let ports = ports.map(u16::to_be_bytes).concat();
        [zerocopy::IntoBytes::as_bytes(&ip), &ports, &[0, 8, 0, 0]].concat()
    }

    #[test]
    fn both_directions_have_one_symmetric_hash() {
        let there = Flow::of(nsh::NEXT_IPV4, &udp(1, 2, [5, 7], 0));
        let back = Flow::of(nsh::NEXT_IPV4, &udp(2, 1, [7, 5], 0));
        let other = Flow::of(nsh::NEXT_IPV4, &udp(2, 1, [5, 7], 0));
        assert_eq!(there.symmetric_hash(), back.symmetric_hash());
        assert_ne!(there.symmetric_hash(), other.symmetric_hash());
        assert_ne!(there.hash(), back.hash());
        assert_ne!(there, back);
    }

    #[test]
    fn fragments_have_no_ports_and_frames_show_what_is_in_them() {
        let flow = Flow::of(nsh::NEXT_IPV4, &udp(1, 2, [5, 7], 0x2000));
        assert_eq!((flow.ports, flow.layer, flow.protocol), ([0, 0], 4, 17));
        let plain = Flow::of(nsh::NEXT_IPV4, &udp(1, 2, [5, 7], 0));
        let tagged = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 9, 8, 0][..], &udp(1, 2, [5, 7], 0)].concat();
        assert_eq!(Flow::of(nsh::NEXT_ETHERNET, &tagged), plain);
        let nested = [&[0x0f, 0xc2, 2, 1, 0, 0, 1, 255][..], &udp(1, 2, [5, 7], 0)].concat();
        assert_eq!(Flow::of(nsh::NEXT_NSH, &nested), plain);
        let arp = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6];
        assert_eq!(Flow::of(nsh::NEXT_ETHERNET, &arp).protocol, 0x0806);
    }

    #[test]
    fn a_chain_of_headers_without_end_is_left() {
        let endless = [0x0f, 0xc2, 2, 4, 0, 0, 1, 255].repeat(100);
        assert_eq!(Flow::of(nsh::NEXT_NSH, &endless), Flow::default());
    }
}
