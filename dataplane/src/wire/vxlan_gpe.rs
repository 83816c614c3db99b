//! Generic protocol extension for VXLAN (draft-ietf-nvo3-vxlan-gpe section 3; it never became an RFC).
//!
//! ```text
//! | reserved 2 bits, version 2, I 1, P 1, B 1, O 1 | reserved 2 | next protocol 1 | VNI 3 | reserved 1 |
//! ```

use super::{Malformed, view, view_mut};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 8;
/// UDP destination port.
pub const PORT: u16 = 4790;
/// The version's bits in the flags byte.
pub const VERSION_MASK: u8 = 0x30;
/// Flag I: the VNI is valid.
pub const FLAG_VNI: u8 = 0x08;
/// Flag P: the next protocol is valid; without it the payload is Ethernet.
pub const FLAG_NEXT: u8 = 0x04;
/// Flag B: broadcast, unknown unicast or multicast traffic, replicated at the ingress.
pub const FLAG_BUM: u8 = 0x02;
/// Flag O: an OAM packet.
pub const FLAG_OAM: u8 = 0x01;
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

/// A VXLAN-GPE header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct VxlanGpe {
    flags: u8,
    reserved1: U16,
    next: u8,
    vni: [u8; 3],
    reserved2: u8,
}

impl VxlanGpe {
    /// A header with this VNI (cut to 24 bits) and next protocol.
    #[inline]
    pub fn new(vni: u32, next: u8) -> Self {
        let mut gpe = Self { flags: FLAG_VNI, ..Self::default() };
        gpe.set_vni(vni);
        gpe.set_next_protocol(next);
        gpe
    }

    /// The header at the start of `bytes`, and what follows it.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 8 bytes; [`Malformed::BadVersion`] other than 0; [`Malformed::BadFlags`] if flag I is
    /// clear.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (gpe, rest) = view::<Self>(bytes)?;
        gpe.check()?;
        Ok((gpe, rest))
    }

    /// As [`VxlanGpe::parse`], writable.
    ///
    /// # Errors
    /// As [`VxlanGpe::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (gpe, rest) = view_mut::<Self>(bytes)?;
        gpe.check()?;
        Ok((gpe, rest))
    }

    #[inline]
    fn check(&self) -> Result<(), Malformed> {
        if self.version() != 0 {
            return Err(Malformed::BadVersion);
        }
        if self.flags & FLAG_VNI == 0 { Err(Malformed::BadFlags) } else { Ok(()) }
    }

    /// The flags byte, version included.
    #[inline]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Version, 0 to 3.
    #[inline]
    pub fn version(&self) -> u8 {
        (self.flags & VERSION_MASK) >> 4
    }

    /// Whether this is an OAM packet.
    #[inline]
    pub fn is_oam(&self) -> bool {
        self.flags & FLAG_OAM != 0
    }

    /// What follows: the next protocol, or Ethernet if flag P is clear.
    #[inline]
    pub fn next_protocol(&self) -> u8 {
        if self.flags & FLAG_NEXT == 0 { NEXT_ETHERNET } else { self.next }
    }

    /// VXLAN network identifier, 24 bits.
    #[inline]
    pub fn vni(&self) -> u32 {
        let [a, b, c] = self.vni;
        u32::from_be_bytes([0, a, b, c])
    }

    /// Sets the flags byte, version included.
    #[inline]
    pub fn set_flags(&mut self, flags: u8) {
        self.flags = flags;
    }

    /// Sets the next protocol, and flag P with it.
    #[inline]
    pub fn set_next_protocol(&mut self, next: u8) {
        self.flags |= FLAG_NEXT;
        self.next = next;
    }

    /// Sets the VNI, cut to 24 bits.
    #[inline]
    pub fn set_vni(&mut self, vni: u32) {
        let [_, a, b, c] = vni.to_be_bytes();
        self.vni = [a, b, c];
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hex, refuses_every_truncation};
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn reads_the_layout_of_the_draft() {
        let bytes = hex("0c 0000 04 123456 00 aabb");
        let (gpe, rest) = VxlanGpe::parse(&bytes).unwrap();
        assert_eq!((gpe.flags(), gpe.version(), gpe.is_oam()), (0x0c, 0, false));
        assert_eq!((gpe.next_protocol(), gpe.vni(), rest), (NEXT_NSH, 0x12_3456, &[0xaa, 0xbb][..]));
        assert_eq!(VxlanGpe::new(0x12_3456, NEXT_NSH).as_bytes(), &bytes[..LEN]);
    }

    #[test]
    fn without_the_flag_the_payload_is_ethernet() {
        assert_eq!(VxlanGpe::parse(&hex("08 0000 04 000001 00")).unwrap().0.next_protocol(), NEXT_ETHERNET);
    }

    #[test]
    fn refuses_truncation_versions_and_a_clear_flag() {
        let good = hex("0c 0000 04 123456 00");
        refuses_every_truncation(&good, |b| VxlanGpe::parse(b).is_ok());
        refuses_every_truncation(&good, |b| VxlanGpe::parse_mut(&mut b.to_vec()).is_ok());
        assert_eq!(VxlanGpe::parse(&hex("1c 0000 04 123456 00")).unwrap_err(), Malformed::BadVersion);
        assert_eq!(VxlanGpe::parse(&hex("04 0000 04 123456 00")).unwrap_err(), Malformed::BadFlags);
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(vni in 0u32..1 << 24, next: u8, oam: bool) {
            let mut bytes = VxlanGpe::new(0, NEXT_IPV4).as_bytes().to_vec();
            let (gpe, _) = VxlanGpe::parse_mut(&mut bytes).unwrap();
            gpe.set_flags(FLAG_VNI | u8::from(oam));
            gpe.set_next_protocol(next);
            gpe.set_vni(vni);
            let (gpe, _) = VxlanGpe::parse(&bytes).unwrap();
            prop_assert_eq!((gpe.next_protocol(), gpe.vni(), gpe.is_oam()), (next, vni, oam));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = VxlanGpe::parse(&bytes);
        }
    }
}
