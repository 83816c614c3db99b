//! Network service header (RFC 8300 section 2).
//!
//! ```text
//! | version 2 bits, O 1, U 1, TTL 6, length 6 (words) | U 4, MD type 4 | next protocol 1 |
//! | service path identifier 3 | service index 1 | context: 16 bytes (MD type 1), or TLVs (MD type 2) |
//! TLV: | class 2 | type 1 | U 1 bit, length 7 (bytes) | value, padded to 4 |
//! ```
//! The view checks form only; whether a MD type, next protocol, TTL or index is acceptable is the elements' decision.

use super::{Malformed, view, view_full, view_full_mut};
use core::iter::FusedIterator;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of base header and service path header, bytes.
pub const LEN: usize = 8;
/// Length of a whole header with MD type 1, bytes.
pub const MD1_LEN: usize = 24;
/// Longest header, bytes.
pub const MAX_LEN: usize = 252;
/// TTL that an originator writes unless told otherwise.
pub const TTL_DEFAULT: u8 = 63;
/// Largest service path identifier.
pub const SPI_MAX: u32 = 0xff_ffff;
/// MD type: fixed context of 16 bytes.
pub const MD_FIXED: u8 = 1;
/// MD type: TLVs.
pub const MD_TLV: u8 = 2;
/// MD type: experiments.
pub const MD_EXPERIMENT: u8 = 15;
/// Next protocol: none (RFC 8393).
pub const NEXT_NONE: u8 = 0;
/// Next protocol: IPv4.
pub const NEXT_IPV4: u8 = 1;
/// Next protocol: IPv6.
pub const NEXT_IPV6: u8 = 2;
/// Next protocol: Ethernet.
pub const NEXT_ETHERNET: u8 = 3;
/// Next protocol: NSH.
pub const NEXT_NSH: u8 = 4;
/// Next protocol: MPLS.
pub const NEXT_MPLS: u8 = 5;
/// Next protocol: in-situ OAM (RFC 9452).
pub const NEXT_IOAM: u8 = 6;
/// Next protocol: experiment 1.
pub const NEXT_EXPERIMENT_1: u8 = 0xfe;
/// Next protocol: experiment 2.
pub const NEXT_EXPERIMENT_2: u8 = 0xff;
/// Service index that an initial classifier writes unless told otherwise.
pub const INDEX_DEFAULT: u8 = 255;
/// Longest value of a TLV, bytes.
pub const TLV_MAX: usize = 127;
/// Class of the TLVs that the IETF assigns.
pub const CLASS_IETF: u16 = 0;
/// IETF TLV: subscriber identifier (RFC 8979 section 3).
pub const TLV_SUBSCRIBER: u8 = 0x00;
/// IETF TLV: performance policy identifier (RFC 8979 section 4).
pub const TLV_PERFORMANCE_POLICY: u8 = 0x01;
/// IETF TLV: message authentication code over all but the base header (RFC 9145 section 5.1).
pub const TLV_MAC1: u8 = 0x02;
/// IETF TLV: message authentication code over the base header, too (RFC 9145 section 5.2).
pub const TLV_MAC2: u8 = 0x03;
/// IETF TLV: forwarding context (RFC 9263 section 4.1).
pub const TLV_FORWARDING_CONTEXT: u8 = 0x04;
/// IETF TLV: tenant identifier (RFC 9263 section 4.2).
pub const TLV_TENANT: u8 = 0x05;
/// IETF TLV: ingress network node (RFC 9263 section 4.3).
pub const TLV_INGRESS_NODE: u8 = 0x06;
/// IETF TLV: ingress network source interface (RFC 9263 section 4.4).
pub const TLV_INGRESS_INTERFACE: u8 = 0x07;
/// IETF TLV: flow identifier (RFC 9263 section 4.5).
pub const TLV_FLOW_ID: u8 = 0x08;
/// IETF TLV: source and destination groups (RFC 9263 section 4.6).
pub const TLV_GROUPS: u8 = 0x09;
/// IETF TLV: policy identifier (RFC 9263 section 4.7).
pub const TLV_POLICY: u8 = 0x0a;
const OAM: u16 = 0x2000;

/// An NSH base header and service path header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Nsh {
    base: U16,
    md_type: u8,
    next: u8,
    spi: [u8; 3],
    index: u8,
}

