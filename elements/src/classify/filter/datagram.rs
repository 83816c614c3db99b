//! Where the UDP datagram of a packet is.
use super::expr::Base;
use super::look::{Start, View};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::{Ipv4, Udp, ethernet, ip_proto, ipv4, udp};

/// The first octet of an IPv4 header without options.
const PLAIN: u8 = 0x45;
/// Of fragment word, time to live and protocol: those of no fragment of UDP.
const FORM: u32 = ip_proto::UDP as u32;
const FORM_BITS: u32 = ((ipv4::FLAG_MF | ipv4::OFFSET_MASK) as u32) << 16 | 0xff;
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
    let at = if let Some(at) = p.net_off() {
        at
    } else if matches!(start, Start::Ethernet | Start::Guess) && data.get(12..14) == Some(&IPV4) {
        ethernet::LEN
    } else {
        return Place::Unknown;
    };
    let to = p.transport_off();
    if to != Some(at + ipv4::LEN) && to.is_some() {
        return Place::Unknown;
    }
    let Some(head) = data.get(at..at + HEADERS).and_then(|h| h.first_chunk::<HEADERS>()) else {
        return Place::Unknown;
    };
    let [PLAIN, _, a, b, c, d, e, f, g, h, ..] = *head else { return Place::Unknown };
    let [.., k, l, m, n, high, low, _, _] = *head;
    if !has_port(u32::from_be_bytes([k, l, m, n])) {
        return Place::Nowhere;
    }
    // Length of the packet, identification, fragment, time to live, protocol.
    let middle = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let (packet, length) = ((middle >> 48) as usize, usize::from(u16::from_be_bytes([high, low])));
    if middle as u32 & FORM_BITS != FORM || length < udp::LEN || ipv4::LEN + length > packet {
        return Place::Nowhere;
    }
    data.get(at + HEADERS..at + ipv4::LEN + length).map_or(Place::Nowhere, Place::Here)
}
