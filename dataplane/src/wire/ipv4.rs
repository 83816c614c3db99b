//! IPv4 header (RFC 791 section 3.1; DSCP and ECN RFC 2474, RFC 3168).
//!
//! ```text
//! | version 4 bits, header length 4 (words) | DSCP 6, ECN 2 | total length 2 |
//! | identification 2 | reserved 1 bit, DF 1, MF 1, fragment offset 13 (8 bytes) |
//! | TTL 1 | protocol 1 | header checksum 2 | source 4 | destination 4 | options 0 to 40 |
//! ```

use super::checksum::{self, fold};
use super::options::Options;
use super::{Malformed, view, view_full, view_full_mut, view_mut};
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header without options, bytes.
pub const LEN: usize = 20;
/// Longest header, bytes.
pub const MAX_LEN: usize = 60;
/// Reserved bit of the fragment word, must be zero.
pub const FLAG_RESERVED: u16 = 0x8000;
/// "Don't fragment" in the fragment word.
pub const FLAG_DF: u16 = 0x4000;
/// "More fragments" in the fragment word.
pub const FLAG_MF: u16 = 0x2000;
/// The fragment offset, units of 8 bytes, in the fragment word.
pub const OFFSET_MASK: u16 = 0x1fff;
/// The bit of an option's kind that says "copy into every fragment".
pub const OPTION_COPIED: u8 = 0x80;
/// Option: record route.
pub const OPTION_RECORD_ROUTE: u8 = 7;
/// Option: time stamp.
pub const OPTION_TIMESTAMP: u8 = 68;
/// Option: security (RFC 1108).
pub const OPTION_SECURITY: u8 = 130;
/// Option: loose source route.
pub const OPTION_LOOSE_ROUTE: u8 = 131;
/// Option: stream identifier.
pub const OPTION_STREAM: u8 = 136;
/// Option: strict source route.
pub const OPTION_STRICT_ROUTE: u8 = 137;
/// Option: router alert (RFC 2113).
pub const OPTION_ROUTER_ALERT: u8 = 148;

/// An IPv4 header in place, without its options.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Ipv4 {
    version_len: u8,
    tos: u8,
    total_len: U16,
    ident: U16,
    fragment: U16,
    ttl: u8,
    protocol: u8,
    checksum: U16,
    src: [u8; 4],
    dst: [u8; 4],
}