impl Nsh {
    /// A header whose whole length is `len` bytes (a multiple of 4 up to 252, else rounded down and cut to 6 bits), TTL 63.
    pub fn new(len: usize, md_type: u8, next: u8, spi: u32, index: u8) -> Self {
        let mut nsh = Self { base: 0.into(), md_type: md_type & 0xf, next, spi: [0; 3], index };
        nsh.set_ttl(TTL_DEFAULT);
        nsh.set_header_len(len);
        nsh.set_spi(spi);
        nsh
    }

    /// The header at the start of `bytes`, and what follows its context: the inner packet, found by the length alone.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] if `bytes` end before the header does; [`Malformed::BadVersion`] other than 0;
    /// [`Malformed::BadLength`] for a length other than 24 with MD type 1, or below 8 with any.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (nsh, _, payload) = Self::parse_full(bytes)?;
        Ok((nsh, payload))
    }

    /// As [`Nsh::parse`], writable.
    ///
    /// # Errors
    /// As [`Nsh::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (nsh, _, payload) = Self::parse_full_mut(bytes)?;
        Ok((nsh, payload))
    }

    /// Header, context and inner packet. The context is 16 bytes for MD type 1, TLVs ([`tlvs`]) for MD type 2.
    ///
    /// # Errors
    /// As [`Nsh::parse`].
    #[inline]
    pub fn parse_full(bytes: &[u8]) -> Result<(&Self, &[u8], &[u8]), Malformed> {
        let header = Self::check(bytes)?;
        view_full(bytes, header, bytes.len())
    }

    /// Header, context and inner packet, writable.
    ///
    /// # Errors
    /// As [`Nsh::parse`].
    #[inline]
    pub fn parse_full_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8], &mut [u8]), Malformed> {
        let header = Self::check(bytes)?;
        let end = bytes.len();
        view_full_mut(bytes, header, end)
    }

    /// Length of the header with its context, bytes.
    #[inline]
    fn check(bytes: &[u8]) -> Result<usize, Malformed> {
        let (nsh, _) = view::<Self>(bytes)?;
        // RFC 8300 section 2.2: version 0 only.
        if nsh.version() != 0 {
            return Err(Malformed::BadVersion);
        }
        match (nsh.md_type(), nsh.header_len()) {
            // RFC 8300 section 2.4: the length is 6 words with MD type 1; section 2.5: at least 2 with MD type 2.
            (MD_FIXED, len) if len != MD1_LEN => Err(Malformed::BadLength),
            (_, len) if len < LEN => Err(Malformed::BadLength),
            (_, len) => Ok(len),
        }
    }

    /// Version, 0 to 3.
    #[inline]
    pub fn version(&self) -> u8 {
        (self.base.get() >> 14) as u8
    }

    /// O bit: an OAM packet.
    #[inline]
    pub fn is_oam(&self) -> bool {
        self.base.get() & OAM != 0
    }

    /// Time to live, 0 to 63 SFF hops.
    #[inline]
    pub fn ttl(&self) -> u8 {
        (self.base.get() >> 6 & 0x3f) as u8
    }

    /// Length of the header with its context, bytes, 0 to 252.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.base.get() & 0x3f) * 4
    }

    /// The unassigned bits: bit 3 of the header as bit 4, bits 16 to 19 as bits 3 to 0.
    #[inline]
    pub fn unassigned(&self) -> u8 {
        (self.base.get() >> 8 & 0x10) as u8 | self.md_type >> 4
    }

    /// MD type, 0 to 15.
    #[inline]
    pub fn md_type(&self) -> u8 {
        self.md_type & 0xf
    }

    /// Protocol of the inner packet.
    #[inline]
    pub fn next_protocol(&self) -> u8 {
        self.next
    }

    /// Service path identifier, 24 bits.
    #[inline]
    pub fn spi(&self) -> u32 {
        let [a, b, c] = self.spi;
        u32::from_be_bytes([0, a, b, c])
    }

    /// Service index.
    #[inline]
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Sets or clears the O bit.
    #[inline]
    pub fn set_oam(&mut self, oam: bool) {
        self.base.set(self.base.get() & !OAM | if oam { OAM } else { 0 });
    }

    /// Sets the TTL, cut to 6 bits; all other bits stay (RFC 8300 section 2.2: transit nodes keep unassigned bits).
    #[inline]
    pub fn set_ttl(&mut self, ttl: u8) {
        self.base.set(self.base.get() & !(0x3f << 6) | u16::from(ttl & 0x3f) << 6);
    }

    /// Sets the length, bytes: a multiple of 4 up to 252 (other values are rounded down and cut to 6 bits).
    #[inline]
    pub fn set_header_len(&mut self, len: usize) {
        self.base.set(self.base.get() & !0x3f | (len / 4) as u16 & 0x3f);
    }

    /// Sets the MD type, cut to 4 bits; the unassigned bits beside it stay.
    #[inline]
    pub fn set_md_type(&mut self, md_type: u8) {
        self.md_type = self.md_type & 0xf0 | md_type & 0xf;
    }

    /// Sets the protocol of the inner packet.
    #[inline]
    pub fn set_next_protocol(&mut self, next: u8) {
        self.next = next;
    }

    /// Sets the service path identifier, cut to 24 bits.
    #[inline]
    pub fn set_spi(&mut self, spi: u32) {
        let [_, a, b, c] = spi.to_be_bytes();
        self.spi = [a, b, c];
    }

    /// Sets the service index.
    #[inline]
    pub fn set_index(&mut self, index: u8) {
        self.index = index;
    }
}

