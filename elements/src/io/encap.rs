//! Link types: Click's names for them, and where they put the IP header.
use alloc::format;
use alloc::string::String;
use sluice_dataplane::io::capture::{
    LINK_ETHERNET, LINK_IPV4, LINK_IPV6, LINK_LINUX_SLL, LINK_LINUX_SLL2, LINK_LOOP, LINK_NULL, LINK_RAW,
};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::{Ipv4, Ipv6, ethernet};

const LINK_PPP: u16 = 9;
const LINK_C_HDLC: u16 = 104;
const LINK_PPP_HDLC: u16 = 50;
/// A number that some systems write for [`LINK_RAW`].
const LINK_HOST_RAW: u16 = 12;

/// The name that is written stands before other names of the same type.
const NAMES: [(&str, u16); 18] = [
    ("NULL", LINK_NULL),
    ("IP", LINK_RAW),
    ("ETHER", LINK_ETHERNET),
    ("FDDI", 10),
    ("ATM", 100),
    ("RFC1483", 100),
    ("ATM_RFC1483", 100),
    ("802_11", 105),
    ("802.11", 105),
    ("802_11_RADIO", 127),
    ("802.11_RADIO", 127),
    ("SLL", LINK_LINUX_SLL),
    ("AIRONET", 120),
    ("HDLC", LINK_C_HDLC),
    ("PPP_HDLC", LINK_PPP_HDLC),
    ("PPP", LINK_PPP),
    ("SUNATM", 123),
    ("PRISM", 119),
];

/// The link type of a name, or of `#` and its number.
pub fn parse(name: &str) -> Option<u16> {
    let number = || name.strip_prefix('#')?.parse().ok();
    NAMES.iter().find(|n| n.0 == name).map(|n| n.1).or_else(number)
}

/// The name of a link type.
pub fn name(link: u16) -> String {
    match NAMES.iter().find(|n| n.1 == link) {
        Some((name, _)) => (*name).into(),
        None if is_raw(link) => "IP".into(),
        None => format!("#{link}"),
    }
}

/// Whether packets of this type begin with the IP header.
pub fn is_raw(link: u16) -> bool {
    matches!(link, LINK_RAW | LINK_HOST_RAW | LINK_IPV4 | LINK_IPV6)
}

/// Whether the IP header of such packets can be found.
pub fn knows_ip(link: u16) -> bool {
    is_raw(link)
        || matches!(
            link,
            LINK_ETHERNET
                | LINK_NULL
                | LINK_LOOP
                | LINK_LINUX_SLL
                | LINK_LINUX_SLL2
                | LINK_PPP
                | LINK_PPP_HDLC
                | LINK_C_HDLC
        )
}

/// Where the network header is, if it is one of IP.
fn ip_off(data: &[u8], link: u16) -> Option<usize> {
    let ethertype = |at: usize, end: usize| match *data.get(at..at + 2)? {
        [a, b] => matches!(u16::from_be_bytes([a, b]), ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6).then_some(end),
        _ => None,
    };
    match link {
        LINK_ETHERNET => ethertype(12, ethernet::LEN),
        LINK_LINUX_SLL => ethertype(14, 16),
        LINK_LINUX_SLL2 => ethertype(0, 20),
        LINK_C_HDLC => ethertype(2, 4),
        // Address families differ from system to system; the IP header itself tells.
        LINK_NULL | LINK_LOOP => Some(4),
        // RFC 1661 and 1662: protocol numbers of IPv4 and IPv6, with or without address and control.
        LINK_PPP | LINK_PPP_HDLC => match data {
            [0xff, 0x03, 0x00, 0x21 | 0x57, ..] => Some(4),
            [0x00, 0x21 | 0x57, ..] => Some(2),
            [0x21 | 0x57, ..] => Some(1),
            _ => None,
        },
        _ if is_raw(link) => Some(0),
        _ => None,
    }
}

/// Marks the IP header of a packet and sets its destination address annotation. False: there is none.
pub fn mark_ip(p: &mut Packet, link: u16) -> bool {
    let Some(net) = ip_off(p.data(), link) else { return false };
    let Some(ip) = p.data().get(net..) else { return false };
    let (head, to) = match ip.first().map(|b| b >> 4) {
        Some(4) => match Ipv4::parse_header(ip) {
            Ok(h) => (h.header_len(), Ok(h.dst())),
            Err(_) => return false,
        },
        Some(6) => match Ipv6::parse_header(ip) {
            Ok(h) => (40, Err(h.dst())),
            Err(_) => return false,
        },
        _ => return false,
    };
    match to {
        Ok(v4) => p.set_dst(v4),
        Err(v6) => p.set_dst6(v6),
    }
    p.set_net_off(net);
    p.set_transport_off(net + head);
    true
}
