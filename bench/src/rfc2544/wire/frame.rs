//! Test frames: a template for each size, made once; a copy of it gets its flow, its signature and what these change in the
//! checksums.
//!
//! ```text
//! Ethernet | IPv4 or IPv6 | UDP | signature 18 | filling
//! Ethernet | NSH | [Ethernet] | IPv4 or IPv6 | UDP | signature 18 | filling
//! ```
//! The least sizes, frame check sequence included: IPv4 64, IPv6 84; behind NSH 8 more with MD type 2, 24 more with MD
//! type 1, and 14 more if it carries Ethernet.
use super::flow::{Flow, Side};
use super::signature::{self, Signature};
use crate::rfc2544::trial::Ip;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::pool::LONGEST_FRAME;
use sluice_dataplane::wire::checksum::{Sum, pseudo_v4, pseudo_v6, udp_nonzero};
use sluice_dataplane::wire::ethernet::{self, Ethernet};
use sluice_dataplane::wire::ipv4::{self, Ipv4};
use sluice_dataplane::wire::ipv6::{self, Ipv6};
use sluice_dataplane::wire::nsh::{self, Nsh};
use sluice_dataplane::wire::udp::{self, Udp};
use sluice_dataplane::wire::{EtherAddr, ip_proto};
use std::sync::LazyLock;
use zerocopy::IntoBytes;

/// Bytes of the frame check sequence, which sizes count and ports do not show.
pub(crate) const FCS: usize = 4;
/// Largest frame that can be made, frame check sequence included; ports may take less.
pub(crate) const LARGEST: usize = LONGEST_FRAME + FCS;
/// Hops that a frame may take.
const TTL: u8 = 64;

/// What fills frames up: bytes without a pattern, the same in all.
pub(crate) static FILLING: LazyLock<[u8; LONGEST_FRAME]> = LazyLock::new(|| {
    let mut state = 0x2544_4814_5180_9004_u64;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
});

/// The headers of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// IPv4 or IPv6.
    pub(crate) ip: Ip,
    /// The service header, if there is one.
    pub(crate) nsh: Option<Service>,
}

/// A network service header (RFC 8300).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Service {
    /// Service path identifier, 24 bits.
    pub(crate) path: u32,
    /// Service index.
    pub(crate) index: u8,
    /// MD type 1, with 16 bytes of context, all zero; else MD type 2 without metadata.
    pub(crate) context: bool,
    /// It carries an Ethernet frame, not an IP packet.
    pub(crate) ethernet: bool,
}

impl Service {
    /// Its length, what it carries of Ethernet included, bytes.
    fn len(&self) -> usize {
        self.header() + if self.ethernet { ethernet::LEN } else { 0 }
    }

    /// Its own length, bytes.
    fn header(&self) -> usize {
        if self.context { nsh::MD1_LEN } else { nsh::LEN }
    }
}

impl Shape {
    /// Where the IP header starts.
    fn ip_at(&self) -> usize {
        ethernet::LEN + self.nsh.map_or(0, |s| s.len())
    }

    /// Length of the IP header.
    fn ip_len(&self) -> usize {
        if self.ip == Ip::V4 { ipv4::LEN } else { ipv6::LEN }
    }

    /// Where the signature starts.
    fn payload_at(&self) -> usize {
        self.ip_at() + self.ip_len() + udp::LEN
    }

    /// The least size of a frame, with frame check sequence.
    pub(crate) fn least(&self) -> usize {
        (self.payload_at() + signature::LEN).max(ethernet::MIN_FRAME) + FCS
    }
}

/// A frame of one size and direction, without flow and signature.
pub(crate) struct Template {
    bytes: Vec<u8>,
    shape: Shape,
    from: usize,
    /// Where the IP header and the signature start.
    ip_at: usize,
    payload_at: usize,
    /// The last 16 bits of the addresses, or in IPv6 the last 16 of network and of host, when network and host are 0.
    nets: [u16; 2],
    /// Sums of what the checksums cover but the flow.
    ip_sum: u64,
    udp_sum: u64,
}