impl Ipv4 {
    /// A header without options before `payload_len` bytes (cut so that the total fits 65,535): TTL 64, not a fragment,
    /// checksum filled in.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload_len: usize) -> Self {
        let mut ip = Self {
            version_len: 0x45,
            tos: 0,
            total_len: u16::try_from(payload_len.saturating_add(LEN)).unwrap_or(u16::MAX).into(),
            ident: 0.into(),
            fragment: 0.into(),
            ttl: 64,
            protocol,
            checksum: 0.into(),
            src: src.octets(),
            dst: dst.octets(),
        };
        ip.fill_checksum_20();
        ip
    }

    /// The header at the start of `bytes`, and its payload up to the total length. The checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] if `bytes` end before the header or the total length do; [`Malformed::BadVersion`];
    /// [`Malformed::BadLength`] for a header below 20 bytes or a total length below the header's.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (ip, _, payload) = Self::parse_full(bytes)?;
        Ok((ip, payload))
    }

    /// As [`Ipv4::parse`], writable.
    ///
    /// # Errors
    /// As [`Ipv4::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (ip, _, payload) = Self::parse_full_mut(bytes)?;
        Ok((ip, payload))
    }

    /// Header, options and payload.
    ///
    /// # Errors
    /// As [`Ipv4::parse`].
    #[inline]
    pub fn parse_full(bytes: &[u8]) -> Result<(&Self, &[u8], &[u8]), Malformed> {
        let (header, end) = Self::check(bytes)?;
        view_full(bytes, header, end)
    }

    /// Header, options and payload, writable.
    ///
    /// # Errors
    /// As [`Ipv4::parse`].
    #[inline]
    pub fn parse_full_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8], &mut [u8]), Malformed> {
        let (header, end) = Self::check(bytes)?;
        view_full_mut(bytes, header, end)
    }

    /// The header alone: version and header length are checked and its options lie within `bytes`, but the total length
    /// may run past them, as it does in the packet that an ICMP error quotes.
    ///
    /// # Errors
    /// As [`Ipv4::parse`].
    #[inline]
    pub fn parse_header(bytes: &[u8]) -> Result<&Self, Malformed> {
        let (ip, _) = view::<Self>(bytes)?;
        if bytes.len() < ip.check_header()? { Err(Malformed::Truncated) } else { Ok(ip) }
    }

    /// As [`Ipv4::parse_header`], writable.
    ///
    /// # Errors
    /// As [`Ipv4::parse`].
    #[inline]
    pub fn parse_header_mut(bytes: &mut [u8]) -> Result<&mut Self, Malformed> {
        let len = bytes.len();
        let (ip, _) = view_mut::<Self>(bytes)?;
        if len < ip.check_header()? { Err(Malformed::Truncated) } else { Ok(ip) }
    }

    /// Length of the header and of the packet, bytes.
    #[inline]
    fn check(bytes: &[u8]) -> Result<(usize, usize), Malformed> {
        let (ip, _) = view::<Self>(bytes)?;
        let header = ip.check_header()?;
        let end = usize::from(ip.total_len());
        if end < header { Err(Malformed::BadLength) } else { Ok((header, end)) }
    }

    #[inline]
    fn check_header(&self) -> Result<usize, Malformed> {
        match self.version_len {
            // RFC 791 section 3.1: the minimum value for a correct header is 5.
            0x45..=0x4f => Ok(self.header_len()),
            0x40..=0x44 => Err(Malformed::BadLength),
            _ => Err(Malformed::BadVersion),
        }
    }

    /// Version, 4.
    #[inline]
    pub fn version(&self) -> u8 {
        self.version_len >> 4
    }

    /// Length of the header with options, bytes, 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.version_len & 0xf) * 4
    }

    /// The former type of service byte: DSCP and ECN together.
    #[inline]
    pub fn tos(&self) -> u8 {
        self.tos
    }

    /// Differentiated services code point, 0 to 63.
    #[inline]
    pub fn dscp(&self) -> u8 {
        self.tos >> 2
    }

    /// Explicit congestion notification, 0 to 3.
    #[inline]
    pub fn ecn(&self) -> u8 {
        self.tos & 3
    }

    /// Length of the packet, header included, bytes.
    #[inline]
    pub fn total_len(&self) -> u16 {
        self.total_len.get()
    }

    /// Identification of the packet that a fragment belongs to.
    #[inline]
    pub fn ident(&self) -> u16 {
        self.ident.get()
    }

    /// The fragment word: flags and offset together.
    #[inline]
    pub fn fragment_word(&self) -> u16 {
        self.fragment.get()
    }

    /// Whether routers must not fragment the packet.
    #[inline]
    pub fn dont_fragment(&self) -> bool {
        self.fragment_word() & FLAG_DF != 0
    }

    /// Whether fragments follow this one.
    #[inline]
    pub fn more_fragments(&self) -> bool {
        self.fragment_word() & FLAG_MF != 0
    }

    /// Where this fragment's payload belongs, bytes, 0 to 65,528.
    #[inline]
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.fragment_word() & OFFSET_MASK) * 8
    }

    /// Whether this is a fragment of a larger packet.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.fragment_word() & (FLAG_MF | OFFSET_MASK) != 0
    }

    /// Whether the payload begins with the transport header: a whole packet or the first fragment.
    #[inline]
    pub fn has_transport(&self) -> bool {
        self.fragment_word() & OFFSET_MASK == 0
    }

    /// Time to live, hops.
    #[inline]
    pub fn ttl(&self) -> u8 {
        self.ttl
    }

    /// Protocol of the payload ([`super::ip_proto`]).
    #[inline]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Header checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Source address.
    #[inline]
    pub fn src(&self) -> Ipv4Addr {
        self.src.into()
    }

    /// Destination address.
    #[inline]
    pub fn dst(&self) -> Ipv4Addr {
        self.dst.into()
    }

    /// Sets the header's length, bytes: a multiple of 4 from 20 to 60 (other values are rounded down and cut to 4 bits).
    #[inline]
    pub fn set_header_len(&mut self, len: usize) {
        self.version_len = 0x40 | ((len / 4) & 0xf) as u8;
    }

    /// Sets DSCP and ECN together.
    #[inline]
    pub fn set_tos(&mut self, tos: u8) {
        self.tos = tos;
    }

    /// Sets the DSCP, cut to 6 bits, and keeps ECN.
    #[inline]
    pub fn set_dscp(&mut self, dscp: u8) {
        self.tos = dscp << 2 | self.ecn();
    }

    /// Sets ECN, cut to 2 bits, and keeps the DSCP.
    #[inline]
    pub fn set_ecn(&mut self, ecn: u8) {
        self.tos = self.tos & !3 | ecn & 3;
    }

    /// Sets the length of the packet, header included, bytes.
    #[inline]
    pub fn set_total_len(&mut self, len: u16) {
        self.total_len.set(len);
    }

    /// Sets the identification.
    #[inline]
    pub fn set_ident(&mut self, ident: u16) {
        self.ident.set(ident);
    }

    /// Sets the fragment word: flags and offset (8-byte units) together.
    #[inline]
    pub fn set_fragment_word(&mut self, word: u16) {
        self.fragment.set(word);
    }

    /// Sets the time to live, hops. See [`Ipv4::decrement_ttl`] for the step that keeps the checksum right.
    #[inline]
    pub fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
    }

    /// Sets the protocol of the payload.
    #[inline]
    pub fn set_protocol(&mut self, protocol: u8) {
        self.protocol = protocol;
    }

    /// Sets the header checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets the source address; the checksum is left alone.
    #[inline]
    pub fn set_src(&mut self, src: Ipv4Addr) {
        self.src = src.octets();
    }

    /// Sets the destination address; the checksum is left alone.
    #[inline]
    pub fn set_dst(&mut self, dst: Ipv4Addr) {
        self.dst = dst.octets();
    }

    /// Takes one hop off the TTL (0 stays 0), keeps the checksum right by RFC 1624, and returns the new TTL.
    #[inline]
    pub fn decrement_ttl(&mut self) -> u8 {
        let word = |ttl, protocol| u16::from_be_bytes([ttl, protocol]);
        let new = self.ttl.saturating_sub(1);
        self.set_checksum(checksum::update_u16(
            self.checksum(),
            word(self.ttl, self.protocol),
            word(new, self.protocol),
        ));
        self.ttl = new;
        new
    }

    /// Computes and sets the checksum of a header without options.
    #[inline]
    pub fn fill_checksum_20(&mut self) {
        self.set_checksum(0);
        self.set_checksum(checksum::checksum(self.as_bytes()));
    }

    /// Whether the checksum of a header without options is right.
    #[inline]
    pub fn checksum_ok_20(&self) -> bool {
        checksum_ok_20(zerocopy::transmute_ref!(self))
    }
}

