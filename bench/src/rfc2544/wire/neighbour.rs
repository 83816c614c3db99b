//! Who is where on the link: answers to the device's questions for the tester's addresses, the tester's own questions, and
//! announcements by which bridges learn (ARP: RFC 826, RFC 5227; neighbour discovery: RFC 4861).
use super::flow::{DEVICE, FIRST_HOST, Side};
use crate::rfc2544::trial::Ip;
use sluice_dataplane::wire::arp::{self, Arp};
use sluice_dataplane::wire::checksum::{Addresses, fill_transport};
use sluice_dataplane::wire::ethernet::{self, Ethernet};
use sluice_dataplane::wire::icmpv6::{self, NdOptions, Neighbor};
use sluice_dataplane::wire::ipv6::Ipv6;
use sluice_dataplane::wire::{EtherAddr, ip_proto};
use std::net::{Ipv4Addr, Ipv6Addr};
use zerocopy::IntoBytes;

/// Hops of neighbour discovery: a packet that was forwarded has fewer (RFC 4861 section 3.1).
const HOPS: u8 = 255;

/// What a frame of ARP or neighbour discovery means to a side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// A question for one of its addresses; this is the answer.
    Question(Vec<u8>),
    /// The device's address.
    Device(EtherAddr),
    /// Nothing.
    Nothing,
}

/// Listens to a frame on the link of `side`.
pub(super) fn hear(side: &Side, frame: &[u8]) -> Heard {
    let Ok((ether, rest)) = Ethernet::parse(frame) else { return Heard::Nothing };
    match ether.ether_type() {
        ethernet::TYPE_ARP => hear_arp(side, rest),
        ethernet::TYPE_IPV6 => hear_nd(side, rest).unwrap_or(Heard::Nothing),
        _ => Heard::Nothing,
    }
}

fn hear_arp(side: &Side, packet: &[u8]) -> Heard {
    let Ok((arp, _)) = Arp::parse(packet) else { return Heard::Nothing };
    let (sender, target) = ((arp.sender_ether(), arp.sender_ip()), arp.target_ip());
    if arp.operation() == arp::OP_REQUEST && side.has_v4(target) {
        return Heard::Question(arp_frame(side, sender.0, arp::OP_REPLY, target, sender));
    }
    // A question that the device asks tells its address as well as an answer does (RFC 826).
    match sender.1 == side.v4(0, DEVICE) {
        true => Heard::Device(sender.0),
        false => Heard::Nothing,
    }
}

fn hear_nd(side: &Side, packet: &[u8]) -> Option<Heard> {
    let (ip, icmp) = Ipv6::parse(packet).ok()?;
    // RFC 4861 sections 7.1.1, 7.1.2.
    if ip.next_header() != ip_proto::ICMPV6 || ip.hop_limit() != HOPS {
        return None;
    }
    let (message, options) = Neighbor::parse(icmp).ok()?;
    let wanted = match message.icmp().kind() {
        icmpv6::NEIGHBOR_SOLICIT => icmpv6::OPTION_SOURCE_LINK,
        _ => icmpv6::OPTION_TARGET_LINK,
    };
    let link = NdOptions::new(options).filter_map(Result::ok).find(|o| o.kind == wanted).and_then(|o| o.link());
    if message.icmp().kind() == icmpv6::NEIGHBOR_ADVERT {
        return (message.target() == side.v6(0, DEVICE)).then(|| link.map(Heard::Device)).flatten();
    }
    if !side.has_v6(message.target()) {
        return None;
    }
    // RFC 4861 section 7.2.4: who asks without an address is answered through the group of all nodes.
    let (to, ether, flags) = match (ip.src(), link) {
        (Ipv6Addr::UNSPECIFIED, _) | (_, None) => (ALL_NODES, group(ALL_NODES), icmpv6::FLAG_OVERRIDE),
        (asker, Some(link)) => (asker, link, icmpv6::FLAG_SOLICITED | icmpv6::FLAG_OVERRIDE),
    };
    Some(Heard::Question(nd_frame(side, ether, message.target(), to, icmpv6::NEIGHBOR_ADVERT, flags, message.target())))
}

