//! Finds an NSH header in a frame, whatever carries it: Ethernet, VXLAN-GPE, GRE, or a frame inside VXLAN, Geneve or GRE.
use sluice_dataplane::wire::{Ethernet, Gre, Ipv4, Ipv6, Udp, Vlan, Vxlan, VxlanGpe};
use sluice_dataplane::wire::{ethernet, ip_proto, ipv6, ipv6_ext, vxlan, vxlan_gpe};

/// UDP port of Geneve (RFC 8926 section 3.3).
const GENEVE_PORT: u16 = 6081;

/// Where in a frame an NSH header begins, bytes from the frame's start; `None` if there is none to be seen.
///
/// Tunnels are known by their destination port. Fragments but the first show nothing; without the first they are
/// never put together.
pub fn find(frame: &[u8]) -> Option<usize> {
    let mut rest = frame;
    loop {
        match of_frame(rest)? {
            Inside::Nsh(nsh) => return Some(frame.len() - nsh.len()),
            // However deep: else one more tunnel would hide what is inside. A frame is shorter than what carries it.
            Inside::Frame(inner) => rest = inner,
        }
    }
}

enum Inside<'a> {
    Nsh(&'a [u8]),
    Frame(&'a [u8]),
}

fn of_frame(frame: &[u8]) -> Option<Inside<'_>> {
    let (head, mut rest) = Ethernet::parse(frame).ok()?;
    let mut kind = head.ether_type();
    for _ in 0..2 {
        if matches!(kind, ethernet::TYPE_VLAN | ethernet::TYPE_QINQ) {
            let (tag, behind) = Vlan::parse(rest).ok()?;
            (kind, rest) = (tag.ether_type(), behind);
        }
    }
    of_type(kind, rest)
}

/// What is behind an Ethernet type.
fn of_type(kind: u16, rest: &[u8]) -> Option<Inside<'_>> {
    match kind {
        ethernet::TYPE_NSH => Some(Inside::Nsh(rest)),
        ethernet::TYPE_TRANS_ETHER => Some(Inside::Frame(rest)),
        ethernet::TYPE_IPV4 => {
            let ip = Ipv4::parse_header(rest).ok().filter(|ip| ip.has_transport())?;
            of_segment(ip.protocol(), rest.get(ip.header_len()..)?)
        }
        ethernet::TYPE_IPV6 => {
            let ip = Ipv6::parse_header(rest).ok()?;
            let payload = rest.get(ipv6::LEN..)?;
            let chain = ipv6_ext::walk(ip.next_header(), payload).ok().filter(|c| c.has_transport())?;
            of_segment(chain.next, payload.get(chain.offset..)?)
        }
        _ => None,
    }
}

fn of_segment(protocol: u8, segment: &[u8]) -> Option<Inside<'_>> {
    match protocol {
        ip_proto::GRE => {
            let (gre, payload) = Gre::parse(segment).ok()?;
            match gre.protocol() {
                ethernet::TYPE_NSH => Some(Inside::Nsh(payload)),
                ethernet::TYPE_TRANS_ETHER => Some(Inside::Frame(payload)),
                _ => None,
            }
        }
        ip_proto::UDP => {
            let udp = Udp::parse_header(segment).ok()?;
            let payload = segment.get(sluice_dataplane::wire::udp::LEN..)?;
            match udp.dst_port() {
                vxlan::PORT => Vxlan::parse(payload).ok().map(|(_, frame)| Inside::Frame(frame)),
                vxlan_gpe::PORT => {
                    let (gpe, inner) = VxlanGpe::parse(payload).ok()?;
                    match gpe.next_protocol() {
                        vxlan_gpe::NEXT_NSH => Some(Inside::Nsh(inner)),
                        vxlan_gpe::NEXT_ETHERNET => Some(Inside::Frame(inner)),
                        _ => None,
                    }
                }
                GENEVE_PORT => of_geneve(payload),
                _ => None,
            }
        }
        _ => None,
    }
}

/// RFC 8926 section 3.4: the low six bits of the first byte are the options' length in words; bytes 2 and 3 the type.
fn of_geneve(payload: &[u8]) -> Option<Inside<'_>> {
    let &[first, _, a, b, ..] = payload.first_chunk::<8>()?;
    let inner = payload.get(8 + usize::from(first & 0x3f) * 4..)?;
    match u16::from_be_bytes([a, b]) {
        ethernet::TYPE_NSH => Some(Inside::Nsh(inner)),
        ethernet::TYPE_TRANS_ETHER => Some(Inside::Frame(inner)),
        _ => None,
    }
}
