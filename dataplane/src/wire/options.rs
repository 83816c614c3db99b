//! The kind-length-data options that IPv4 (RFC 791 section 3.1) and TCP (RFC 9293 section 3.2) share.
//!
//! Kind 0 ends the list, kind 1 is one byte of padding, every other kind is followed by a length that counts kind and
//! length themselves. The walk ends at the first malformed option, after reporting it: nothing behind it can be trusted.

use super::Malformed;
use core::iter::FusedIterator;

/// End of the option list.
pub const END: u8 = 0;
/// One byte of padding.
pub const NOP: u8 = 1;

/// One option, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// Kind.
    pub kind: u8,
    /// Where the kind byte lies, bytes from the start of the options.
    pub offset: usize,
    /// What follows kind and length; empty for [`NOP`].
    pub data: &'a [u8],
}

/// The options in a slice, in order; [`NOP`]s are reported, [`END`] and what follows it is not.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Options<'a> {
    /// The options in `bytes`, which begin behind the fixed header.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }
}

impl<'a> Iterator for Options<'a> {
    /// An option, or [`Malformed::BadOption`] as the last item.
    type Item = Result<RawOption<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, behind) = self.rest.split_first()?;
        let (len, data) = match kind {
            END => {
                self.rest = &[];
                return None;
            }
            NOP => (1, Some(&[][..])),
            _ => {
                let len = behind.first().map_or(0, |&len| usize::from(len));
                (len, self.rest.get(2..len))
            }
        };
        let Some(data) = data else {
            self.rest = &[];
            return Some(Err(Malformed::BadOption));
        };
        let option = RawOption { kind, offset: self.offset, data };
        self.rest = self.rest.get(len..).unwrap_or(&[]);
        self.offset += len;
        Some(Ok(option))
    }
}

impl FusedIterator for Options<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn walk(bytes: &[u8]) -> Vec<Result<RawOption<'_>, Malformed>> {
        Options::new(bytes).collect()
    }

    #[test]
    fn walks_padding_options_and_the_end() {
        let bytes = [1, 7, 4, 0xaa, 0xbb, 1, 0, 9, 9];
        let nop = |offset| Ok(RawOption { kind: NOP, offset, data: &[] });
        let seven = Ok(RawOption { kind: 7, offset: 1, data: &[0xaa, 0xbb] });
        assert_eq!(walk(&bytes), vec![nop(0), seven, nop(5)]);
        assert_eq!(walk(&[]), vec![]);
    }

    #[test]
    fn reports_a_bad_length_once_and_stops() {
        for bytes in [&[7u8][..], &[7, 0, 1, 1], &[7, 1, 1, 1], &[7, 5, 1, 1], &[7, 255]] {
            assert_eq!(walk(bytes), vec![Err(Malformed::BadOption)], "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn reports_only_what_lies_inside(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut end = 0;
            for option in Options::new(&bytes).flatten() {
                prop_assert_eq!(option.offset, end);
                prop_assert_eq!(bytes[option.offset], option.kind);
                end += if option.kind == NOP { 1 } else { 2 + option.data.len() };
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
