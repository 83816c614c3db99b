//! VLAN tag (IEEE 802.1Q-2022 clause 9; the service tag of 802.1ad has the same form).
//!
//! ```text
//! | PCP 3 bits | DEI 1 | VID 12 | type of the payload 16 |
//! ```
//! The tag's own type (0x8100 or 0x88A8) is the type field of the header before it, so the view begins behind it.

use super::{Malformed, view, view_mut};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the view, bytes: tag control information and the next type.
pub const LEN: usize = 4;
/// The VID of a tag that carries a priority only.
pub const VID_PRIORITY: u16 = 0;
/// Largest VID that names a VLAN; 4095 is reserved.
pub const VID_MAX: u16 = 4094;

/// Whether an Ethernet type announces a VLAN tag: 802.1Q, 802.1ad, or the 0x9100 of older stacked tags.
#[inline]
pub const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, super::ethernet::TYPE_VLAN | super::ethernet::TYPE_QINQ | 0x9100)
}

/// Tag control information from its parts, each cut to its width.
#[inline]
pub const fn tci(pcp: u8, dei: bool, vid: u16) -> u16 {
    (pcp as u16 & 7) << 13 | (dei as u16) << 12 | vid & 0xfff
}

/// A VLAN tag in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Vlan {
    tci: U16,
    ether_type: U16,
}

impl Vlan {
    /// A tag with these fields.
    #[inline]
    pub fn new(tci: u16, ether_type: u16) -> Self {
        Self { tci: tci.into(), ether_type: ether_type.into() }
    }

    /// The tag at the start of `bytes` (behind the tag's type), and what follows it.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 4 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        view(bytes)
    }

    /// As [`Vlan::parse`], writable.
    ///
    /// # Errors
    /// As [`Vlan::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        view_mut(bytes)
    }

    /// Tag control information: PCP, DEI and VID together.
    #[inline]
    pub fn tci(&self) -> u16 {
        self.tci.get()
    }

    /// Priority code point, 0 to 7.
    #[inline]
    pub fn pcp(&self) -> u8 {
        (self.tci() >> 13) as u8
    }

    /// Drop eligible indicator.
    #[inline]
    pub fn dei(&self) -> bool {
        self.tci() & 0x1000 != 0
    }

    /// VLAN identifier, 0 to 4095.
    #[inline]
    pub fn vid(&self) -> u16 {
        self.tci() & 0x0fff
    }

    /// Type of the payload.
    #[inline]
    pub fn ether_type(&self) -> u16 {
        self.ether_type.get()
    }

    /// Sets PCP, DEI and VID together.
    #[inline]
    pub fn set_tci(&mut self, tci: u16) {
        self.tci.set(tci);
    }

    /// Sets the priority code point, cut to 3 bits.
    #[inline]
    pub fn set_pcp(&mut self, pcp: u8) {
        self.set_tci(tci(pcp, self.dei(), self.vid()));
    }

    /// Sets the drop eligible indicator.
    #[inline]
    pub fn set_dei(&mut self, dei: bool) {
        self.set_tci(tci(self.pcp(), dei, self.vid()));
    }

    /// Sets the VLAN identifier, cut to 12 bits.
    #[inline]
    pub fn set_vid(&mut self, vid: u16) {
        self.set_tci(tci(self.pcp(), self.dei(), vid));
    }

    /// Sets the type of the payload.
    #[inline]
    pub fn set_ether_type(&mut self, ether_type: u16) {
        self.ether_type.set(ether_type);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refuses_every_truncation;
    use super::super::{Ethernet, ethernet};
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_etherparse_on_stacked_tags() {
        let mut frame = Vec::new();
        etherparse::PacketBuilder::ethernet2([0; 6], [0; 6])
            .double_vlan(etherparse::VlanId::try_new(7).unwrap(), etherparse::VlanId::try_new(4094).unwrap())
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(1, 2)
            .write(&mut frame, b"")
            .unwrap();
        let (eth, rest) = Ethernet::parse(&frame).unwrap();
        assert!(is_tag(eth.ether_type()));
        let (outer, rest) = Vlan::parse(rest).unwrap();
        assert_eq!((outer.vid(), is_tag(outer.ether_type())), (7, true));
        let (inner, _) = Vlan::parse(rest).unwrap();
        assert_eq!((inner.vid(), inner.ether_type()), (VID_MAX, ethernet::TYPE_IPV4));
    }

    #[test]
    fn refuses_truncation() {
        refuses_every_truncation(&[0; LEN], |b| Vlan::parse(b).is_ok());
        refuses_every_truncation(&[0; LEN], |b| Vlan::parse_mut(&mut b.to_vec()).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(before: [u8; LEN], pcp in 0u8..8, dei: bool, vid in 0u16..4096, ether_type: u16) {
            let mut bytes = before;
            let (tag, _) = Vlan::parse_mut(&mut bytes).unwrap();
            tag.set_pcp(pcp);
            tag.set_dei(dei);
            tag.set_vid(vid);
            tag.set_ether_type(ether_type);
            prop_assert_eq!((tag.pcp(), tag.dei(), tag.vid(), tag.ether_type()), (pcp, dei, vid, ether_type));
            prop_assert_eq!(*tag, Vlan::new(tci(pcp, dei, vid), ether_type));
        }
    }
}
