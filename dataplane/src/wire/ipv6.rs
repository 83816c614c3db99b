//! IPv6 header (RFC 8200 section 3). Extension headers: [`super::ipv6_ext`].
//!
//! ```text
//! | version 4 bits, traffic class 8, flow label 20 | payload length 2 | next header 1 | hop limit 1 |
//! | source 16 | destination 16 |
//! ```

use super::{Malformed, view, view_full, view_full_mut};
use core::net::Ipv6Addr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 40;
/// Smallest MTU that every link offers, bytes (RFC 8200 section 5).
pub const MIN_MTU: usize = 1280;

/// An IPv6 header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Ipv6 {
    version_class_flow: U32,
    payload_len: U16,
    next_header: u8,
    hop_limit: u8,
    src: [u8; 16],
    dst: [u8; 16],
}

impl Ipv6 {
    /// A header before `payload_len` bytes (cut to 65,535): hop limit 64, traffic class and flow label 0.
    pub fn new(src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, payload_len: usize) -> Self {
        Self {
            version_class_flow: 0x6000_0000.into(),
            payload_len: u16::try_from(payload_len).unwrap_or(u16::MAX).into(),
            next_header,
            hop_limit: 64,
            src: src.octets(),
            dst: dst.octets(),
        }
    }

    /// The header at the start of `bytes`, and its payload up to the payload length. Jumbograms (RFC 2675) are not
    /// understood: their length of 0 gives an empty payload.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] if `bytes` end before the header or the payload length do; [`Malformed::BadVersion`].
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let end = Self::check(bytes)?;
        view_full(bytes, LEN, end).map(|(ip, _, payload)| (ip, payload))
    }

    /// As [`Ipv6::parse`], writable.
    ///
    /// # Errors
    /// As [`Ipv6::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let end = Self::check(bytes)?;
        view_full_mut(bytes, LEN, end).map(|(ip, _, payload)| (ip, payload))
    }

    /// The header alone: the payload length may run past `bytes`, as it does in the packet that an ICMPv6 error quotes.
    ///
    /// # Errors
    /// As [`Ipv6::parse`].
    #[inline]
    pub fn parse_header(bytes: &[u8]) -> Result<&Self, Malformed> {
        Self::check(bytes)?;
        Ok(view(bytes)?.0)
    }

    /// Length of the packet, bytes.
    #[inline]
    fn check(bytes: &[u8]) -> Result<usize, Malformed> {
        let (ip, _) = view::<Self>(bytes)?;
        if ip.version() != 6 {
            return Err(Malformed::BadVersion);
        }
        Ok(LEN + usize::from(ip.payload_len()))
    }

    /// Version, 6.
    #[inline]
    pub fn version(&self) -> u8 {
        (self.version_class_flow.get() >> 28) as u8
    }

    /// Traffic class: DSCP and ECN together.
    #[inline]
    pub fn traffic_class(&self) -> u8 {
        (self.version_class_flow.get() >> 20) as u8
    }

    /// Differentiated services code point, 0 to 63.
    #[inline]
    pub fn dscp(&self) -> u8 {
        self.traffic_class() >> 2
    }

    /// Explicit congestion notification, 0 to 3.
    #[inline]
    pub fn ecn(&self) -> u8 {
        self.traffic_class() & 3
    }

    /// Flow label, 20 bits.
    #[inline]
    pub fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & 0xf_ffff
    }

    /// Length of what follows the header, extension headers included, bytes.
    #[inline]
    pub fn payload_len(&self) -> u16 {
        self.payload_len.get()
    }

    /// Type of the header that follows ([`super::ip_proto`]).
    #[inline]
    pub fn next_header(&self) -> u8 {
        self.next_header
    }

    /// Hop limit.
    #[inline]
    pub fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Source address.
    #[inline]
    pub fn src(&self) -> Ipv6Addr {
        self.src.into()
    }

    /// Destination address.
    #[inline]
    pub fn dst(&self) -> Ipv6Addr {
        self.dst.into()
    }

    /// Sets the traffic class.
    #[inline]
    pub fn set_traffic_class(&mut self, class: u8) {
        self.version_class_flow.set(self.version_class_flow.get() & 0xf00f_ffff | u32::from(class) << 20);
    }

    /// Sets the flow label, cut to 20 bits.
    #[inline]
    pub fn set_flow_label(&mut self, label: u32) {
        self.version_class_flow.set(self.version_class_flow.get() & 0xfff0_0000 | label & 0xf_ffff);
    }

    /// Sets the length of what follows the header, bytes.
    #[inline]
    pub fn set_payload_len(&mut self, len: u16) {
        self.payload_len.set(len);
    }

    /// Sets the type of the header that follows.
    #[inline]
    pub fn set_next_header(&mut self, next: u8) {
        self.next_header = next;
    }

    /// Sets the hop limit.
    #[inline]
    pub fn set_hop_limit(&mut self, hops: u8) {
        self.hop_limit = hops;
    }

    /// Sets the source address.
    #[inline]
    pub fn set_src(&mut self, src: Ipv6Addr) {
        self.src = src.octets();
    }

    /// Sets the destination address.
    #[inline]
    pub fn set_dst(&mut self, dst: Ipv6Addr) {
        self.dst = dst.octets();
    }
}

