//! Fields of the ICMP header.
use super::build::Build;
use super::describe::{Desc, Missing, Transport, be16};
use super::{Field, Put, Value, order, read_number};
use alloc::string::String;
use core::fmt::Write;
use sluice_dataplane::wire::{icmp, ip_proto};

pub(super) const FIELDS: &[Field] = &[
    kind("icmp_type"),
    code("icmp_code"),
    kind("icmp_type_name").show(|_, v, out| show_name(icmp::type_name(v.number() as u8), v, out)),
    code("icmp_code_name").show(|d, v, out| {
        let kind = d.transport(Transport::Icmp).and_then(|t| t.first().copied()).unwrap_or(0);
        show_name(icmp::code_name(kind, v.number() as u8), v, out);
    }),
    Field::number("icmp_flowid", order::TRANSPORT + 2, 2, |d| echo(d, 4), |b, v| put_echo(b, 4, v)),
    Field::number("icmp_seq", order::TRANSPORT + 2, 2, |d| echo(d, 6), |b, v| put_echo(b, 6, v)),
    Field::number(
        "icmp_nextmtu",
        order::TRANSPORT + 2,
        2,
        |d| match bytes(d, 2)? {
            [icmp::UNREACHABLE, icmp::CODE_NEED_FRAG, ..] => {
                bytes(d, 8).map(|t| Value::Number(be16(t, 6).unwrap_or(0).into()))
            }
            _ => Err(Missing::Silent),
        },
        |b, v| {
            let (kind, code) = head(b);
            let fits = (!b.given.icmp_type || kind == icmp::UNREACHABLE)
                && (!b.given.icmp_code || code == icmp::CODE_NEED_FRAG);
            if fits && make(b) {
                b.set_transport(6, &(v.number() as u16).to_be_bytes());
            }
        },
    ),
];

const fn kind(name: &'static str) -> Field {
    let put: Put = |b, v| {
        if make(b) {
            let kind = v.number() as u8;
            b.set_transport(0, &[kind]);
            b.given.icmp_type = true;
            if matches!(kind, icmp::TIMESTAMP | icmp::TIMESTAMP_REPLY) {
                b.reach(b.transport + 20);
            }
        }
    };
    Field::number(name, order::TRANSPORT, 1, |d| bytes(d, 1).map(|t| Value::Number(t[0].into())), put).read(
        |b, text| match icmp::type_number(text) {
            Some(n) => Some(Value::Number(n.into())),
            None => read_number(b, text),
        },
    )
}

const fn code(name: &'static str) -> Field {
    let put: Put = |b, v| {
        if make(b) {
            b.set_transport(1, &[v.number() as u8]);
            b.given.icmp_code = true;
        }
    };
    Field::number(name, order::TRANSPORT + 1, 1, |d| bytes(d, 2).map(|t| Value::Number(t[1].into())), put).read(
        |b, text| match icmp::code_number(head(b).0, text).filter(|_| b.given.icmp_type) {
            Some(n) => Some(Value::Number(n.into())),
            None => read_number(b, text),
        },
    )
}

fn show_name(name: Option<&str>, v: &Value<'_>, out: &mut String) {
    let _ = match name {
        Some(name) => write!(out, "{name}"),
        None => write!(out, "{}", v.number()),
    };
}

fn bytes<'a>(d: &Desc<'a>, len: usize) -> Result<&'a [u8], Missing> {
    d.transport_bytes(Transport::Icmp, len)
}

/// Type and code.
fn head(b: &Build) -> (u8, u8) {
    let t = b.behind_ip();
    (t.first().copied().unwrap_or(0), t.get(1).copied().unwrap_or(0))
}

fn make(b: &mut Build) -> bool {
    let made = b.make_ip(ip_proto::ICMP) && b.make_transport();
    if made {
        b.reach(b.transport + icmp::LEN);
    }
    made
}

/// Types with an identifier and a sequence number.
fn has_flow(kind: u8) -> bool {
    matches!(
        kind,
        icmp::ECHO | icmp::ECHO_REPLY | icmp::INFO | icmp::INFO_REPLY | icmp::TIMESTAMP | icmp::TIMESTAMP_REPLY
    )
}

fn echo<'a>(d: &Desc<'a>, at: usize) -> Result<Value<'a>, Missing> {
    match bytes(d, 1)? {
        [kind, ..] if has_flow(*kind) => bytes(d, at + 2).map(|t| Value::Number(be16(t, at).unwrap_or(0).into())),
        _ => Err(Missing::Silent),
    }
}

fn put_echo(b: &mut Build, at: usize, v: &Value<'_>) {
    if make(b) && (!b.given.icmp_type || has_flow(head(b).0)) {
        b.set_transport(at, &(v.number() as u16).to_be_bytes());
    }
}
