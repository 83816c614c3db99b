//! ICMP, ICMPv6, UDP and TCP.

use super::super::icmpv6::{NdOptions, Neighbor};
use super::super::options::NOP;
use super::super::tcp::TcpOption;
use super::super::{Icmp, Icmpv6, Malformed, Tcp, Udp, icmp, icmpv6, ip_proto, tcp, udp, vxlan, vxlan_gpe};
use super::{Next, Walk, network, tunnel};

pub(super) fn by_protocol(walk: &mut Walk<'_>, protocol: u8, v6: bool) -> Result<Next, Malformed> {
    if v6 && let Some(next) = network::extension(walk, protocol)? {
        return Ok(next);
    }
    match protocol {
        ip_proto::ICMP => icmp(walk),
        ip_proto::ICMPV6 => icmpv6(walk),
        ip_proto::UDP => udp(walk),
        ip_proto::TCP => tcp(walk),
        ip_proto::GRE => tunnel::gre(walk),
        ip_proto::IPIP | ip_proto::IPV6 => Ok(Next::Ip),
        _ => Ok(Next::Data),
    }
}

fn icmp(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (icmp, _) = Icmp::parse(walk.rest())?;
    walk.put("icmp.type", 0, 1, icmp.kind());
    walk.put("icmp.code", 1, 1, icmp.code());
    walk.hex("icmp.checksum", 2, 2, icmp.checksum());
    if let (Some(ident), Some(sequence)) = (icmp.ident(), icmp.sequence()) {
        walk.put("icmp.ident", 4, 2, ident);
        walk.put("icmp.seq", 6, 2, sequence);
    } else if let Some(gateway) = icmp.gateway() {
        walk.put("icmp.redir_gw", 4, 4, gateway);
    } else if let Some(mtu) = icmp.next_mtu() {
        walk.hex("icmp.unused", 4, 2, (icmp.rest() >> 16) as u16);
        walk.put("icmp.mtu", 6, 2, mtu);
    } else if let Some(pointer) = icmp.pointer() {
        walk.put("icmp.pointer", 4, 1, pointer);
        walk.hex("icmp.unused", 5, 3, icmp.rest() & 0xff_ffff);
    } else {
        walk.hex("icmp.unused", 4, 4, icmp.rest());
    }
    walk.skip(icmp::LEN);
    Ok(if icmp::is_error(icmp.kind()) { Next::Ip } else { Next::Data })
}

fn icmpv6(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let bytes = walk.rest();
    let (icmp, _) = Icmpv6::parse(bytes)?;
    walk.put("icmpv6.type", 0, 1, icmp.kind());
    walk.put("icmpv6.code", 1, 1, icmp.code());
    walk.hex("icmpv6.checksum", 2, 2, icmp.checksum());
    if let (Some(ident), Some(sequence)) = (icmp.ident(), icmp.sequence()) {
        walk.put("icmpv6.echo.identifier", 4, 2, ident);
        walk.put("icmpv6.echo.sequence_number", 6, 2, sequence);
    } else if let Some(mtu) = icmp.mtu() {
        walk.put("icmpv6.mtu", 4, 4, mtu);
    } else if icmp.kind() == icmpv6::PARAMETER_PROBLEM {
        walk.put("icmpv6.pointer", 4, 4, icmp.rest());
    } else if icmp.kind() == icmpv6::NEIGHBOR_ADVERT {
        walk.bit("icmpv6.nd.na.flag.r", 4, 4, icmp.rest() & icmpv6::FLAG_ROUTER != 0);
        walk.bit("icmpv6.nd.na.flag.s", 4, 4, icmp.rest() & icmpv6::FLAG_SOLICITED != 0);
        walk.bit("icmpv6.nd.na.flag.o", 4, 4, icmp.rest() & icmpv6::FLAG_OVERRIDE != 0);
        walk.hex("icmpv6.nd.na.flag.rsv", 4, 4, icmp.rest() & 0x1fff_ffff);
    } else {
        walk.hex("icmpv6.reserved", 4, 4, icmp.rest());
    }
    if matches!(icmp.kind(), icmpv6::NEIGHBOR_SOLICIT | icmpv6::NEIGHBOR_ADVERT) {
        return neighbor(walk);
    }
    walk.skip(icmpv6::LEN);
    Ok(if icmpv6::is_error(icmp.kind()) { Next::Ip } else { Next::Data })
}

