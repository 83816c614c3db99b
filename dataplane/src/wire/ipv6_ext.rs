//! IPv6 extension headers (RFC 8200 section 4; authentication header RFC 4302 section 2).
//!
//! ```text
//! most headers:    | next header 1 | length 1 (8-byte words beyond the first) | ... |
//! fragment header: | next header 1 | reserved 1 | offset 13 bits, reserved 2, M 1 | identification 4 |
//! authentication:  | next header 1 | length 1 (4-byte words, less 2) | ... |
//! ```

use super::{Malformed, ip_proto, view, view_mut};
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a fragment header, bytes.
pub const FRAGMENT_LEN: usize = 8;
/// How many extension headers [`walk`] follows. RFC 8200 names six kinds, one of which may come twice.
pub const MAX_HEADERS: usize = 16;

/// A fragment header in place (RFC 8200 section 4.5).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
pub struct Fragment {
    next_header: u8,
    reserved: u8,
    offset_more: U16,
    ident: U32,
}

impl Fragment {
    /// The header at the start of `bytes`, and what follows it.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] below 8 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<(&Self, &[u8]), Malformed> {
        view(bytes)
    }

    /// As [`Fragment::parse`], writable.
    ///
    /// # Errors
    /// As [`Fragment::parse`].
    #[inline]
    pub fn parse_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Malformed> {
        view_mut(bytes)
    }

    /// Type of the first header of the fragmentable part.
    #[inline]
    pub fn next_header(&self) -> u8 {
        self.next_header
    }

    /// Where this fragment's bytes belong, bytes, a multiple of 8 up to 65,528.
    #[inline]
    pub fn offset(&self) -> usize {
        usize::from(self.offset_more.get() & !7)
    }

    /// Whether fragments follow this one.
    #[inline]
    pub fn more(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }

    /// Identification of the packet that the fragment belongs to.
    #[inline]
    pub fn ident(&self) -> u32 {
        self.ident.get()
    }

    /// Sets the type of the first header of the fragmentable part.
    #[inline]
    pub fn set_next_header(&mut self, next: u8) {
        self.next_header = next;
    }

    /// Sets the offset, bytes (rounded down to 8 and cut to 65,528), and whether fragments follow.
    #[inline]
    pub fn set_offset(&mut self, offset: usize, more: bool) {
        self.offset_more.set(offset as u16 & !7 | u16::from(more));
    }

    /// Sets the identification.
    #[inline]
    pub fn set_ident(&mut self, ident: u32) {
        self.ident.set(ident);
    }
}

/// What the chain of extension headers leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Type of the first header that is not an extension header. ESP and "no next header" end a chain, too.
    pub next: u8,
    /// Where that header begins, bytes behind the IPv6 header; never past the end of the payload.
    pub offset: usize,
    /// Where the byte that holds [`Chain::next`] lies, bytes behind the IPv6 header; `None` if in the IPv6 header.
    pub next_at: Option<usize>,
    /// How many extension headers were walked.
    pub headers: usize,
    /// The fragment header, if there was one.
    pub fragment: Option<Fragment>,
}

impl Chain {
    /// Whether the bytes at [`Chain::offset`] are the start of the header [`Chain::next`]: not so in a fragment but the
    /// first.
    #[inline]
    pub fn has_transport(&self) -> bool {
        self.fragment.is_none_or(|fragment| fragment.offset() == 0)
    }
}

/// Length in bytes of the extension header of type `next` that begins with `header`, or `None` if `next` is no extension
/// header. ESP and "no next header" are none: nothing behind them can be read.
///
/// # Errors
/// [`Malformed::Truncated`] if `header` ends before its length byte, or before the length.
#[inline]
pub fn header_len(next: u8, header: &[u8]) -> Result<Option<usize>, Malformed> {
    let units = || header.get(1).map(|&len| usize::from(len)).ok_or(Malformed::Truncated);
    let len = match next {
        ip_proto::HOP_BY_HOP | ip_proto::ROUTING | ip_proto::DEST_OPTIONS => (units()? + 1) * 8,
        ip_proto::AH => (units()? + 2) * 4,
        ip_proto::FRAGMENT => FRAGMENT_LEN,
        _ => return Ok(None),
    };
    if len > header.len() { Err(Malformed::Truncated) } else { Ok(Some(len)) }
}

