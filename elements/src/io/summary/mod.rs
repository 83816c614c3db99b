//! IP summary dumps: one line of text, or one binary record, for each packet.
//!
//! Both directions share one table of fields. A field gets a [`Value`] from a packet and shows it; it reads a value from
//! text and puts it into a packet that is being built. The names, texts and binary widths are those of Click's
//! `!IPSummaryDump` format, version 1.3.
pub mod build;
pub mod describe;
mod fields_anno;
mod fields_icmp;
mod fields_ip;
mod fields_link;
mod fields_payload;
mod fields_tcp;
mod fields_udp;
mod ip_options;
mod md5;
pub mod reader;
mod tcp_options;
mod text;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use build::Build;
use core::fmt::Write;
use describe::{Desc, Missing};

/// Version of the format that is written, and the newest one that is understood.
pub const VERSION: (u32, u32) = (1, 3);

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number, an address, a time.
    Number(u64),
    /// Options, payload, an Ethernet address.
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// The number; 0 for bytes.
    pub fn number(&self) -> u64 {
        match self {
            Value::Number(n) => *n,
            Value::Bytes(_) => 0,
        }
    }
    /// The bytes; none for a number.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Number(_) => &[],
            Value::Bytes(b) => b,
        }
    }
}

/// How a field lies in a binary record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// A big-endian number of so many bytes.
    Number(u8),
    /// The lowest byte of a number; the others are lost.
    LowByte,
    /// Seconds and microseconds, four bytes each.
    Micro,
    /// Seconds and nanoseconds, four bytes each.
    Nano,
    /// So many bytes.
    Bytes(u8),
    /// A byte with the length, then the bytes.
    Counted,
    /// Not allowed there.
    None,
}

/// The places where fields of a layer are put into a packet; smaller ones first.
pub(crate) mod order {
    pub(crate) const ANNO: u16 = 100;
    pub(crate) const LINK: u16 = 200;
    pub(crate) const NET: u16 = 300;
    pub(crate) const TRANSPORT: u16 = 400;
    pub(crate) const PAYLOAD: u16 = 500;
}

/// Takes a value out of a packet.
pub type Get = for<'a> fn(&Desc<'a>) -> Result<Value<'a>, Missing>;
/// Shows a value.
pub type Show = fn(&Desc<'_>, &Value<'_>, &mut String);
/// Reads a value from text.
pub type Read = fn(&Build, &str) -> Option<Value<'static>>;
/// Puts a value into a packet.
pub type Put = fn(&mut Build, &Value<'_>);

/// One field of the format.
pub struct Field {
    /// Name in `!data` lines.
    pub name: &'static str,
    /// When it is put into a packet.
    pub order: u16,
    /// Its binary form.
    pub width: Width,
    get: Get,
    show: Show,
    read: Read,
    put: Option<Put>,
}

impl Field {
    /// A plain number of `width` bytes.
    const fn number(name: &'static str, order: u16, width: u8, get: Get, put: Put) -> Field {
        Field { name, order, width: Width::Number(width), get, show: show_number, read: read_number, put: Some(put) }
    }
    /// The same, read only from packets, never put into them.
    const fn output(name: &'static str, order: u16, width: u8, get: Get) -> Field {
        Field { name, order, width: Width::Number(width), get, show: show_number, read: read_number, put: None }
    }
    const fn show(self, show: Show) -> Field {
        Field { show, ..self }
    }
    const fn read(self, read: Read) -> Field {
        Field { read, ..self }
    }
    const fn width(self, width: Width) -> Field {
        Field { width, ..self }
    }

    /// Whether it looks at IP or what is above: the packet's headers must be checked first.
    pub fn needs_ip(&self) -> bool {
        self.order >= order::NET - 50
    }
    /// Whether it can be put into a packet.
    pub fn is_input(&self) -> bool {
        self.put.is_some()
    }
    /// Appends what a packet has for this field; `-` when it has nothing.
    pub fn print(&self, d: &mut Desc<'_>, out: &mut String) {
        match (self.get)(d) {
            Ok(value) => (self.show)(d, &value, out),
            Err(missing) => {
                d.note_missing(missing);
                out.push('-');
            }
        }
    }
    /// Reads text and puts what it says into a packet. False: the text is none of this field's.
    pub fn parse(&self, b: &mut Build, text: &str) -> bool {
        match ((self.read)(b, text).filter(|v| self.fits(v)), self.put) {
            (Some(value), Some(put)) => {
                put(b, &value);
                true
            }
            _ => false,
        }
    }
    fn fits(&self, value: &Value<'_>) -> bool {
        match self.width {
            Width::Number(bytes @ 0..8) => value.number() >> (8 * bytes) == 0,
            _ => true,
        }
    }

    /// Appends the binary form; zeros when the packet has nothing.
    pub fn print_binary(&self, d: &mut Desc<'_>, out: &mut Vec<u8>) {
        let value = (self.get)(d).unwrap_or_else(|missing| {
            d.note_missing(missing);
            Value::Number(0)
        });
        let n = value.number();
        let pair =
            |fraction: u64| [((n / 1_000_000_000) as u32).to_be_bytes(), (fraction as u32).to_be_bytes()].concat();
        match self.width {
            Width::Number(bytes) => out.extend(n.to_be_bytes().iter().skip(8 - usize::from(bytes.min(8)))),
            Width::LowByte => out.push(n as u8),
            Width::Micro => out.extend(pair(n % 1_000_000_000 / 1000)),
            Width::Nano => out.extend(pair(n % 1_000_000_000)),
            Width::Bytes(len) => {
                out.extend(value.bytes().iter().copied().chain(core::iter::repeat(0)).take(len.into()));
            }
            Width::Counted => {
                let bytes = value.bytes().get(..255).unwrap_or(value.bytes());
                out.push(bytes.len() as u8);
                out.extend(bytes);
            }
            Width::None => {}
        }
    }

    /// Takes this field's part off the front of a binary record; `None` when the record ends before.
    pub fn take_binary<'r>(&self, record: &mut &'r [u8]) -> Option<Value<'r>> {
        let mut take = |n: usize| {
            let (part, rest) = record.split_at_checked(n)?;
            *record = rest;
            Some(part)
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b));
        let time = |b: &[u8], unit: u64| {
            let (seconds, fraction) = b.split_at(4);
            Value::Number(number(seconds).saturating_mul(1_000_000_000).saturating_add(number(fraction) * unit))
        };
        Some(match self.width {
            Width::Number(n) => Value::Number(number(take(n.into())?)),
            Width::LowByte => Value::Number(number(take(1)?)),
            Width::Micro => time(take(8)?, 1000),
            Width::Nano => time(take(8)?, 1),
            Width::Bytes(n) => Value::Bytes(take(n.into())?.into()),
            Width::Counted => {
                let len = *take(1)?.first()?;
                Value::Bytes(take(len.into())?.into())
            }
            Width::None => return None,
        })
    }
    /// Puts a value that [`take_binary`](Self::take_binary) gave into a packet.
    pub fn put(&self, b: &mut Build, value: &Value<'_>) {
        if let Some(put) = self.put {
            put(b, value);
        }
    }
}

