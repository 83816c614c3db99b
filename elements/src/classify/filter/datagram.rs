//! Where the UDP datagram of a packet is.
use super::expr::Base;
use super::look::{Start, View};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::{Ipv4, Udp, ethernet, ip_proto, ipv4, udp};

/// The first octet of an IPv4 header without options.
const PLAIN: u8 = 0x45;
/// What an Ethernet header ends with before an IPv4 header.
const IPV4: [u8; 2] = [8, 0];
/// Headers of a packet without options.
const HEADERS: usize = ipv4::LEN + udp::LEN;

/// Where a datagram is that is looked for in the usual place first.
pub(super) enum Place<'a> {
    /// This is in it.
    Here(&'a [u8]),
    /// There is none, or not on the ports that count.
    Nowhere,
    /// The packet is not of the usual form: [`datagram`] is for it.
    Unknown,
}

/// What is in the UDP datagram of a packet, if that is whole.
#[inline]
pub(super) fn datagram<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    let ip = Ipv4::parse_header(view.bytes_at(Base::Network)).ok()?;
    if ip.protocol() != ip_proto::UDP || ip.is_fragment() {
        return None;
    }
    let (udp, payload) = Udp::parse(view.bytes_at(Base::Transport)).ok()?;
    // RFC 768: what the datagram says of its length includes its header. Nothing of it lies behind the end of the packet.
    (ip.header_len() + usize::from(udp.len()) <= usize::from(ip.total_len())).then_some(payload)
}

/// The same of an IPv4 packet without options, at once. `has_port`: whether it may be on ports, source and destination.
#[inline(always)] // into the loop over a batch
pub(super) fn plain_datagram(p: &Packet, start: Start, has_port: impl Fn(u32) -> bool) -> Place<'_> {
    let data = p.data();
    let at = match p.net_off() {
        Some(at) => at,
        None if matches!(start, Start::Ethernet | Start::Guess) && data.get(12..14) == Some(&IPV4) => ethernet::LEN,
        None => return Place::Unknown,
    };
    if p.transport_off().is_some_and(|to| to != at + ipv4::LEN) {
        return Place::Unknown;
    }
    let Some(head) = data.get(at..at + HEADERS).and_then(|h| h.first_chunk::<HEADERS>()) else {
        return Place::Unknown;
    };
    if head[0] != PLAIN {
        return Place::Unknown;
    }
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let [a, b, c, d] = [head[20], head[21], head[22], head[23]];
    if !has_port(u32::from_be_bytes([a, b, c, d])) {
        return Place::Nowhere;
    }
    let length = usize::from(word(ipv4::LEN + 4));
    if head[9] != ip_proto::UDP
        || word(6) & (ipv4::FLAG_MF | ipv4::OFFSET_MASK) != 0
        || length < udp::LEN
        || ipv4::LEN + length > word(2).into()
    {
        return Place::Nowhere;
    }
    data.get(at + HEADERS..at + ipv4::LEN + length).map_or(Place::Nowhere, Place::Here)
}
