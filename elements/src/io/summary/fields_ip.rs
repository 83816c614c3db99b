//! Fields of the IPv4 header, and the ports behind it.
use super::build::{Build, DCCP};
use super::describe::{Desc, Missing, Transport, be16, be32, header_len};
use super::{Field, Get, Put, Value, Width, ip_options, order, read_number};
use core::fmt::Write;
use core::net::Ipv4Addr;
use sluice_dataplane::args::{FromArg, parse_int};
use sluice_dataplane::wire::{ip_proto, ipv4};

pub(super) const FIELDS: &[Field] = &[
    address("ip_src", |d| word32(d, 12), |b, v| put(b, 12, &(v.number() as u32).to_be_bytes())),
    address("ip_dst", |d| word32(d, 16), |b, v| put(b, 16, &(v.number() as u32).to_be_bytes())),
    Field::number("ip_tos", order::NET, 1, |d| byte(d, 1), |b, v| put(b, 1, &[v.number() as u8])),
    Field::number(
        "ip_dscp",
        order::NET,
        1,
        |d| d.ip_bytes(2).map(|ip| Value::Number((ip[1] >> 2).into())),
        |b, v| put_tos(b, (v.number() as u8) << 2, 0xfc),
    ),
    Field::number(
        "ip_ecn",
        order::NET,
        1,
        |d| d.ip_bytes(2).map(|ip| Value::Number((ip[1] & 3).into())),
        |b, v| put_tos(b, v.number() as u8, 3),
    )
    .show(|_, v, out| out.push_str(ECN[(v.number() & 3) as usize].0))
    .read(|_, text| {
        let found = ECN.iter().position(|names| [names.0, names.1, names.2].contains(&text));
        found.map(|n| Value::Number(n as u64))
    }),
    Field::number("ip_ttl", order::NET, 1, |d| byte(d, 8), |b, v| put(b, 8, &[v.number() as u8])),
    fragment("ip_frag", order::NET - 2, |d| {
        let word = d.ip_bytes(8).map(|ip| be16(ip, 6).unwrap_or(0))?;
        let more = word & (ipv4::OFFSET_MASK | ipv4::FLAG_MF) != 0;
        Ok(Value::Number(u64::from(match (more, word & ipv4::OFFSET_MASK, word & ipv4::FLAG_DF) {
            (true, 0, _) => b'F',
            (true, ..) => b'f',
            (false, _, 0) => b'.',
            _ => b'!',
        })))
    })
    .show(|_, v, out| out.push(char::from(v.number() as u8)))
    .width(Width::Number(1)),
    fragment("ip_fragoff", order::NET - 1, |d| d.ip_bytes(8).map(|ip| word(ip, 6))).show(|_, v, out| {
        let word = v.number() as u16;
        let _ = write!(out, "{}", u32::from(word & ipv4::OFFSET_MASK) * 8);
        out.push_str(if word & ipv4::FLAG_MF != 0 { "+" } else { "" });
        out.push_str(if word & ipv4::FLAG_DF != 0 { "!" } else { "" });
    }),
    Field::number(
        "ip_id",
        order::NET,
        2,
        |d| d.ip_bytes(6).map(|ip| word(ip, 4)),
        |b, v| put(b, 4, &(v.number() as u16).to_be_bytes()),
    ),
    Field::number(
        "ip_sum",
        order::NET + 2,
        2,
        |d| d.ip_bytes(12).map(|ip| word(ip, 10)),
        |b, v| put(b, 10, &(v.number() as u16).to_be_bytes()),
    ),
    Field::number("ip_proto", order::NET, 1, |d| byte(d, 9), |b, v| put(b, 9, &[v.number() as u8]))
        .show(|_, v, out| {
            let _ = match v.number() as u8 {
                ip_proto::TCP => write!(out, "T"),
                ip_proto::UDP => write!(out, "U"),
                ip_proto::ICMP => write!(out, "I"),
                n => write!(out, "{n}"),
            };
        })
        .read(|b, text| match text {
            "T" => Some(Value::Number(ip_proto::TCP.into())),
            "U" => Some(Value::Number(ip_proto::UDP.into())),
            "I" => Some(Value::Number(ip_proto::ICMP.into())),
            _ => read_number(b, text),
        }),
    Field::number(
        "ip_hl",
        order::NET - 1,
        1,
        |d| d.ip_bytes(1).map(|ip| Value::Number(header_len(ip) as u64)),
        put_header_len,
    )
    .read(|b, text| read_number(b, text).filter(|v| v.number() <= ipv4::MAX_LEN as u64)),
    Field::number(
        "ip_len",
        order::NET + 1,
        4,
        |d| {
            let len = d.ip.map_or(d.data.len() as u64, |ip| be16(ip, 2).unwrap_or(0).into());
            Ok(Value::Number(len + if d.extra_length { d.extra.into() } else { 0 }))
        },
        |b, v| {
            if b.make_ip(0) {
                b.want_len = b.net.unwrap_or(0).saturating_add(v.number() as usize);
            }
        },
    ),
    Field::number(
        "ip_capture_len",
        order::PAYLOAD + 2,
        4,
        |d| {
            let len = d.ip.map_or(d.data.len(), |ip| ip.len().min(be16(ip, 2).unwrap_or(0).into()));
            Ok(Value::Number(len as u64))
        },
        // What was captured does not change what the packet was.
        |_, _| {},
    ),
    Field {
        name: "ip_opt",
        order: order::NET,
        width: Width::Counted,
        get: get_options,
        show: |_, v, out| ip_options::print(v.bytes(), out),
        read: |_, text| ip_options::parse(text),
        put: Some(put_options),
    },
    port("sport", |d| ports(d, 0), |b, v| put_port(b, 0, v)),
    port("dport", |d| ports(d, 2), |b, v| put_port(b, 2, v)),
];

