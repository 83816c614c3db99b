//! Generic routing encapsulation (RFC 2784 section 2, RFC 2890 section 2).
//!
//! ```text
//! | C 1 bit, reserved 1, K 1, S 1, reserved 9, version 3 | protocol type 2 |
//! | checksum 2, reserved 2: if C | key 4: if K | sequence number 4: if S |
//! ```

use super::{Malformed, checksum, view, view_full, view_full_mut};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header without its optional words, bytes.
pub const LEN: usize = 4;
/// Longest header, bytes.
pub const MAX_LEN: usize = 16;
/// Flag C: a checksum is present.
pub const FLAG_CHECKSUM: u16 = 0x8000;
/// Flag of RFC 1701 (routing present), which must be clear.
pub const FLAG_ROUTING: u16 = 0x4000;
/// Flag K: a key is present.
pub const FLAG_KEY: u16 = 0x2000;
/// Flag S: a sequence number is present.
pub const FLAG_SEQUENCE: u16 = 0x1000;
/// Bits that a receiver must find clear: bits 1, 4 and 5 (RFC 2784 section 2.3; bits 2 and 3 have a meaning since RFC 2890).
const MUST_BE_ZERO: u16 = FLAG_ROUTING | 0x0c00;
const VERSION_MASK: u16 = 0x0007;

/// A GRE header in place, without its optional words.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Gre {
    flags_version: U16,
    protocol: U16,
}

/// The optional words of a GRE header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Checksum over header and payload.
    pub checksum: Option<u16>,
    /// Key, which names a flow within the tunnel.
    pub key: Option<u32>,
    /// Sequence number of the packet within the tunnel (or key).
    pub sequence: Option<u32>,
}

impl Gre {
    /// A header with these flags ([`FLAG_CHECKSUM`], [`FLAG_KEY`], [`FLAG_SEQUENCE`]; others are left out).
    #[inline]
    pub fn new(protocol: u16, flags: u16) -> Self {
        let mut gre = Self { flags_version: 0.into(), protocol: protocol.into() };
        gre.set_flags(flags);
        gre
    }

    /// The header at the start of `bytes`, and its payload. The checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] if `bytes` end before the header does; [`Malformed::BadVersion`] other than 0;
    /// [`Malformed::BadFlags`] if a bit is set that a receiver must refuse.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let (gre, _, payload) = Self::parse_full(bytes)?;
        Ok((gre, payload))
    }

    /// As [`Gre::parse`], writable.
    ///
    /// # Errors
    /// As [`Gre::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let (gre, _, payload) = Self::parse_full_mut(bytes)?;
        Ok((gre, payload))
    }

    /// Header, optional words ([`Gre::words`]) and payload.
    ///
    /// # Errors
    /// As [`Gre::parse`].
    #[inline]
    pub fn parse_full(bytes: &[u8]) -> Result<(&Self, &[u8], &[u8]), Malformed> {
        let header = Self::check(bytes)?;
        view_full(bytes, header, bytes.len())
    }

    /// Header, optional words ([`Gre::set_words`]) and payload, writable.
    ///
    /// # Errors
    /// As [`Gre::parse`].
    #[inline]
    pub fn parse_full_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8], &mut [u8]), Malformed> {
        let header = Self::check(bytes)?;
        let end = bytes.len();
        view_full_mut(bytes, header, end)
    }

    #[inline]
    fn check(bytes: &[u8]) -> Result<usize, Malformed> {
        let (gre, _) = view::<Self>(bytes)?;
        let flags = gre.flags_version.get();
        if flags & VERSION_MASK != 0 {
            return Err(Malformed::BadVersion);
        }
        if flags & MUST_BE_ZERO != 0 { Err(Malformed::BadFlags) } else { Ok(gre.header_len()) }
    }

    /// The flags, reserved bits included.
    #[inline]
    pub fn flags(&self) -> u16 {
        self.flags_version.get() & !VERSION_MASK
    }

    /// Type of the payload, an Ethernet type.
    #[inline]
    pub fn protocol(&self) -> u16 {
        self.protocol.get()
    }

    /// Length of the header with its optional words, bytes, 4 to 16.
    #[inline]
    pub fn header_len(&self) -> usize {
        let optional = self.flags() & (FLAG_CHECKSUM | FLAG_KEY | FLAG_SEQUENCE);
        LEN + 4 * optional.count_ones() as usize
    }

    /// The optional words in `variable`, the middle part that [`Gre::parse_full`] returned with this header; a word that
    /// does not lie in it is `None`.
    #[inline]
    pub fn words(&self, variable: &[u8]) -> Words {
        let mut words = variable.as_chunks::<4>().0.iter().copied();
        let mut take = |flag| if self.flags() & flag != 0 { words.next() } else { None };
        Words {
            checksum: take(FLAG_CHECKSUM).map(|[a, b, _, _]| u16::from_be_bytes([a, b])),
            key: take(FLAG_KEY).map(u32::from_be_bytes),
            sequence: take(FLAG_SEQUENCE).map(u32::from_be_bytes),
        }
    }

    /// Sets the flags [`FLAG_CHECKSUM`], [`FLAG_KEY`] and [`FLAG_SEQUENCE`]; all other bits, the version too, become 0.
    #[inline]
    pub fn set_flags(&mut self, flags: u16) {
        self.flags_version.set(flags & (FLAG_CHECKSUM | FLAG_KEY | FLAG_SEQUENCE));
    }

    /// Sets the type of the payload.
    #[inline]
    pub fn set_protocol(&mut self, protocol: u16) {
        self.protocol.set(protocol);
    }

    /// Writes the optional words that the flags announce into `variable`; absent values are written as 0.
    #[inline]
    pub fn set_words(&self, variable: &mut [u8], words: Words) {
        let mut slots = variable.as_chunks_mut::<4>().0.iter_mut();
        let mut put = |flag, value: u32| {
            if self.flags() & flag != 0
                && let Some(slot) = slots.next()
            {
                *slot = value.to_be_bytes();
            }
        };
        put(FLAG_CHECKSUM, u32::from(words.checksum.unwrap_or(0)) << 16);
        put(FLAG_KEY, words.key.unwrap_or(0));
        put(FLAG_SEQUENCE, words.sequence.unwrap_or(0));
    }
}

