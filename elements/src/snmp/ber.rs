//! Reads the Basic Encoding Rules of ASN.1 (ITU-T X.690 section 8), as far as SNMP has them (RFC 3417 section 8): definite
//! lengths, and the primitive form of all simple types.
//!
//! A reader never looks beyond its bytes, goes forward only, and does not go into what it has read: how deep that is
//! followed is for its caller to write down.

/// INTEGER (X.690 section 8.3).
pub(super) const INTEGER: u8 = 0x02;
/// OCTET STRING in its primitive form (X.690 section 8.7).
pub(super) const OCTET_STRING: u8 = 0x04;
/// SEQUENCE, which is always constructed (X.690 section 8.9).
pub(super) const SEQUENCE: u8 = 0x30;

/// Bytes that hold one encoded value after the other.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// The identifier octet of the next value, and its contents. `None` if it is not all there.
    #[inline]
    pub(super) fn value(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = if *length < 0x80 { ((*length).into(), rest) } else { long_length(*length, rest)? };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, contents))
    }

    /// The contents of the next value, if that is its identifier octet.
    #[inline]
    fn contents(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.value().filter(|v| v.0 == tag).map(|v| v.1)
    }

    /// A reader of what is in the SEQUENCE that comes next.
    #[inline]
    pub(super) fn sequence(&mut self) -> Option<Reader<'a>> {
        self.contents(SEQUENCE).map(Reader)
    }

    /// The OCTET STRING that comes next.
    #[inline]
    pub(super) fn octets(&mut self) -> Option<&'a [u8]> {
        self.contents(OCTET_STRING)
    }

    /// The INTEGER that comes next, if it is 0 to 2147483647 (`u31`): no other is in the head of a message.
    #[inline]
    pub(super) fn u31(&mut self) -> Option<u32> {
        let bytes = self.contents(INTEGER)?;
        // X.690 section 8.3.2: as few octets as possible; 8.3.3: the first bit is the sign.
        match bytes {
            [first @ 0..0x80] => Some((*first).into()),
            [0, second @ 0x80..=0xff, rest @ ..] if rest.len() < 3 => Some(number(*second, rest)),
            [first @ 1..0x80, rest @ ..] if rest.len() < 4 => Some(number(*first, rest)),
            _ => None,
        }
    }

    /// All has been read.
    #[inline]
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The number of these octets, four at most.
#[inline]
fn number(first: u8, rest: &[u8]) -> u32 {
    rest.iter().fold(first.into(), |n, b| n << 8 | u32::from(*b))
}

/// A length of more than one octet, and what follows it.
///
/// RFC 3417 section 8: the indefinite form is prohibited; more octets than necessary are not.
#[cold]
fn long_length(first: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    // X.690 section 8.1.3.5: the number of octets; 0 is the indefinite form, 127 is reserved.
    let count = usize::from(first & 0x7f);
    if count == 0 || count == 0x7f {
        return None;
    }
    let (length, rest) = bytes.split_at_checked(count)?;
    let length = length.iter().try_fold(0u32, |n, b| (n >> 24 == 0).then_some(n << 8 | u32::from(*b)))?;
    Some((usize::try_from(length).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u31(bytes: &[u8]) -> Option<u32> {
        Reader::new(bytes).u31()
    }

    #[test]
    fn integers_are_read_in_their_shortest_form_alone() {
        assert_eq!(u31(&[2, 1, 0]), Some(0));
        assert_eq!(u31(&[2, 1, 0x7f]), Some(127));
        assert_eq!(u31(&[2, 2, 0, 0x80]), Some(128));
        assert_eq!(u31(&[2, 2, 1, 0]), Some(256));
        assert_eq!(u31(&[2, 3, 0, 0xff, 0xe3]), Some(65507));
        assert_eq!(u31(&[2, 4, 0, 0x80, 0, 0]), Some(0x80_0000));
        assert_eq!(u31(&[2, 4, 0x7f, 0xff, 0xff, 0xff]), Some(0x7fff_ffff));
        let none: [&[u8]; 8] = [
            &[2, 0],
            &[2, 1, 0x80],
            &[2, 2, 0, 0x7f],
            &[2, 3, 0, 0, 1],
            &[2, 5, 0, 0x80, 0, 0, 0],
            &[2, 5, 1, 0, 0, 0, 0],
            &[2, 4, 0xff, 0, 0, 0],
            &[4, 1, 0],
        ];
        none.iter().for_each(|bytes| assert_eq!(u31(bytes), None, "{bytes:?}"));
    }

    #[test]
    fn lengths_are_definite_and_may_have_more_octets_than_necessary() {
        let octets = |bytes: &'static [u8]| Reader::new(bytes).octets();
        assert_eq!(octets(&[4, 2, 5, 6, 7]), Some(&[5, 6][..]));
        assert_eq!(octets(&[4, 0x81, 2, 5, 6]), Some(&[5, 6][..]));
        assert_eq!(octets(&[4, 0x85, 0, 0, 0, 0, 1, 5]), Some(&[5][..]));
        // The indefinite form, the reserved one, too few octets of the length or of the contents, and a length that overflows.
        let none: [&[u8]; 7] = [
            &[4, 0x80, 5, 0, 0],
            &[4, 0xff, 5],
            &[4, 0x82, 1],
            &[4, 2, 5],
            &[4],
            &[4, 0x85, 1, 0, 0, 0, 0, 5],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 5],
        ];
        none.into_iter().for_each(|bytes| assert_eq!(octets(bytes), None, "{bytes:?}"));
    }
}