impl Template {
    /// Frames of `size` bytes (with frame check sequence) between two sides, to the next hop `to`.
    ///
    /// # Errors
    /// The size is too small for the headers, or too large for any buffer.
    pub(crate) fn new(shape: Shape, size: usize, sides: [Side; 2], to: EtherAddr) -> Result<Template, String> {
        let [from, other] = sides;
        if size < shape.least() {
            return Err(format!("{size} bytes are too few: these headers and the signature take {}", shape.least()));
        }
        if size > LARGEST {
            return Err(format!("{size} bytes are too many: no buffer takes more than {LARGEST}"));
        }
        let mut bytes = Vec::with_capacity(size - FCS);
        let inner = if shape.ip == Ip::V4 { ethernet::TYPE_IPV4 } else { ethernet::TYPE_IPV6 };
        let outer = if shape.nsh.is_some() { ethernet::TYPE_NSH } else { inner };
        bytes.extend(Ethernet::new(to, from.ether, outer).as_bytes());
        if let Some(s) = shape.nsh {
            let next = match (s.ethernet, shape.ip) {
                (true, _) => nsh::NEXT_ETHERNET,
                (false, Ip::V4) => nsh::NEXT_IPV4,
                (false, Ip::V6) => nsh::NEXT_IPV6,
            };
            let kind = if s.context { nsh::MD_FIXED } else { nsh::MD_TLV };
            bytes.extend(Nsh::new(s.header(), kind, next, s.path, s.index).as_bytes());
            bytes.resize(ethernet::LEN + s.header(), 0);
            if s.ethernet {
                bytes.extend(Ethernet::new(to, from.ether, inner).as_bytes());
            }
        }
        let datagram = size - FCS - shape.ip_at() - shape.ip_len();
        let pseudo = match shape.ip {
            Ip::V4 => {
                let (src, dst) = (from.v4(0, 0), other.v4(0, 0));
                let mut ip = Ipv4::new(src, dst, ip_proto::UDP, datagram);
                ip.set_ttl(TTL);
                ip.set_checksum(0);
                bytes.extend(ip.as_bytes());
                pseudo_v4(src, dst, ip_proto::UDP, datagram as u16)
            }
            Ip::V6 => {
                let (src, dst) = (from.v6(0, 0), other.v6(0, 0));
                let mut ip = Ipv6::new(src, dst, ip_proto::UDP, datagram);
                ip.set_hop_limit(TTL);
                bytes.extend(ip.as_bytes());
                pseudo_v6(src, dst, ip_proto::UDP, datagram as u32)
            }
        };
        let ip_sum = Sum::new().bytes(bytes.get(shape.ip_at()..).unwrap_or_default()).value();
        bytes.extend(Udp::new(0, 0, datagram - udp::LEN).as_bytes());
        bytes.resize(shape.payload_at() + signature::LEN, 0);
        let filling = size - FCS - bytes.len();
        bytes.extend(FILLING.iter().take(filling));
        let udp_at = shape.ip_at() + shape.ip_len();
        let udp_sum = pseudo.bytes(bytes.get(udp_at..).unwrap_or_default()).value();
        let base = |side: Side| if shape.ip == Ip::V4 { 0 } else { side.v6(0, 0).segments()[3] };
        Ok(Template {
            bytes,
            shape,
            from: usize::from(from.number & 1),
            ip_at: shape.ip_at(),
            payload_at: shape.payload_at(),
            nets: [base(from), base(other)],
            ip_sum: ip_sum.into(),
            udp_sum: udp_sum.into(),
        })
    }

    /// The same frame of one flow, so that there is nothing left to write but the signature.
    pub(crate) fn of(&self, flow: &Flow) -> Template {
        let mut bytes = self.bytes.clone();
        self.put_flow(&mut bytes, flow);
        Template { bytes, ..*self }
    }

    /// Makes a fresh packet this frame, of one flow. False if it cannot be written to.
    #[inline]
    pub(crate) fn write(&self, p: &mut Packet, flow: &Flow, signature: &Signature) -> bool {
        let Some(data) = self.copy(p) else { return false };
        self.put_flow(data, flow) && self.put_signature(data, signature)
    }