/// A question for the device's address on this side.
pub(super) fn question(side: &Side, ip: Ip) -> Vec<u8> {
    match ip {
        Ip::V4 => {
            let (own, device) = (side.v4(0, FIRST_HOST), side.v4(0, DEVICE));
            arp_frame(side, EtherAddr::BROADCAST, arp::OP_REQUEST, own, (EtherAddr::ZERO, device))
        }
        Ip::V6 => {
            let (own, device) = (side.v6(0, FIRST_HOST), side.v6(0, DEVICE));
            let [.., h6, h7] = device.segments();
            // RFC 4291 section 2.7.1: the group of all nodes whose address ends so.
            let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (h6 & 0xff), h7);
            nd_frame(side, group(to), own, to, icmpv6::NEIGHBOR_SOLICIT, 0, device)
        }
    }
}

/// Tells where host number `host` of the first network is.
pub(super) fn announcement(side: &Side, ip: Ip, host: u16) -> Vec<u8> {
    match ip {
        Ip::V4 => {
            // RFC 5227 section 2.3: a request for one's own address.
            let own = side.v4(0, host);
            arp_frame(side, EtherAddr::BROADCAST, arp::OP_REQUEST, own, (EtherAddr::ZERO, own))
        }
        Ip::V6 => {
            // RFC 4861 section 7.2.6.
            let own = side.v6(0, host);
            let kind = icmpv6::NEIGHBOR_ADVERT;
            nd_frame(side, group(ALL_NODES), own, ALL_NODES, kind, icmpv6::FLAG_OVERRIDE, own)
        }
    }
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The Ethernet address of an IPv6 group (RFC 2464 section 7).
fn group(address: Ipv6Addr) -> EtherAddr {
    let [.., a, b, c, d] = address.octets();
    EtherAddr([0x33, 0x33, a, b, c, d])
}

fn arp_frame(side: &Side, to: EtherAddr, operation: u16, own: Ipv4Addr, target: (EtherAddr, Ipv4Addr)) -> Vec<u8> {
    let mut frame = Ethernet::new(to, side.ether, ethernet::TYPE_ARP).as_bytes().to_vec();
    frame.extend(Arp::new(operation, (side.ether, own), target).as_bytes());
    frame.resize(ethernet::MIN_FRAME, 0);
    frame
}

fn nd_frame(
    side: &Side,
    ether: EtherAddr,
    from: Ipv6Addr,
    to: Ipv6Addr,
    kind: u8,
    flags: u32,
    target: Ipv6Addr,
) -> Vec<u8> {
    let mut message = Neighbor::new(kind, target);
    message.set_flags(flags);
    let mut icmp = message.as_bytes().to_vec();
    let option = if kind == icmpv6::NEIGHBOR_SOLICIT { icmpv6::OPTION_SOURCE_LINK } else { icmpv6::OPTION_TARGET_LINK };
    icmp.extend([option, 1]); // of one word of 8 bytes
    icmp.extend(side.ether.0);
    // It fails for a message shorter than its header only.
    let _ = fill_transport(Addresses::V6(from, to), ip_proto::ICMPV6, &mut icmp);
    let mut ip = Ipv6::new(from, to, ip_proto::ICMPV6, icmp.len());
    ip.set_hop_limit(HOPS);
    let mut frame = Ethernet::new(ether, side.ether, ethernet::TYPE_IPV6).as_bytes().to_vec();
    frame.extend(ip.as_bytes());
    frame.extend(icmp);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_dataplane::wire::checksum::verify_transport;

    const A: Side = Side { number: 0, ether: EtherAddr([2, 0, 0, 0, 0, 10]) };
    /// The device, as somebody on the same link: its questions are made as the tester's are.
    const DEVICE_ETHER: EtherAddr = EtherAddr([2, 0, 0, 0, 0, 1]);

    fn asks_v4(target: Ipv4Addr) -> Vec<u8> {
        let device = Side { ether: DEVICE_ETHER, ..A };
        arp_frame(&device, EtherAddr::BROADCAST, arp::OP_REQUEST, A.v4(0, DEVICE), (EtherAddr::ZERO, target))
    }

    #[test]
    fn a_question_for_a_host_of_the_tester_is_answered() {
        let Heard::Question(answer) = hear(&A, &asks_v4(A.v4(0, 7))) else { panic!("no answer") };
        let (ether, rest) = Ethernet::parse(&answer).unwrap();
        assert_eq!((ether.dst(), ether.src(), answer.len()), (DEVICE_ETHER, A.ether, 60));
        let (arp, _) = Arp::parse(rest).unwrap();
        assert_eq!((arp.operation(), arp.sender_ether(), arp.sender_ip()), (arp::OP_REPLY, A.ether, A.v4(0, 7)));
        assert_eq!((arp.target_ether(), arp.target_ip()), (DEVICE_ETHER, A.v4(0, DEVICE)));
        assert_eq!(
            hear(&A, &asks_v4(Ipv4Addr::new(198, 19, 0, 7))),
            Heard::Device(DEVICE_ETHER),
            "another side's host"
        );
    }

    #[test]
    fn the_device_tells_where_it_is() {
        let request = question(&A, Ip::V4);
        let (arp, _) = Arp::parse(&request[14..]).unwrap();
        assert_eq!((arp.target_ip(), arp.sender_ip()), (A.v4(0, DEVICE), A.v4(0, FIRST_HOST)));
        let device = Side { ether: DEVICE_ETHER, ..A };
        let reply = arp_frame(&device, A.ether, arp::OP_REPLY, A.v4(0, DEVICE), (A.ether, A.v4(0, 2)));
        assert_eq!(hear(&A, &reply), Heard::Device(DEVICE_ETHER));
    }

    #[test]
    fn neighbour_discovery_works_both_ways() {
        let device = Side { ether: DEVICE_ETHER, ..A };
        let target = A.v6(0, 9);
        let asks = nd_frame(&device, group(target), A.v6(0, DEVICE), target, icmpv6::NEIGHBOR_SOLICIT, 0, target);
        let Heard::Question(answer) = hear(&A, &asks) else { panic!("no answer") };
        let (ip, icmp) = Ipv6::parse(&answer[14..]).unwrap();
        assert_eq!((ip.src(), ip.dst(), ip.hop_limit()), (target, A.v6(0, DEVICE), 255));
        assert_eq!(verify_transport(Addresses::from(ip), ip_proto::ICMPV6, icmp), Ok(()));
        let (message, options) = Neighbor::parse(icmp).unwrap();
        assert_eq!((message.target(), message.flags()), (target, icmpv6::FLAG_SOLICITED | icmpv6::FLAG_OVERRIDE));
        assert_eq!(NdOptions::new(options).next().unwrap().unwrap().link(), Some(A.ether));
        // The tester's own question, and the device's answer to it.
        let asked = question(&A, Ip::V6);
        assert_eq!(&asked[..6], [0x33, 0x33, 0xff, 0, 0, 1]);
        let own = A.v6(0, DEVICE);
        let says = nd_frame(&device, A.ether, own, A.v6(0, 2), icmpv6::NEIGHBOR_ADVERT, icmpv6::FLAG_SOLICITED, own);
        assert_eq!(hear(&A, &says), Heard::Device(DEVICE_ETHER));
        let mut forwarded = asks;
        forwarded[21] = 254;
        assert_eq!(hear(&A, &forwarded), Heard::Nothing);
    }

    #[test]
    fn nobody_answers_an_announcement_or_noise() {
        for ip in [Ip::V4, Ip::V6] {
            let b = Side { number: 1, ..A };
            assert_eq!(hear(&b, &announcement(&A, ip, 2)), Heard::Nothing);
        }
        for n in 0..60 {
            assert_eq!(hear(&A, &vec![0xff; n]), Heard::Nothing);
            assert_eq!(hear(&A, &asks_v4(A.v4(0, 2))[..n.min(41)]), Heard::Nothing);
        }
    }
}