/// One metadata TLV of MD type 2, in place (RFC 8300 section 2.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Metadata class, the owner of the type space.
    pub class: u16,
    /// Type within the class.
    pub kind: u8,
    /// Where the TLV begins, bytes from the start of the context.
    pub offset: usize,
    /// The value, 0 to 127 bytes, without its padding.
    pub value: &'a [u8],
}

/// The TLVs in a context, in order.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// The TLVs in `context`, the middle part that [`Nsh::parse_full`] returned for MD type 2.
#[inline]
pub const fn tlvs(context: &[u8]) -> Tlvs<'_> {
    Tlvs { rest: context, offset: 0 }
}

impl<'a> Iterator for Tlvs<'a> {
    /// A TLV, or [`Malformed::BadOption`] as the last item.
    type Item = Result<Tlv<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = self.rest.split_first_chunk::<4>().and_then(|(&[a, b, kind, len], rest)| {
            // RFC 8300 section 2.5.1: the top bit is unassigned; the length counts bytes, without the padding.
            let len = usize::from(len & 0x7f);
            let (value, _) = rest.split_at_checked(len)?;
            let (_, rest) = rest.split_at_checked(len.next_multiple_of(4))?;
            Some((Tlv { class: u16::from_be_bytes([a, b]), kind, offset: self.offset, value }, rest))
        });
        let Some((tlv, rest)) = parsed else {
            self.rest = &[];
            return Some(Err(Malformed::BadOption));
        };
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Some(Ok(tlv))
    }
}

impl FusedIterator for Tlvs<'_> {}

/// How many bytes a TLV with a value of `value_len` bytes takes: 4, the value, and padding to 4.
#[inline]
pub const fn tlv_len(value_len: usize) -> usize {
    4 + value_len.next_multiple_of(4)
}

/// Writes a TLV at the start of `context`, its padding zeroed, and returns the bytes it took.
///
/// # Errors
/// [`Malformed::BadLength`] for a value above 127 bytes; [`Malformed::Truncated`] if `context` is too short.
pub fn write_tlv(context: &mut [u8], class: u16, kind: u8, value: &[u8]) -> Result<usize, Malformed> {
    let len = u8::try_from(value.len()).ok().filter(|len| *len < 0x80).ok_or(Malformed::BadLength)?;
    let whole = tlv_len(value.len());
    let slot = context.get_mut(..whole).ok_or(Malformed::Truncated)?;
    let [a, b] = class.to_be_bytes();
    let (head, body) = slot.split_first_chunk_mut::<4>().ok_or(Malformed::Truncated)?;
    *head = [a, b, kind, len];
    let (data, padding) = body.split_at_mut_checked(value.len()).ok_or(Malformed::Truncated)?;
    data.copy_from_slice(value);
    padding.fill(0);
    Ok(whole)
}

#[cfg(test)]
mod tests;
