//! Names every header field of a packet, for people and for comparing two states of one packet.
//!
//! Names are the display-filter names of Wireshark where it has one (`ip.ttl`, `tcp.srcport`); sequence and acknowledgement
//! numbers are the raw ones. Fields come in wire order. An inner header of a tunnel gives the same names again. The walk
//! is total: where the bytes stop making sense, a field `_ws.malformed` says why and the walk ends.

mod link;
mod network;
mod transport;
mod tunnel;

use super::Malformed;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{Display, Write};

/// How many headers are walked at most; what lies deeper is data.
const MAX_LAYERS: usize = 24;

/// One header field of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Display-filter name.
    pub name: &'static str,
    /// Where the bytes that hold the field begin, from the start of the packet.
    pub offset: usize,
    /// How many bytes hold (parts of) the field.
    pub len: usize,
    /// The value: numbers in decimal, except checksums, types, flags and identifiers in hexadecimal.
    pub value: String,
}

/// The header fields of an Ethernet frame.
pub fn fields(frame: &[u8]) -> Vec<Field> {
    Walk::new(frame).run(Next::Ethernet)
}

/// The header fields of a packet that begins with an IPv4 or IPv6 header.
pub fn ip_fields(packet: &[u8]) -> Vec<Field> {
    Walk::new(packet).run(Next::Ip)
}

/// What follows the header just walked.
enum Next {
    Ethernet,
    /// An Ethernet type, at the walk's position.
    Type(u16),
    /// IPv4 or IPv6, by the version.
    Ip,
    /// A protocol number; the second value says whether IPv6 extension headers may follow.
    Protocol(u8, bool),
    Nsh,
    Vxlan,
    VxlanGpe,
    Data,
}

/// The state of a walk: where it is, where the innermost length field ends, what was found.
struct Walk<'a> {
    packet: &'a [u8],
    at: usize,
    end: usize,
    out: Vec<Field>,
}

impl<'a> Walk<'a> {
    fn new(packet: &'a [u8]) -> Self {
        Self { packet, at: 0, end: packet.len(), out: Vec::with_capacity(32) }
    }

    fn run(mut self, first: Next) -> Vec<Field> {
        let mut next = first;
        for _ in 0..MAX_LAYERS {
            let step = match next {
                Next::Data => break,
                Next::Ethernet => link::ethernet(&mut self),
                Next::Type(ether_type) => link::by_type(&mut self, ether_type),
                Next::Ip => network::ip(&mut self),
                Next::Protocol(protocol, v6) => transport::by_protocol(&mut self, protocol, v6),
                Next::Nsh => tunnel::nsh(&mut self),
                Next::Vxlan => tunnel::vxlan(&mut self),
                Next::VxlanGpe => tunnel::vxlan_gpe(&mut self),
            };
            next = step.unwrap_or_else(|error| {
                self.malformed(error);
                Next::Data
            });
        }
        let left = self.rest();
        self.digest("data", 0, left);
        self.at = self.end;
        self.end = self.packet.len();
        let padding = self.rest();
        self.digest("eth.padding", 0, padding);
        self.out
    }

    /// What was not walked yet, up to the innermost length.
    fn rest(&self) -> &'a [u8] {
        self.packet.get(self.at..self.end).unwrap_or(&[])
    }

    /// Reports a field that lies `offset` bytes behind the position.
    fn put(&mut self, name: &'static str, offset: usize, len: usize, value: impl Display) {
        self.out.push(Field { name, offset: self.at + offset, len, value: value.to_string() });
    }

    /// Reports a field in hexadecimal, two digits for each of its `len` bytes.
    fn hex(&mut self, name: &'static str, offset: usize, len: usize, value: impl Into<u64>) {
        let (value, width) = (value.into(), 2 + len * 2);
        self.put(name, offset, len, format_args!("{value:#0width$x}"));
    }

    /// Reports a single bit within the `len` bytes at `offset`.
    fn bit(&mut self, name: &'static str, offset: usize, len: usize, value: bool) {
        self.put(name, offset, len, u8::from(value));
    }

    /// Reports bytes as a string of hexadecimal digits, if there are any.
    fn bytes(&mut self, name: &'static str, offset: usize, bytes: &[u8]) {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        if !bytes.is_empty() {
            self.put(name, offset, bytes.len(), text);
        }
    }

    /// Reports bytes by length and FNV-1a hash (32 bits), if there are any: enough to see a change.
    fn digest(&mut self, name: &'static str, offset: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, &b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
            self.put(name, offset, bytes.len(), format_args!("{} bytes #{hash:08x}", bytes.len()));
        }
    }

    fn malformed(&mut self, error: Malformed) {
        self.put("_ws.malformed", 0, 0, error);
    }

    /// Moves the position behind a header of `len` bytes.
    fn skip(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.end);
    }

    /// A length field says that `len` bytes from the position belong to the header; what lies behind is padding.
    fn cut(&mut self, len: usize) {
        self.end = self.at.saturating_add(len).min(self.end);
    }
}

#[cfg(test)]
mod tests;
