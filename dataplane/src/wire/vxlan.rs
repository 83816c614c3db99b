//! VXLAN header (RFC 7348 section 5).
//!
//! ```text
//! | flags 1 | reserved 3 | VNI 3 | reserved 1 |
//! ```

use super::{Malformed, view, view_mut};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 8;
/// UDP destination port.
pub const PORT: u16 = 4789;
/// Flag I: the VNI is valid; required.
pub const FLAG_VNI: u8 = 0x08;
/// Largest VNI.
pub const VNI_MAX: u32 = 0xff_ffff;

/// A VXLAN header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Vxlan {
    flags: u8,
    reserved1: [u8; 3],
    vni: [u8; 3],
    reserved2: u8,
}

impl Vxlan {
    /// A header with this VNI, cut to 24 bits.
    #[inline]
    pub fn new(vni: u32) -> Self {
        let mut vxlan = Self { flags: FLAG_VNI, ..Self::default() };
        vxlan.set_vni(vni);
        vxlan
    }

    /// The header at the start of `bytes`, and the inner Ethernet frame.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 8 bytes; [`Malformed::BadFlags`] if flag I is clear.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (vxlan, rest) = view::<Self>(bytes)?;
        vxlan.check()?;
        Ok((vxlan, rest))
    }

    /// As [`Vxlan::parse`], writable.
    ///
    /// # Errors
    /// As [`Vxlan::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (vxlan, rest) = view_mut::<Self>(bytes)?;
        vxlan.check()?;
        Ok((vxlan, rest))
    }

    #[inline]
    fn check(&self) -> Result<(), Malformed> {
        // RFC 7348 section 5: I must be set; the other flags are ignored on receipt.
        if self.flags & FLAG_VNI == 0 { Err(Malformed::BadFlags) } else { Ok(()) }
    }

    /// The flags.
    #[inline]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// VXLAN network identifier, 24 bits.
    #[inline]
    pub fn vni(&self) -> u32 {
        let [a, b, c] = self.vni;
        u32::from_be_bytes([0, a, b, c])
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
    fn reads_the_layout_of_the_rfc() {
        let bytes = hex("08 000000 123456 00 aabb");
        let (vxlan, rest) = Vxlan::parse(&bytes).unwrap();
        assert_eq!((vxlan.flags(), vxlan.vni(), rest), (FLAG_VNI, 0x12_3456, &[0xaa, 0xbb][..]));
        assert_eq!(Vxlan::new(0x12_3456).as_bytes(), &bytes[..LEN]);
    }

    #[test]
    fn refuses_truncation_and_a_clear_flag() {
        let good = hex("08 000000 123456 00");
        refuses_every_truncation(&good, |b| Vxlan::parse(b).is_ok());
        refuses_every_truncation(&good, |b| Vxlan::parse_mut(&mut b.to_vec()).is_ok());
        assert_eq!(Vxlan::parse(&hex("f7 000000 123456 00")).unwrap_err(), Malformed::BadFlags);
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(vni in 0..=VNI_MAX, before: [u8; 8]) {
            let mut bytes = before;
            bytes[0] |= FLAG_VNI;
            Vxlan::parse_mut(&mut bytes).unwrap().0.set_vni(vni);
            prop_assert_eq!(Vxlan::parse(&bytes).unwrap().0.vni(), vni);
            prop_assert_eq!((&bytes[1..4], bytes[7]), (&before[1..4], before[7]));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = Vxlan::parse(&bytes);
        }
    }
}