    /// The same for a template that has its flow.
    #[inline]
    pub(crate) fn write_prepared(&self, p: &mut Packet, signature: &Signature) -> bool {
        self.copy(p).is_some_and(|data| self.put_signature(data, signature))
    }

    /// The same of the flow that this row is of.
    #[inline]
    pub(crate) fn write_row(&self, p: &mut Packet, row: &Row, signature: &Signature) -> bool {
        let Some(data) = self.copy(p) else { return false };
        self.put_row(data, row) && self.put_signature(data, signature)
    }

    #[inline]
    fn copy<'a>(&self, p: &'a mut Packet) -> Option<&'a mut [u8]> {
        // The smallest frames are the most: a copy of known length takes no call.
        if let Ok(bytes) = <&[u8; ethernet::MIN_FRAME]>::try_from(&self.bytes[..]) {
            let data = p.resize(ethernet::MIN_FRAME)?;
            *data.first_chunk_mut()? = *bytes;
            return Some(data);
        }
        let data = p.resize(self.bytes.len())?;
        data.copy_from_slice(&self.bytes);
        Some(data)
    }

    #[inline]
    fn put_signature(&self, data: &mut [u8], signature: &Signature) -> bool {
        let Some(s) = data.get_mut(self.payload_at..).and_then(|d| d.first_chunk_mut()) else { return false };
        *s = signature.encode();
        true
    }

    /// Writes addresses, ports, and the checksums that they change.
    #[inline]
    fn put_flow(&self, data: &mut [u8], flow: &Flow) -> bool {
        self.put_row(data, &self.row(flow))
    }

    /// What a flow writes into this frame.
    #[inline]
    pub(crate) fn row(&self, flow: &Flow) -> Row {
        let (src, dst) = (self.from, 1 - self.from);
        let ports = [flow.ports[src], flow.ports[dst]];
        let ports_sum = u64::from(ports[0]) + u64::from(ports[1]);
        let (nets, hosts) = ([flow.nets[src], flow.nets[dst]], [flow.hosts[src], flow.hosts[dst]]);
        let words = match self.shape.ip {
            Ip::V4 => {
                let [s, d] = [0, 1].map(|side| (nets[side] << 8) | hosts[side]);
                let sum = u64::from(s) + u64::from(d);
                let udp = udp_nonzero(!fold(self.udp_sum + sum + ports_sum));
                [!fold(self.ip_sum + sum), s, d, ports[0], ports[1], udp, 0]
            }
            Ip::V6 => {
                let sum: u64 = nets.iter().chain(&hosts).map(|n| u64::from(*n)).sum();
                let udp = udp_nonzero(!fold(self.udp_sum + sum + ports_sum));
                let [from, to] = [self.nets[0] + nets[0], self.nets[1] + nets[1]];
                [from, hosts[0], to, hosts[1], ports[0], ports[1], udp]
            }
        };
        Row(words.map(u16::to_be))
    }

    #[inline]
    fn put_row(&self, data: &mut [u8], row: &Row) -> bool {
        let Some(rest) = data.get_mut(self.ip_at..) else { return false };
        match self.shape.ip {
            Ip::V4 => rest.first_chunk_mut::<28>().is_some_and(|h| put(h, [10, 14, 18, 20, 22, 26], row)),
            Ip::V6 => rest.first_chunk_mut::<48>().is_some_and(|h| put(h, [14, 22, 30, 38, 40, 42, 46], row)),
        }
    }
}

/// The words that a flow writes into a frame, as they lie on the wire: checksum of the IP header (IPv4), ends of the
/// addresses, ports, UDP checksum.
#[derive(Clone, Copy)]
pub(crate) struct Row([u16; 7]);

/// A one's complement sum of 16 bits, of what is below 2^32.
#[inline]
fn fold(sum: u64) -> u16 {
    let sum = sum as u32;
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}

/// Writes the words of a row, each at its place.
#[inline]
fn put<const N: usize, const WORDS: usize>(header: &mut [u8; N], places: [usize; WORDS], row: &Row) -> bool {
    for (place, value) in places.into_iter().zip(row.0) {
        if let Some(word) = header.get_mut(place..).and_then(|h| h.first_chunk_mut()) {
            *word = value.to_ne_bytes();
        }
    }
    true
}
