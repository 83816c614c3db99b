//! Ethernet II header (IEEE 802.3-2022 clause 3; type values RFC 9542).
//!
//! ```text
//! | destination 6 | source 6 | type or length 2 |
//! ```
//! A value of the last field below 0x0600 is the length of an 802.3 frame, not a type.

use super::{EtherAddr, Malformed, view, view_mut};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 14;
/// Smallest frame without its frame check sequence, bytes.
pub const MIN_FRAME: usize = 60;
/// Smallest value of the last field that is a type.
pub const MIN_TYPE: u16 = 0x0600;
/// IPv4.
pub const TYPE_IPV4: u16 = 0x0800;
/// ARP.
pub const TYPE_ARP: u16 = 0x0806;
/// Ethernet frame in a tunnel (RFC 1701, RFC 7637).
pub const TYPE_TRANS_ETHER: u16 = 0x6558;
/// 802.1Q customer VLAN tag.
pub const TYPE_VLAN: u16 = 0x8100;
/// IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;
/// MPLS unicast (RFC 3032).
pub const TYPE_MPLS: u16 = 0x8847;
/// MPLS multicast (RFC 3032).
pub const TYPE_MPLS_MULTICAST: u16 = 0x8848;
/// 802.1ad service VLAN tag.
pub const TYPE_QINQ: u16 = 0x88a8;
/// Network service header (RFC 8300).
pub const TYPE_NSH: u16 = 0x894f;

/// An Ethernet header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Ethernet {
    dst: EtherAddr,
    src: EtherAddr,
    ether_type: U16,
}

impl Ethernet {
    /// A header with these fields.
    #[inline]
    pub fn new(dst: EtherAddr, src: EtherAddr, ether_type: u16) -> Self {
        Self { dst, src, ether_type: ether_type.into() }
    }

    /// The header at the start of `bytes`, and what follows it.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 14 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        view(bytes)
    }

    /// As [`Ethernet::parse`], writable.
    ///
    /// # Errors
    /// As [`Ethernet::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        view_mut(bytes)
    }

    /// Destination address.
    #[inline]
    pub fn dst(&self) -> EtherAddr {
        self.dst
    }

    /// Source address.
    #[inline]
    pub fn src(&self) -> EtherAddr {
        self.src
    }

    /// Type of the payload, or the length of an 802.3 frame (below [`MIN_TYPE`]).
    #[inline]
    pub fn ether_type(&self) -> u16 {
        self.ether_type.get()
    }

    /// Whether the last field is an 802.3 length.
    #[inline]
    pub fn is_802_3(&self) -> bool {
        self.ether_type() < MIN_TYPE
    }

    /// Sets the destination address.
    #[inline]
    pub fn set_dst(&mut self, dst: EtherAddr) {
        self.dst = dst;
    }

    /// Sets the source address.
    #[inline]
    pub fn set_src(&mut self, src: EtherAddr) {
        self.src = src;
    }

    /// Sets the type of the payload.
    #[inline]
    pub fn set_ether_type(&mut self, ether_type: u16) {
        self.ether_type.set(ether_type);
    }

    /// Exchanges source and destination.
    #[inline]
    pub fn swap(&mut self) {
        core::mem::swap(&mut self.src, &mut self.dst);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refuses_every_truncation;
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_etherparse() {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2([1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(1, 2)
            .write(&mut frame, b"data")
            .unwrap();
        let (eth, rest) = Ethernet::parse(&frame).unwrap();
        assert_eq!(eth.src(), EtherAddr([1, 2, 3, 4, 5, 6]));
        assert_eq!(eth.dst(), EtherAddr([7, 8, 9, 10, 11, 12]));
        assert_eq!(eth.ether_type(), TYPE_IPV4);
        assert_eq!(rest, &frame[LEN..]);
    }

    #[test]
    fn refuses_truncation() {
        refuses_every_truncation(&[0; LEN], |b| Ethernet::parse(b).is_ok());
        refuses_every_truncation(&[0; LEN], |b| Ethernet::parse_mut(&mut b.to_vec()).is_ok());
    }

    #[test]
    fn a_small_type_is_a_length() {
        let [a, b] = [EtherAddr::ZERO; 2];
        assert!(Ethernet::new(a, b, 0x05ff).is_802_3());
        assert!(!Ethernet::new(a, b, 0x0600).is_802_3());
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(src: [u8; 6], dst: [u8; 6], ether_type: u16) {
            let mut bytes = [0; LEN];
            let (eth, _) = Ethernet::parse_mut(&mut bytes).unwrap();
            eth.set_src(dst.into());
            eth.set_dst(src.into());
            eth.set_ether_type(ether_type);
            eth.swap();
            let (eth, rest) = Ethernet::parse(&bytes).unwrap();
            prop_assert_eq!((eth.src().0, eth.dst().0, eth.ether_type()), (src, dst, ether_type));
            prop_assert_eq!(*eth, Ethernet::new(dst.into(), src.into(), ether_type));
            prop_assert!(rest.is_empty());
        }
    }
}