/// What is written for each value of the ECN bits, and what is also read.
const ECN: [(&str, &str, &str); 4] =
    [("no", "-", "0"), ("ect1", "ECT(1)", "1"), ("ect2", "ECT(0)", "2"), ("ce", "CE", "3")];

const fn address(name: &'static str, get: Get, put: Put) -> Field {
    Field::number(name, order::NET, 4, get, put)
        .show(|_, v, out| {
            let _ = write!(out, "{}", Ipv4Addr::from(v.number() as u32));
        })
        .read(|b, text| Ipv4Addr::from_arg(text, &b.names).ok().map(|a| Value::Number(u32::from(a).into())))
}

const fn fragment(name: &'static str, order: u16, get: Get) -> Field {
    let put: Put = |b, v| put(b, 6, &(v.number() as u16).to_be_bytes());
    Field::number(name, order, 2, get, put).read(read_fragment)
}

const fn port(name: &'static str, get: Get, put: Put) -> Field {
    Field::number(name, order::TRANSPORT, 2, get, put)
}

fn word(bytes: &[u8], at: usize) -> Value<'static> {
    Value::Number(be16(bytes, at).unwrap_or(0).into())
}
fn byte<'a>(d: &Desc<'a>, at: usize) -> Result<Value<'a>, Missing> {
    d.ip_bytes(at + 1).map(|ip| Value::Number(ip[at].into()))
}
fn word32<'a>(d: &Desc<'a>, at: usize) -> Result<Value<'a>, Missing> {
    d.ip_bytes(at + 4).map(|ip| Value::Number(be32(ip, at).unwrap_or(0).into()))
}
fn put(b: &mut Build, at: usize, bytes: &[u8]) {
    if b.make_ip(0) {
        b.set_ip(at, bytes);
    }
}
fn put_tos(b: &mut Build, bits: u8, mask: u8) {
    if b.make_ip(0) {
        b.set_ip(1, &[b.ip_byte(1) & !mask | bits & mask]);
    }
}

/// A letter as `ip_frag` has it, or an offset with `+` for more fragments and `!` for "do not fragment".
fn read_fragment(b: &Build, text: &str) -> Option<Value<'static>> {
    let letter = match text {
        "." => Some(0),
        "!" => Some(ipv4::FLAG_DF),
        "F" => Some(ipv4::FLAG_MF),
        "f" => Some(100), // some offset: which one is not known
        _ => None,
    };
    if let Some(word) = letter {
        return Some(Value::Number(word.into()));
    }
    let digits = text.trim_end_matches(['+', '!']);
    let offset = parse_int::<u16>(digits).ok()?;
    let mut word = if b.minor_version > 0 { offset / 8 } else { offset } & ipv4::OFFSET_MASK;
    for flag in text[digits.len()..].chars() {
        word |= if flag == '+' { ipv4::FLAG_MF } else { ipv4::FLAG_DF };
    }
    Some(Value::Number(word.into()))
}

fn put_header_len(b: &mut Build, v: &Value<'_>) {
    let len = (v.number() as usize).next_multiple_of(4).min(ipv4::MAX_LEN);
    b.given.ip_hl = true;
    if !b.make_ip(0) {
        return;
    }
    let now = header_len(b.network());
    if len > now {
        b.insert(b.transport, len - now);
        b.set_header_len(len);
    } else {
        b.set_ip(0, &[0x40 | (len / 4) as u8]);
    }
}

fn get_options<'a>(d: &Desc<'a>) -> Result<Value<'a>, Missing> {
    let ip = d.ip.ok_or(Missing::Ip)?;
    let options = ip.get(ipv4::LEN.min(header_len(ip))..header_len(ip));
    match options {
        Some(o) => Ok(Value::Bytes(o.into())),
        None if header_len(ip) <= ipv4::LEN => Ok(Value::Bytes((&[]).into())),
        None => Err(Missing::Ip),
    }
}

fn put_options(b: &mut Build, v: &Value<'_>) {
    b.given.ip_hl = true;
    let options = v.bytes();
    if options.is_empty() || !b.make_ip(0) {
        return;
    }
    let len = (ipv4::LEN + options.len()).next_multiple_of(4).min(ipv4::MAX_LEN);
    b.reach(b.net.unwrap_or(0) + len);
    if len > header_len(b.network()) {
        b.set_header_len(len);
    }
    b.set_ip(ipv4::LEN, options.get(..40).unwrap_or(options));
}

fn has_ports(protocol: u8) -> bool {
    matches!(protocol, ip_proto::TCP | ip_proto::UDP | ip_proto::UDP_LITE | DCCP)
}

fn ports<'a>(d: &Desc<'a>, at: usize) -> Result<Value<'a>, Missing> {
    let here = d.protocol().is_some_and(has_ports)
        && d.is_first_fragment()
        && d.ip.is_some_and(|ip| ip.len() > header_len(ip));
    match be16(d.behind_ip(), at) {
        Some(port) if here => Ok(Value::Number(port.into())),
        _ => Err(Missing::Transport(Transport::TcpOrUdp, at + 2)),
    }
}

fn put_port(b: &mut Build, at: usize, v: &Value<'_>) {
    if b.make_ip(0) && b.make_transport() && (b.ip_byte(9) == 0 || has_ports(b.ip_byte(9))) {
        b.set_transport(at, &(v.number() as u16).to_be_bytes());
    }
}