fn show_number(_: &Desc<'_>, v: &Value<'_>, out: &mut String) {
    let _ = write!(out, "{}", v.number());
}

fn read_number(_: &Build, text: &str) -> Option<Value<'static>> {
    sluice_dataplane::args::parse_int::<u64>(text).ok().map(Value::Number)
}

const TABLES: [&[Field]; 7] = [
    fields_anno::FIELDS,
    fields_link::FIELDS,
    fields_ip::FIELDS,
    fields_tcp::FIELDS,
    fields_udp::FIELDS,
    fields_icmp::FIELDS,
    fields_payload::FIELDS,
];

/// Other names of fields.
const SYNONYMS: [(&str, &str); 19] = [
    ("utimestamp", "timestamp"),
    ("ts", "timestamp"),
    ("sec", "ts_sec"),
    ("usec", "ts_usec"),
    ("usec1", "ts_usec1"),
    ("first_utimestamp", "first_timestamp"),
    ("first_ts", "first_timestamp"),
    ("pkt_count", "count"),
    ("packet_count", "count"),
    ("agg", "aggregate"),
    ("wire_length", "wire_len"),
    ("ether_src", "eth_src"),
    ("ether_dst", "eth_dst"),
    ("ether_type", "eth_type"),
    ("length", "ip_len"),
    ("ip_p", "ip_proto"),
    ("tcp_seqno", "tcp_seq"),
    ("tcp_ackno", "tcp_ack"),
    ("tcp_win", "tcp_window"),
];

/// The field of a name, of one of its synonyms, with a space for the first underscore, or without its `ip_`.
pub fn find(name: &str) -> Option<&'static Field> {
    let name = match name {
        "payload_length" => "payload_len",
        _ => SYNONYMS.iter().find(|s| s.0 == name).map_or(name, |s| s.1),
    };
    if let Some(field) = TABLES.iter().flat_map(|t| t.iter()).find(|f| f.name == name) {
        return Some(field);
    }
    match name.split_once(' ') {
        Some((first, rest)) => find(&format!("{first}_{rest}")),
        None if !name.contains('_') => find(&format!("ip_{name}")),
        None => None,
    }
}

#[cfg(test)]
mod tests;
