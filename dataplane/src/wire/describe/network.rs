//! IPv4, IPv6 and its extension headers.

use super::super::{Ipv4, Ipv6, Malformed, ip_proto, ipv4, ipv6, ipv6_ext};
use super::{Next, Walk};

pub(super) fn ip(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    match walk.rest().first().map(|first| first >> 4) {
        Some(4) => v4(walk),
        Some(6) => v6(walk),
        Some(_) => Err(Malformed::BadVersion),
        None => Err(Malformed::Truncated),
    }
}

fn v4(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    // The total length may run past the bytes: ICMP errors quote only the start of a packet.
    let bytes = walk.rest();
    let ip = Ipv4::parse_header(bytes)?;
    let header = ip.header_len();
    walk.put("ip.version", 0, 1, ip.version());
    walk.put("ip.hdr_len", 0, 1, header);
    walk.put("ip.dsfield.dscp", 1, 1, ip.dscp());
    walk.put("ip.dsfield.ecn", 1, 1, ip.ecn());
    walk.put("ip.len", 2, 2, ip.total_len());
    walk.hex("ip.id", 4, 2, ip.ident());
    walk.bit("ip.flags.rb", 6, 1, ip.fragment_word() & ipv4::FLAG_RESERVED != 0);
    walk.bit("ip.flags.df", 6, 1, ip.dont_fragment());
    walk.bit("ip.flags.mf", 6, 1, ip.more_fragments());
    walk.put("ip.frag_offset", 6, 2, ip.fragment_offset());
    walk.put("ip.ttl", 8, 1, ip.ttl());
    walk.put("ip.proto", 9, 1, ip.protocol());
    walk.hex("ip.checksum", 10, 2, ip.checksum());
    walk.put("ip.src", 12, 4, ip.src());
    walk.put("ip.dst", 16, 4, ip.dst());
    let variable = bytes.get(ipv4::LEN..header).unwrap_or(&[]);
    let mut walked = 0;
    for option in ipv4::options(variable) {
        let Ok(option) = option else {
            walk.malformed(Malformed::BadOption);
            break;
        };
        let at = ipv4::LEN + option.offset;
        walk.put("ip.opt.type", at, 1, option.kind);
        walk.bytes("ip.opt.data", at + 2, option.data);
        walked = option.offset + if option.kind == super::super::options::NOP { 1 } else { 2 + option.data.len() };
    }
    walk.bytes("ip.opt.padding", ipv4::LEN + walked, variable.get(walked..).unwrap_or(&[]));
    walk.cut(usize::from(ip.total_len()).max(header));
    walk.skip(header);
    if usize::from(ip.total_len()) < header {
        return Err(Malformed::BadLength);
    }
    Ok(if ip.has_transport() { Next::Protocol(ip.protocol(), false) } else { Next::Data })
}

fn v6(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let ip = Ipv6::parse_header(walk.rest())?;
    walk.put("ipv6.version", 0, 1, ip.version());
    walk.put("ipv6.tclass.dscp", 0, 2, ip.dscp());
    walk.put("ipv6.tclass.ecn", 1, 1, ip.ecn());
    walk.put("ipv6.flow", 1, 3, format_args!("{:#07x}", ip.flow_label()));
    walk.put("ipv6.plen", 4, 2, ip.payload_len());
    walk.put("ipv6.nxt", 6, 1, ip.next_header());
    walk.put("ipv6.hlim", 7, 1, ip.hop_limit());
    walk.put("ipv6.src", 8, 16, ip.src());
    walk.put("ipv6.dst", 24, 16, ip.dst());
    walk.skip(ipv6::LEN);
    walk.cut(usize::from(ip.payload_len()));
    Ok(Next::Protocol(ip.next_header(), true))
}

/// One extension header of type `kind` at the position, or `None` if it is no extension header.
pub(super) fn extension(walk: &mut Walk<'_>, kind: u8) -> Result<Option<Next>, Malformed> {
    let bytes = walk.rest();
    let Some(len) = ipv6_ext::header_len(kind, bytes)? else { return Ok(None) };
    let header = bytes.get(..len).ok_or(Malformed::Truncated)?;
    let (next_name, len_name, body_name) = match kind {
        ip_proto::FRAGMENT => return fragment(walk).map(Some),
        ip_proto::HOP_BY_HOP => ("ipv6.hopopts.nxt", "ipv6.hopopts.len", "ipv6.hopopts"),
        ip_proto::ROUTING => ("ipv6.routing.nxt", "ipv6.routing.len", "ipv6.routing"),
        ip_proto::AH => ("ah.next_header", "ah.length", "ah"),
        _ => ("ipv6.dstopts.nxt", "ipv6.dstopts.len", "ipv6.dstopts"),
    };
    let &[next, words, ref body @ ..] = header else { return Err(Malformed::Truncated) };
    walk.put(next_name, 0, 1, next);
    walk.put(len_name, 1, 1, words);
    walk.bytes(body_name, 2, body);
    walk.skip(len);
    Ok(Some(Next::Protocol(next, true)))
}

fn fragment(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let bytes = walk.rest();
    let (header, _) = ipv6_ext::Fragment::parse(bytes)?;
    walk.put("ipv6.fraghdr.nxt", 0, 1, header.next_header());
    walk.bytes("ipv6.fraghdr.reserved_octet", 1, bytes.get(1..2).unwrap_or(&[]));
    walk.put("ipv6.fraghdr.offset", 2, 2, header.offset());
    walk.put("ipv6.fraghdr.reserved_bits", 3, 1, bytes.get(3).map_or(0, |byte| byte >> 1 & 3));
    walk.bit("ipv6.fraghdr.more", 3, 1, header.more());
    walk.hex("ipv6.fraghdr.ident", 4, 4, header.ident());
    walk.skip(ipv6_ext::FRAGMENT_LEN);
    Ok(if header.offset() == 0 { Next::Protocol(header.next_header(), true) } else { Next::Data })
}
