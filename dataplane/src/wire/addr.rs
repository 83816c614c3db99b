//! Ethernet addresses (IEEE 802-2014 clause 8). For IP, `core::net` has the types.

use core::fmt;
use core::str::FromStr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A 48-bit Ethernet address, in transmission order.
#[repr(transparent)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
pub struct EtherAddr(pub [u8; 6]);

impl EtherAddr {
    /// `FF-FF-FF-FF-FF-FF`, every station.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// `00-00-00-00-00-00`, used for "unknown" (the target of an ARP request).
    pub const ZERO: Self = Self([0; 6]);

    /// Whether this is the broadcast address.
    #[inline]
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }

    /// Whether this is a group address (I/G bit set); the broadcast address is one.
    #[inline]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether the address was assigned locally (U/L bit set).
    #[inline]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// Whether this is a link-local group address that bridges never forward (IEEE 802.1D-2004 table 7-10).
    #[inline]
    pub const fn is_bridge_reserved(self) -> bool {
        matches!(self.0, [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00..=0x0f])
    }
}

impl fmt::Display for EtherAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02X}-{b:02X}-{c:02X}-{d:02X}-{e:02X}-{g:02X}")
    }
}

/// The text is not six groups of one or two hexadecimal digits, separated by `-` or by `:` throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEtherAddr;

impl fmt::Display for BadEtherAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an Ethernet address is six hexadecimal bytes separated by '-' or ':'")
    }
}

impl core::error::Error for BadEtherAddr {}

impl FromStr for EtherAddr {
    type Err = BadEtherAddr;

    fn from_str(text: &str) -> Result<Self, BadEtherAddr> {
        let separator = text.chars().find(|c| matches!(c, '-' | ':')).ok_or(BadEtherAddr)?;
        let mut bytes = [0; 6];
        let mut groups = text.split(separator);
        for byte in &mut bytes {
            let group = groups.next().ok_or(BadEtherAddr)?;
            // `from_str_radix` alone would let a sign through.
            if !matches!(group.len(), 1 | 2) || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BadEtherAddr);
            }
            *byte = u8::from_str_radix(group, 16).map_err(|_| BadEtherAddr)?;
        }
        if groups.next().is_some() { Err(BadEtherAddr) } else { Ok(Self(bytes)) }
    }
}

impl From<[u8; 6]> for EtherAddr {
    fn from(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn prints_with_dashes_and_capitals() {
        assert_eq!(EtherAddr([0, 0x11, 0x22, 0x33, 0x44, 0x55]).to_string(), "00-11-22-33-44-55");
        assert_eq!(EtherAddr([0xde, 0xad, 0xbe, 0xef, 0, 0xa]).to_string(), "DE-AD-BE-EF-00-0A");
    }

    #[test]
    fn reads_both_separators_and_short_groups() {
        let want = EtherAddr([0, 0x1a, 2, 3, 0xfe, 5]);
        assert_eq!("00:1a:02:03:fe:05".parse(), Ok(want));
        assert_eq!("0-1A-2-3-FE-5".parse(), Ok(want));
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "1",
            "1:2:3:4:5",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:",
            "1:2:3:4:5:100",
            "1:2:3:4:5:g",
            "1-2:3-4:5-6",
            "+1:2:3:4:5:6",
            " 1:2:3:4:5:6",
            "1:2:3:4:5:é",
        ] {
            assert_eq!(text.parse::<EtherAddr>(), Err(BadEtherAddr), "{text:?}");
        }
    }

    #[test]
    fn knows_group_local_and_reserved_addresses() {
        assert!(EtherAddr::BROADCAST.is_group() && EtherAddr::BROADCAST.is_broadcast());
        assert!(EtherAddr([1, 0, 0x5e, 0, 0, 1]).is_group());
        assert!(!EtherAddr([2, 0, 0, 0, 0, 1]).is_group() && EtherAddr([2, 0, 0, 0, 0, 1]).is_local());
        assert!(EtherAddr([1, 0x80, 0xc2, 0, 0, 0]).is_bridge_reserved());
        assert!(!EtherAddr([1, 0x80, 0xc2, 0, 0, 0x10]).is_bridge_reserved());
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(bytes: [u8; 6]) {
            prop_assert_eq!(EtherAddr(bytes).to_string().parse(), Ok(EtherAddr(bytes)));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<EtherAddr>();
        }
    }
}
