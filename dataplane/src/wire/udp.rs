//! UDP header (RFC 768).
//!
//! ```text
//! | source port 2 | destination port 2 | length 2 | checksum 2 |
//! ```
//! The checksum covers a pseudo-header: see [`super::checksum::verify_transport`].

use super::{Malformed, checksum, view, view_full, view_full_mut, view_mut};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header, bytes.
pub const LEN: usize = 8;

/// A UDP header in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Udp {
    src_port: U16,
    dst_port: U16,
    len: U16,
    checksum: U16,
}

impl Udp {
    /// A header before `payload_len` bytes (cut so that the length fits 65,535), without a checksum.
    #[inline]
    pub fn new(src_port: u16, dst_port: u16, payload_len: usize) -> Self {
        let len = u16::try_from(payload_len.saturating_add(LEN)).unwrap_or(u16::MAX);
        Self { src_port: src_port.into(), dst_port: dst_port.into(), len: len.into(), checksum: 0.into() }
    }

    /// The header at the start of `bytes`, and its payload up to the UDP length. The checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] if `bytes` end before the header or the UDP length do; [`Malformed::BadLength`] for a
    /// length below 8.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        let end = Self::check(bytes)?;
        view_full(bytes, LEN, end).map(|(udp, _, payload)| (udp, payload))
    }

    /// As [`Udp::parse`], writable.
    ///
    /// # Errors
    /// As [`Udp::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        let end = Self::check(bytes)?;
        view_full_mut(bytes, LEN, end).map(|(udp, _, payload)| (udp, payload))
    }

    /// The header alone: the UDP length may run past `bytes`, as in a first fragment or a quoted packet.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 8 bytes.
    #[inline]
    pub fn parse_header(bytes: &[u8]) -> Result<&Self, Malformed> {
        Ok(view(bytes)?.0)
    }

    /// As [`Udp::parse_header`], writable.
    ///
    /// # Errors
    /// As [`Udp::parse_header`].
    #[inline]
    pub fn parse_header_mut(bytes: &mut [u8]) -> Result<&mut Self, Malformed> {
        Ok(view_mut(bytes)?.0)
    }

    /// Length of the datagram, bytes.
    #[inline]
    fn check(bytes: &[u8]) -> Result<usize, Malformed> {
        let end = usize::from(Self::parse_header(bytes)?.len());
        // RFC 768: the length includes the header, so its minimum is eight.
        if end < LEN { Err(Malformed::BadLength) } else { Ok(end) }
    }

    /// Source port.
    #[inline]
    pub fn src_port(&self) -> u16 {
        self.src_port.get()
    }

    /// Destination port.
    #[inline]
    pub fn dst_port(&self) -> u16 {
        self.dst_port.get()
    }

    /// Length of header and data, bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "the name of a header field; no header is empty")]
    pub fn len(&self) -> u16 {
        self.len.get()
    }

    /// Checksum as received; 0 means that none was sent.
    #[inline]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Sets the source port.
    #[inline]
    pub fn set_src_port(&mut self, port: u16) {
        self.src_port.set(port);
    }

    /// Sets the destination port.
    #[inline]
    pub fn set_dst_port(&mut self, port: u16) {
        self.dst_port.set(port);
    }

    /// Sets the length of header and data, bytes.
    #[inline]
    pub fn set_len(&mut self, len: u16) {
        self.len.set(len);
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Updates the checksum after a 32-bit field under it (an IPv4 address, both ports) changed; "none" stays "none".
    #[inline]
    pub fn update_checksum(&mut self, old: u32, new: u32) {
        if self.checksum() != 0 {
            self.set_checksum(checksum::udp_nonzero(checksum::update_u32(self.checksum(), old, new)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::{Addresses, fill_transport, verify_transport};
    use super::super::ip_proto;
    use super::super::testing::refuses_every_truncation;
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn plain() -> Vec<u8> {
        [Udp::new(53, 4321, 4).as_bytes(), b"data"].concat()
    }

    #[test]
    fn agrees_with_etherparse() {
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ipv4([1; 4], [2; 4], 64).udp(53, 4321).write(&mut bytes, b"data").unwrap();
        bytes.extend_from_slice(b"padding");
        let (udp, payload) = Udp::parse(&bytes[20..]).unwrap();
        assert_eq!((udp.src_port(), udp.dst_port(), udp.len()), (53, 4321, 12));
        assert_eq!(payload, b"data");
    }

    #[test]
    fn refuses_truncation_and_short_lengths() {
        refuses_every_truncation(&plain(), |b| Udp::parse(b).is_ok());
        refuses_every_truncation(&plain(), |b| Udp::parse_mut(&mut b.to_vec()).is_ok());
        refuses_every_truncation(&plain()[..LEN], |b| Udp::parse_header(b).is_ok());
        refuses_every_truncation(&plain()[..LEN], |b| Udp::parse_header_mut(&mut b.to_vec()).is_ok());
        for len in 0..8 {
            let mut bytes = plain();
            bytes[5] = len;
            assert_eq!(Udp::parse(&bytes).unwrap_err(), Malformed::BadLength);
        }
    }

    #[test]
    fn an_update_leaves_no_checksum_alone() {
        let mut udp = Udp::new(1, 2, 0);
        udp.update_checksum(1, 2);
        assert_eq!(udp.checksum(), 0);
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(src: u16, dst: u16, len in 8u16..13, sum: u16) {
            let mut bytes = plain();
            let (udp, _) = Udp::parse_mut(&mut bytes).unwrap();
            udp.set_src_port(src);
            udp.set_dst_port(dst);
            udp.set_len(len);
            udp.set_checksum(sum);
            let (udp, payload) = Udp::parse(&bytes).unwrap();
            prop_assert_eq!((udp.src_port(), udp.dst_port(), udp.len(), udp.checksum()), (src, dst, len, sum));
            prop_assert_eq!(payload.len() + LEN, usize::from(len));
        }

        #[test]
        fn an_update_equals_a_full_computation(a: [u8; 4], b: [u8; 4], c: [u8; 4], word: [u8; 4]) {
            let mut bytes = plain();
            bytes[8..].copy_from_slice(&word);
            fill_transport(Addresses::V4(a.into(), b.into()), ip_proto::UDP, &mut bytes).unwrap();
            Udp::parse_mut(&mut bytes).unwrap().0.update_checksum(u32::from_be_bytes(a), u32::from_be_bytes(c));
            let now = Addresses::V4(c.into(), b.into());
            prop_assert_eq!(verify_transport(now, ip_proto::UDP, &bytes), Ok(()));
            let updated = bytes.clone();
            fill_transport(now, ip_proto::UDP, &mut bytes).unwrap();
            prop_assert_eq!(updated, bytes);
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = Udp::parse(&bytes);
        }
    }
}