#[cfg(test)]
mod tests {
    use super::super::ip_proto;
    use super::super::testing::refuses_every_truncation;
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn plain() -> Vec<u8> {
        let ip = Ipv6::new([0x20; 16].into(), [0xfd; 16].into(), ip_proto::UDP, 4);
        [ip.as_bytes(), b"data"].concat()
    }

    #[test]
    fn agrees_with_etherparse() {
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ipv6([1; 16], [2; 16], 77).udp(1, 2).write(&mut bytes, b"data").unwrap();
        let (ip, payload) = Ipv6::parse(&bytes).unwrap();
        assert_eq!((ip.version(), ip.hop_limit(), ip.next_header(), ip.payload_len()), (6, 77, ip_proto::UDP, 12));
        assert_eq!((ip.src().octets(), ip.dst().octets()), ([1; 16], [2; 16]));
        assert_eq!(payload, &bytes[LEN..]);
    }

    #[test]
    fn refuses_truncation_and_other_versions() {
        refuses_every_truncation(&plain(), |b| Ipv6::parse(b).is_ok());
        refuses_every_truncation(&plain(), |b| Ipv6::parse_mut(&mut b.to_vec()).is_ok());
        refuses_every_truncation(&plain()[..LEN], |b| Ipv6::parse_header(b).is_ok());
        let mut bytes = plain();
        bytes[0] = 0x45;
        assert_eq!(Ipv6::parse(&bytes).unwrap_err(), Malformed::BadVersion);
    }

    #[test]
    fn padding_is_cut_off() {
        let mut bytes = plain();
        bytes.push(0);
        assert_eq!(Ipv6::parse(&bytes).unwrap().1, b"data");
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(class: u8, label in 0u32..1 << 20, len in 0u16..5, next: u8, hops: u8, src: [u8; 16], dst: [u8; 16]) {
            let mut bytes = plain();
            let (ip, _) = Ipv6::parse_mut(&mut bytes).unwrap();
            ip.set_traffic_class(class);
            ip.set_flow_label(label);
            ip.set_payload_len(len);
            ip.set_next_header(next);
            ip.set_hop_limit(hops);
            ip.set_src(src.into());
            ip.set_dst(dst.into());
            let (ip, payload) = Ipv6::parse(&bytes).unwrap();
            prop_assert_eq!((ip.traffic_class(), ip.dscp(), ip.ecn(), ip.flow_label()), (class, class >> 2, class & 3, label));
            prop_assert_eq!((payload.len(), ip.next_header(), ip.hop_limit()), (usize::from(len), next, hops));
            prop_assert_eq!((ip.src().octets(), ip.dst().octets()), (src, dst));
            let theirs = etherparse::Ipv6HeaderSlice::from_slice(&bytes).unwrap();
            prop_assert_eq!((theirs.traffic_class(), theirs.flow_label().value()), (class, label));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = Ipv6::parse(&bytes);
        }
    }
}