/// Walks the extension headers in `payload`, what follows the IPv6 header whose next-header field is `first`.
/// The walk ends at a fragment header with an offset: what follows it is the middle of something.
///
/// # Errors
/// [`Malformed::Truncated`] if a header runs past `payload`; [`Malformed::BadOrder`] for hop-by-hop options that do not
/// come first; [`Malformed::TooDeep`] beyond [`MAX_HEADERS`].
pub fn walk(first: u8, payload: &[u8]) -> Result<Chain, Malformed> {
    let mut chain = Chain { next: first, offset: 0, next_at: None, headers: 0, fragment: None };
    loop {
        let rest = payload.get(chain.offset..).ok_or(Malformed::Truncated)?;
        // RFC 8200 section 4.1: hop-by-hop options only directly behind the IPv6 header.
        if chain.next == ip_proto::HOP_BY_HOP && chain.headers > 0 {
            return Err(Malformed::BadOrder);
        }
        let Some(len) = header_len(chain.next, rest)? else { return Ok(chain) };
        if chain.headers == MAX_HEADERS {
            return Err(Malformed::TooDeep);
        }
        if chain.next == ip_proto::FRAGMENT {
            chain.fragment = Some(*Fragment::parse(rest)?.0);
        }
        chain.next = *rest.first().ok_or(Malformed::Truncated)?;
        chain.next_at = Some(chain.offset);
        chain.offset += len;
        chain.headers += 1;
        if !chain.has_transport() {
            return Ok(chain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refuses_every_truncation;
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// A header of `words` 8-byte words.
    fn ext(next: u8, words: usize) -> Vec<u8> {
        let mut bytes = vec![0; words * 8];
        bytes[0] = next;
        bytes[1] = (words - 1) as u8;
        bytes
    }

    fn fragment(next: u8, offset: usize, more: bool) -> Vec<u8> {
        let mut header = Fragment::default();
        header.set_next_header(next);
        header.set_offset(offset, more);
        header.set_ident(0xdead_beef);
        header.as_bytes().to_vec()
    }

    #[test]
    fn no_extension_header() {
        let chain = walk(ip_proto::TCP, b"").unwrap();
        assert_eq!(chain, Chain { next: ip_proto::TCP, offset: 0, next_at: None, headers: 0, fragment: None });
    }

    #[test]
    fn walks_every_kind() {
        let mut ah = vec![0; 24];
        ah[..2].copy_from_slice(&[ip_proto::UDP, 4]);
        let payload = [
            ext(ip_proto::ROUTING, 1),
            ext(ip_proto::FRAGMENT, 3),
            fragment(ip_proto::DEST_OPTIONS, 0, true),
            ext(ip_proto::AH, 2),
            ah,
        ]
        .concat();
        let chain = walk(ip_proto::HOP_BY_HOP, &payload).unwrap();
        assert_eq!((chain.next, chain.offset, chain.headers), (ip_proto::UDP, 80, 5));
        assert_eq!(chain.next_at, Some(56));
        let fragment = chain.fragment.unwrap();
        assert_eq!((fragment.offset(), fragment.more(), fragment.ident()), (0, true, 0xdead_beef));
        assert!(chain.has_transport());
        refuses_every_truncation(&payload, |b| walk(ip_proto::HOP_BY_HOP, b).is_ok());
    }

    #[test]
    fn a_later_fragment_ends_the_walk() {
        // The bytes behind look like a routing header, but are data.
        let payload = [fragment(ip_proto::ROUTING, 1448, false), ext(ip_proto::HOP_BY_HOP, 1)].concat();
        let chain = walk(ip_proto::FRAGMENT, &payload).unwrap();
        assert_eq!((chain.next, chain.offset), (ip_proto::ROUTING, 8));
        assert!(!chain.has_transport());
        assert_eq!(chain.fragment.unwrap().offset(), 1448);
    }

    #[test]
    fn hop_by_hop_comes_first_or_not_at_all() {
        let payload = [ext(ip_proto::HOP_BY_HOP, 1), ext(ip_proto::TCP, 1)].concat();
        assert_eq!(walk(ip_proto::DEST_OPTIONS, &payload), Err(Malformed::BadOrder));
    }

    #[test]
    fn a_long_chain_is_refused() {
        let mut payload = vec![];
        for _ in 0..MAX_HEADERS {
            payload.extend(ext(ip_proto::DEST_OPTIONS, 1));
        }
        payload.extend(ext(ip_proto::TCP, 1));
        assert_eq!(walk(ip_proto::DEST_OPTIONS, &payload), Err(Malformed::TooDeep));
        assert_eq!(walk(ip_proto::DEST_OPTIONS, &payload[8..]).unwrap().headers, MAX_HEADERS);
    }

    #[test]
    fn esp_and_no_next_header_end_a_chain() {
        for last in [ip_proto::ESP, ip_proto::NO_NEXT] {
            assert_eq!(walk(ip_proto::DEST_OPTIONS, &ext(last, 1)).unwrap().next, last);
        }
    }

    #[test]
    fn refuses_truncation_of_a_fragment_header() {
        refuses_every_truncation(&[0; FRAGMENT_LEN], |b| Fragment::parse(b).is_ok());
        refuses_every_truncation(&[0; FRAGMENT_LEN], |b| Fragment::parse_mut(&mut b.to_vec()).is_ok());
    }

    proptest! {
        #[test]
        fn a_fragment_header_is_read_as_set(next: u8, offset in 0usize..8192, more: bool, ident: u32) {
            let mut bytes = [0; FRAGMENT_LEN];
            let (header, _) = Fragment::parse_mut(&mut bytes).unwrap();
            header.set_next_header(next);
            header.set_offset(offset * 8, more);
            header.set_ident(ident);
            prop_assert_eq!((header.next_header(), header.offset(), header.more(), header.ident()), (next, offset * 8, more, ident));
            // RFC 8200 section 4.5, bit by bit: offset, two reserved bits, M.
            prop_assert_eq!(&bytes[2..4], &((offset as u16) << 3 | u16::from(more)).to_be_bytes());
        }

        #[test]
        fn garbage_never_panics(first in prop_oneof![any::<u8>(), Just(0), Just(43), Just(44), Just(51), Just(60)], bytes: Vec<u8>) {
            if let Ok(chain) = walk(first, &bytes) {
                prop_assert!(chain.offset <= bytes.len() && chain.headers <= MAX_HEADERS);
            }
        }
    }
}
