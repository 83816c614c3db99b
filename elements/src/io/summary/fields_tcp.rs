//! Fields of the TCP header.
use super::build::Build;
use super::describe::{Desc, Missing, Transport, be16, be32};
use super::tcp_options::{self, Kinds};
use super::{Field, Get, Put, Value, Width, order};
use alloc::borrow::Cow;
use sluice_dataplane::args::parse_int;
use sluice_dataplane::wire::{ip_proto, tcp};

pub(super) const FIELDS: &[Field] = &[
    Field::number(
        "tcp_seq",
        order::TRANSPORT,
        4,
        |d| bytes(d, 8).map(|t| Value::Number(be32(t, 4).unwrap_or(0).into())),
        |b, v| put(b, 4, &(v.number() as u32).to_be_bytes()),
    ),
    Field::number(
        "tcp_ack",
        order::TRANSPORT,
        4,
        |d| bytes(d, 12).map(|t| Value::Number(be32(t, 8).unwrap_or(0).into())),
        |b, v| put(b, 8, &(v.number() as u32).to_be_bytes()),
    ),
    Field::number(
        "tcp_off",
        order::TRANSPORT - 1,
        1,
        |d| bytes(d, 13).map(|t| Value::Number(u64::from(t[12] >> 4) * 4)),
        put_offset,
    )
    .read(|b, text| super::read_number(b, text).filter(|v| v.number() <= tcp::MAX_LEN as u64)),
    Field::number(
        "tcp_flags",
        order::TRANSPORT,
        2,
        |d| bytes(d, 14).map(|t| Value::Number(u64::from(t[12] & 15) << 8 | u64::from(t[13]))),
        |b, v| {
            if make(b) {
                let offset = b.behind_ip().get(12).copied().unwrap_or(0) & 0xf0;
                b.set_transport(12, &[offset | (v.number() >> 8) as u8 & 15]);
                b.set_transport(13, &[v.number() as u8]);
            }
        },
    )
    .show(|_, v, out| match v.number() {
        0 => out.push('.'),
        0x18 => out.push_str("PA"),
        flags => out.extend(FLAGS.chars().enumerate().filter(|(bit, _)| flags >> bit & 1 != 0).map(|(_, c)| c)),
    })
    .read(read_flags)
    .width(Width::LowByte),
    Field::number(
        "tcp_window",
        order::TRANSPORT,
        2,
        |d| bytes(d, 16).map(|t| Value::Number(be16(t, 14).unwrap_or(0).into())),
        |b, v| put(b, 14, &(v.number() as u16).to_be_bytes()),
    ),
    Field::number(
        "tcp_urp",
        order::TRANSPORT,
        2,
        |d| bytes(d, 20).map(|t| Value::Number(be16(t, 18).unwrap_or(0).into())),
        |b, v| put(b, 18, &(v.number() as u16).to_be_bytes()),
    ),
    Field {
        name: "tcp_opt",
        order: order::TRANSPORT + 3,
        width: Width::Counted,
        get: |d| options(d, false, Kinds::All),
        show: |_, v, out| tcp_options::print(v.bytes(), Kinds::All, out),
        read: |_, text| tcp_options::parse(text, Kinds::All),
        put: Some(put_options),
    },
    some_options(
        "tcp_ntopt",
        order::TRANSPORT + 2,
        |d| options(d, true, Kinds::NoTimestamp),
        |_, v, out| tcp_options::print(v.bytes(), Kinds::NoTimestamp, out),
        |_, text| tcp_options::parse(text, Kinds::NoTimestamp),
    ),
    some_options(
        "tcp_sack",
        order::TRANSPORT + 1,
        |d| options(d, true, Kinds::Sack),
        |_, v, out| tcp_options::print(v.bytes(), Kinds::Sack, out),
        |_, text| tcp_options::parse(text, Kinds::Sack),
    ),
];

/// A letter for each flag, from the lowest bit.
const FLAGS: &str = "FSRPAUECN";

const fn some_options(name: &'static str, order: u16, get: Get, show: super::Show, read: super::Read) -> Field {
    let put: Put = put_options;
    Field { name, order, width: Width::Counted, get, show, read, put: Some(put) }
}

fn bytes<'a>(d: &Desc<'a>, len: usize) -> Result<&'a [u8], Missing> {
    d.transport_bytes(Transport::Tcp, len)
}

fn make(b: &mut Build) -> bool {
    b.make_ip(ip_proto::TCP) && b.make_transport()
}

fn put(b: &mut Build, at: usize, bytes: &[u8]) {
    if make(b) {
        b.set_transport(at, bytes);
    }
}

/// Letters, `.` for none, or the number of old dumps; `W` and `Y` mean CWR, `X` means ECE.
fn read_flags(_: &Build, text: &str) -> Option<Value<'static>> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return parse_int::<u16>(text).ok().filter(|&n| n < 0x1000).map(|n| Value::Number(n.into()));
    }
    let mut flags = 0;
    for c in text.chars().filter(|_| text != ".") {
        let c = match c {
            'W' | 'Y' => 'C',
            'X' => 'E',
            c => c,
        };
        flags |= 1 << FLAGS.find(c)?;
    }
    (!text.is_empty()).then_some(Value::Number(flags))
}

fn set_offset(b: &mut Build, len: usize) {
    let flags = b.behind_ip().get(12).copied().unwrap_or(0) & 15;
    b.set_transport(12, &[((len / 4) as u8) << 4 | flags]);
}

fn header_len(b: &Build) -> usize {
    b.behind_ip().get(12).map_or(0, |byte| usize::from(byte >> 4) * 4)
}

fn put_offset(b: &mut Build, v: &Value<'_>) {
    let len = (v.number() as usize).next_multiple_of(4).min(tcp::MAX_LEN);
    b.given.tcp_hl = true;
    if !make(b) {
        return;
    }
    if len > header_len(b) {
        b.reach(b.transport + len);
    }
    set_offset(b, len);
}

fn put_options(b: &mut Build, v: &Value<'_>) {
    if !make(b) {
        return;
    }
    b.given.tcp_hl = true;
    let options = v.bytes();
    if options.is_empty() {
        return;
    }
    let len = (tcp::LEN + options.len()).next_multiple_of(4).min(tcp::MAX_LEN);
    b.reach(b.transport + len);
    if len > header_len(b) {
        set_offset(b, len);
    }
    b.set_transport(tcp::LEN, options.get(..40).unwrap_or(options));
}

/// The options of the kinds that matter. With `quick` a lone time stamp in its usual place counts as none.
fn options<'a>(d: &Desc<'a>, quick: bool, kinds: Kinds) -> Result<Value<'a>, Missing> {
    let t = bytes(d, 13)?;
    let len = usize::from(t[12] >> 4) * 4;
    let lone = quick && len == 32 && t.get(20..24) == Some(&[1, 1, 8, 10]);
    if len <= tcp::LEN || lone {
        return Ok(Value::Bytes((&[]).into()));
    }
    let options = t.get(tcp::LEN..len).ok_or(Missing::Transport(Transport::Tcp, t.len() + 1))?;
    Ok(Value::Bytes(if quick { tcp_options::select(options, kinds).into() } else { Cow::Borrowed(options) }))
}
