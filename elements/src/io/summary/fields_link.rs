//! Fields of the Ethernet header.
use super::build::Build;
use super::describe::{Desc, Missing};
use super::{Field, Value, Width, order};
use alloc::string::String;
use core::fmt::Write;
use sluice_dataplane::args::FromArg;
use sluice_dataplane::wire::{EtherAddr, ethernet};

pub(super) const FIELDS: &[Field] = &[
    address("eth_src", |d| ether(d).map(|e| Value::Bytes(e[6..12].into())), |b, v| put_address(b, 6, v)),
    address("eth_dst", |d| ether(d).map(|e| Value::Bytes(e[..6].into())), |b, v| put_address(b, 0, v)),
    Field::number(
        "eth_type",
        order::LINK,
        2,
        |d| ether(d).map(|e| Value::Number(u16::from_be_bytes([e[12], e[13]]).into())),
        |b, v| {
            b.make_ether();
            let kind = v.number() as u16;
            b.set_mac(12, &kind.to_be_bytes());
            b.is_ip = kind == ethernet::TYPE_IPV4;
        },
    )
    .show(|_, v, out| {
        let _ = write!(out, "{:04X}", v.number());
    })
    .read(|_, text| u16::from_str_radix(text, 16).ok().map(|n| Value::Number(n.into()))),
];

const fn address(name: &'static str, get: super::Get, put: super::Put) -> Field {
    Field::number(name, order::LINK, 6, get, put).show(show_address).read(read_address).width(Width::Bytes(6))
}

/// The Ethernet header: the 14 bytes before the network header, or all of a packet without one.
fn ether<'a>(d: &Desc<'a>) -> Result<&'a [u8; 14], Missing> {
    let data = d.packet.data();
    let network = if d.packet.has_net() { d.packet.net_off() } else { Some(data.len()) };
    let mac = d.packet.mac_off().or(if d.packet.mac_off_signed().is_none() { Some(0) } else { None });
    match (mac, network) {
        (Some(mac), Some(network)) if mac + ethernet::LEN == network => {
            data.get(mac..).and_then(|b| b.first_chunk()).ok_or(Missing::Ethernet)
        }
        _ => Err(Missing::Ethernet),
    }
}

fn put_address(b: &mut Build, at: usize, v: &Value<'_>) {
    b.make_ether();
    b.set_mac(at, v.bytes());
}

fn show_address(_: &Desc<'_>, v: &Value<'_>, out: &mut String) {
    if let Some(bytes) = v.bytes().first_chunk() {
        let _ = write!(out, "{}", EtherAddr(*bytes));
    }
}

fn read_address(b: &Build, text: &str) -> Option<Value<'static>> {
    EtherAddr::from_arg(text, &b.names).ok().map(|a| Value::Bytes(a.0.to_vec().into()))
}