/// Whether the checksum of a 20-byte header is right: five loads, no loop.
#[inline]
pub fn checksum_ok_20(header: &[u8; LEN]) -> bool {
    let word = |i: usize| u64::from(u32::from_ne_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]));
    // Whether a sum is all ones does not depend on the byte order.
    fold(word(0) + word(4) + word(8) + word(12) + word(16)) == 0xffff
}

/// Checks the checksum of the header, options included, at the start of `bytes`.
///
/// # Errors
/// [`Malformed::BadChecksum`]; else as [`Ipv4::parse_header`].
#[inline]
pub fn verify_checksum(bytes: &[u8]) -> Result<(), Malformed> {
    let ip = Ipv4::parse_header(bytes)?;
    let ok = match ip.header_len() {
        LEN => ip.checksum_ok_20(),
        len => checksum::is_valid(bytes.get(..len).ok_or(Malformed::Truncated)?),
    };
    if ok { Ok(()) } else { Err(Malformed::BadChecksum) }
}

/// Computes and writes the checksum of the header, options included, at the start of `bytes`.
///
/// # Errors
/// As [`Ipv4::parse_header`]; `bytes` are unchanged then.
#[inline]
pub fn fill_checksum(bytes: &mut [u8]) -> Result<(), Malformed> {
    let ip = Ipv4::parse_header_mut(bytes)?;
    ip.set_checksum(0);
    let len = ip.header_len();
    let sum = checksum::checksum(bytes.get(..len).ok_or(Malformed::Truncated)?);
    Ipv4::parse_header_mut(bytes)?.set_checksum(sum);
    Ok(())
}

/// The options in the variable part that [`Ipv4::parse_full`] returns.
#[inline]
pub fn options(variable: &[u8]) -> Options<'_> {
    Options::new(variable)
}

#[cfg(test)]
mod tests;