fn neighbor(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (message, options) = Neighbor::parse(walk.rest())?;
    let name = match message.icmp().kind() {
        icmpv6::NEIGHBOR_SOLICIT => "icmpv6.nd.ns.target_address",
        _ => "icmpv6.nd.na.target_address",
    };
    walk.put(name, 8, 16, message.target());
    walk.skip(icmpv6::NEIGHBOR_LEN);
    for option in NdOptions::new(options) {
        let option = option?;
        walk.put("icmpv6.opt.type", 0, 1, option.kind);
        walk.put("icmpv6.opt.length", 1, 1, (option.data.len() + 2) / 8);
        match option.link() {
            Some(link) if option.data.len() == 6 => walk.put("icmpv6.opt.linkaddr", 2, 6, link),
            _ => walk.bytes("icmpv6.opt", 2, option.data),
        }
        walk.skip(option.data.len() + 2);
    }
    Ok(Next::Data)
}

fn udp(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let udp = Udp::parse_header(walk.rest())?;
    walk.put("udp.srcport", 0, 2, udp.src_port());
    walk.put("udp.dstport", 2, 2, udp.dst_port());
    walk.put("udp.length", 4, 2, udp.len());
    walk.hex("udp.checksum", 6, 2, udp.checksum());
    let len = usize::from(udp.len());
    walk.cut(len.max(udp::LEN));
    walk.skip(udp::LEN);
    if len < udp::LEN {
        return Err(Malformed::BadLength);
    }
    Ok(match udp.dst_port() {
        vxlan::PORT => Next::Vxlan,
        vxlan_gpe::PORT => Next::VxlanGpe,
        _ => Next::Data,
    })
}

fn tcp(walk: &mut Walk<'_>) -> Result<Next, Malformed> {
    let (tcp, variable, _) = Tcp::parse_full(walk.rest())?;
    walk.put("tcp.srcport", 0, 2, tcp.src_port());
    walk.put("tcp.dstport", 2, 2, tcp.dst_port());
    walk.put("tcp.seq", 4, 4, tcp.seq());
    walk.put("tcp.ack", 8, 4, tcp.ack());
    walk.put("tcp.hdr_len", 12, 1, tcp.header_len());
    walk.put("tcp.flags.res", 12, 1, tcp.reserved());
    walk.put("tcp.flags", 13, 1, format_args!("{:#04x}{}", tcp.flags(), Flags(tcp.flags())));
    walk.put("tcp.window_size_value", 14, 2, tcp.window());
    walk.hex("tcp.checksum", 16, 2, tcp.checksum());
    walk.put("tcp.urgent_pointer", 18, 2, tcp.urgent());
    let mut walked = 0;
    for option in tcp::options(variable) {
        let Ok(option) = option else {
            walk.malformed(Malformed::BadOption);
            break;
        };
        let at = tcp::LEN + option.offset;
        let len = if option.kind == NOP { 1 } else { 2 + option.data.len() };
        match TcpOption::from(option) {
            TcpOption::Nop => walk.put("tcp.options.nop", at, 1, 1),
            TcpOption::Mss(mss) => walk.put("tcp.options.mss_val", at + 2, 2, mss),
            TcpOption::WindowScale(shift) => walk.put("tcp.options.wscale.shift", at + 2, 1, shift),
            TcpOption::SackPermitted => walk.put("tcp.options.sack_perm", at, 2, 1),
            TcpOption::Sack(_) => walk.bytes("tcp.options.sack", at + 2, option.data),
            TcpOption::Timestamps(value, echo) => {
                walk.put("tcp.options.timestamp.tsval", at + 2, 4, value);
                walk.put("tcp.options.timestamp.tsecr", at + 6, 4, echo);
            }
            TcpOption::Other(_) => {
                walk.put("tcp.option_kind", at, 1, option.kind);
                walk.bytes("tcp.options.unknown.payload", at + 2, option.data);
            }
        }
        walked = option.offset + len;
    }
    walk.bytes("tcp.options.eol", tcp::LEN + walked, variable.get(walked..).unwrap_or(&[]));
    walk.skip(tcp.header_len());
    Ok(Next::Data)
}

/// The names of the flags that are set, in brackets; nothing if none is.
struct Flags(u8);

impl core::fmt::Display for Flags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut open = " [";
        for (_, name) in names.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1) {
            write!(f, "{open}{name}")?;
            open = " ";
        }
        if self.0 == 0 { Ok(()) } else { f.write_str("]") }
    }
}