/// Checks the checksum of a whole packet (header and payload), if it has one.
///
/// # Errors
/// As [`Gre::parse`]; [`Malformed::BadChecksum`].
pub fn verify_checksum(packet: &[u8]) -> Result<(), Malformed> {
    let (gre, _) = Gre::parse(packet)?;
    if gre.flags() & FLAG_CHECKSUM == 0 || checksum::is_valid(packet) { Ok(()) } else { Err(Malformed::BadChecksum) }
}

/// Computes and writes the checksum of a whole packet (header and payload), if its flag C is set.
///
/// # Errors
/// As [`Gre::parse`].
pub fn fill_checksum(packet: &mut [u8]) -> Result<(), Malformed> {
    let (gre, _) = Gre::parse(packet)?;
    if gre.flags() & FLAG_CHECKSUM != 0 {
        // RFC 2784 section 2.1: the checksum word, behind the flags and the protocol type, is always the first.
        packet.get_mut(4..8).ok_or(Malformed::Truncated)?.fill(0);
        let sum = checksum::checksum(packet);
        packet.get_mut(4..6).ok_or(Malformed::Truncated)?.copy_from_slice(&sum.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hex, refuses_every_truncation};
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const ALL: u16 = FLAG_CHECKSUM | FLAG_KEY | FLAG_SEQUENCE;
    const FULL: &str = "b000 0800 1234 0000 00000007 00000009 aabb";

    #[test]
    fn reads_every_word() {
        let bytes = hex(FULL);
        let (gre, variable, payload) = Gre::parse_full(&bytes).unwrap();
        assert_eq!((gre.flags(), gre.protocol(), gre.header_len()), (ALL, 0x0800, MAX_LEN));
        assert_eq!(gre.words(variable), Words { checksum: Some(0x1234), key: Some(7), sequence: Some(9) });
        assert_eq!(payload, [0xaa, 0xbb]);
    }

    #[test]
    fn words_are_optional() {
        let bytes = hex("1000 6558 00000009 aabb");
        let (gre, variable, payload) = Gre::parse_full(&bytes).unwrap();
        assert_eq!(gre.words(variable), Words { checksum: None, key: None, sequence: Some(9) });
        assert_eq!(payload, [0xaa, 0xbb]);
        assert_eq!(Gre::new(0x6558, 0).as_bytes(), hex("0000 6558"));
    }

    #[test]
    fn refuses_truncation() {
        for flags in 0..8u16 {
            let gre =
                Gre::new(0x0800, flags << 12 & FLAG_SEQUENCE | flags << 12 & FLAG_KEY | flags << 13 & FLAG_CHECKSUM);
            let mut bytes = gre.as_bytes().to_vec();
            bytes.resize(gre.header_len(), 0);
            refuses_every_truncation(&bytes, |b| Gre::parse(b).is_ok());
            refuses_every_truncation(&bytes, |b| Gre::parse_mut(&mut b.to_vec()).is_ok());
        }
    }

    #[test]
    fn refuses_versions_and_forbidden_bits() {
        assert_eq!(Gre::parse(&hex("0001 0800")).unwrap_err(), Malformed::BadVersion);
        for text in ["4000 0800", "0800 0800", "0400 0800"] {
            assert_eq!(Gre::parse(&hex(text)).unwrap_err(), Malformed::BadFlags);
        }
        // RFC 2784 section 2.3: bits 6 to 12 are ignored on receipt.
        assert!(Gre::parse(&hex("03f8 0800")).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(protocol: u16, sum: Option<u16>, key: Option<u32>, sequence: Option<u32>, data: Vec<u8>) {
            let words = Words { checksum: sum, key, sequence };
            let flag = |set, flag| if set { flag } else { 0 };
            let flags = flag(sum.is_some(), FLAG_CHECKSUM) | flag(key.is_some(), FLAG_KEY) | flag(sequence.is_some(), FLAG_SEQUENCE);
            let mut gre = Gre::new(0, flags);
            gre.set_protocol(protocol);
            let mut variable = vec![0; gre.header_len() - LEN];
            gre.set_words(&mut variable, words);
            let mut packet = [gre.as_bytes(), &variable, &data].concat();
            let (read, variable, payload) = Gre::parse_full(&packet).unwrap();
            prop_assert_eq!((read.protocol(), read.words(variable), payload), (protocol, words, &data[..]));
            fill_checksum(&mut packet).unwrap();
            prop_assert_eq!(verify_checksum(&packet), Ok(()));
            packet[3] ^= 1;
            prop_assert_eq!(verify_checksum(&packet).is_err(), sum.is_some());
        }

        #[test]
        fn garbage_never_panics(mut bytes: Vec<u8>) {
            let _ = verify_checksum(&bytes);
            let _ = fill_checksum(&mut bytes);
            let _ = Gre::parse_full(&bytes).map(|(gre, variable, _)| gre.words(variable));
            let _ = Gre::new(0, ALL).words(&bytes);
            Gre::new(0, ALL).set_words(&mut bytes, Words::default());
        }
    }
}
