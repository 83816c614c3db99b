//! Fields about what follows the headers.
use super::build::Build;
use super::describe::{Desc, Missing, be16, header_len};
use super::{Field, Value, Width, md5, order};
use alloc::string::String;
use core::fmt::Write;
use sluice_dataplane::args::{quote, unquote};
use sluice_dataplane::wire::{ip_proto, ipv4, tcp};

pub(super) const FIELDS: &[Field] = &[
    Field::number(
        "payload_len",
        order::PAYLOAD + 1,
        4,
        |d| {
            let extra = if d.ip.is_none() || d.extra_length { d.extra.into() } else { 0 };
            Ok(Value::Number(place(d).1 as u64 + extra))
        },
        |b, v| {
            account(b, v.number() as usize);
        },
    ),
    Field {
        name: "payload",
        order: order::PAYLOAD,
        width: Width::None,
        get: bytes,
        show: |_, v, out| out.push_str(&quote(v.bytes())),
        read: |_, text| Some(Value::Bytes(unquote(text).into())),
        put: Some(put),
    },
    digest("payload_md5").show(|_, v, out| out.push_str(&md5::text(v.bytes()))),
    digest("payload_md5_hex").show(show_hex),
];

const fn digest(name: &'static str) -> Field {
    let get: super::Get = |d| bytes(d).map(|v| Value::Bytes(md5::digest(v.bytes()).to_vec().into()));
    Field::output(name, order::PAYLOAD, 8, get).width(Width::Bytes(16))
}

fn show_hex(_: &Desc<'_>, v: &Value<'_>, out: &mut String) {
    v.bytes().iter().for_each(|b| {
        let _ = write!(out, "{b:02x}");
    });
}

/// Where the payload begins in the packet, and how long it is by the headers.
fn place(d: &Desc<'_>) -> (usize, usize) {
    let Some(ip) = d.ip else { return (0, d.data.len()) };
    let t = d.behind_ip();
    let head = match d.protocol() {
        _ if !d.is_first_fragment() => 0,
        Some(ip_proto::TCP) => t.get(12).map_or(0, |b| usize::from(b >> 4) * 4).max(tcp::LEN),
        Some(ip_proto::UDP | ip_proto::UDP_LITE) => 8,
        _ => 0,
    };
    let net = d.packet.net_off().unwrap_or(0);
    let off = d.transport_off + head;
    (off, usize::from(be16(ip, 2).unwrap_or(0)).saturating_sub(off.saturating_sub(net)))
}

fn bytes<'a>(d: &Desc<'a>) -> Result<Value<'a>, Missing> {
    let (off, len) = place(d);
    if len > 0 && off >= d.packet.len() {
        return Err(Missing::Silent);
    }
    let rest = d.data.get(off..).unwrap_or_default();
    Ok(Value::Bytes(rest.get(..len).unwrap_or(rest).into()))
}

/// Makes `len` bytes of payload fit the packet's length: sets that, or when it was given makes the headers longer by
/// empty options. Returns where the payload begins.
fn account(b: &mut Build, len: usize) -> usize {
    if b.make_ip(0) {
        b.make_transport();
    }
    let off = b.payload_off();
    if !b.is_ip || b.want_len == 0 {
        b.want_len = off.saturating_add(len);
        return off;
    }
    let mut over = b.want_len.saturating_sub(off.saturating_add(len));
    let mut moved = 0;
    let tcp_len = b.behind_ip().get(12).map_or(0, |byte| usize::from(byte >> 4) * 4);
    let plain = b.ip_byte(9) == ip_proto::TCP && b.is_first_fragment() && !b.given.tcp_hl && tcp_len == tcp::LEN;
    if plain && over >= 4 {
        let by = (over & !3).min(tcp::MAX_LEN - tcp::LEN);
        b.insert(b.transport + tcp::LEN, by);
        let flags = b.behind_ip().get(12).copied().unwrap_or(0) & 15;
        b.set_transport(12, &[((tcp::LEN + by) * 4) as u8 & 0xf0 | flags]);
        (over, moved) = (over - by, by);
    }
    if over >= 4 && !b.given.ip_hl && header_len(b.network()) == ipv4::LEN {
        let by = (over & !3).min(ipv4::MAX_LEN - ipv4::LEN);
        b.insert(b.net.unwrap_or(0) + ipv4::LEN, by);
        b.set_header_len(ipv4::LEN + by);
        moved += by;
    }
    off + moved
}

fn put(b: &mut Build, v: &Value<'_>) {
    let payload = v.bytes();
    if payload.is_empty() {
        return;
    }
    let off = account(b, payload.len());
    b.reach(off + payload.len());
    if let Some(to) = b.data.get_mut(off..off + payload.len()) {
        to.copy_from_slice(payload);
    }
}
