//! Source routes, and their way back (RFC 791 section 3.1; RFC 1812 section 4.3.2.6).
use sluice_dataplane::wire::ipv4::{self, OPTION_LOOSE_ROUTE, OPTION_STRICT_ROUTE};

/// A source route option of a packet.
pub(super) struct SourceRoute<'a> {
    /// Where the option begins, bytes from the IP header.
    pub(super) at: usize,
    option: &'a [u8],
}

impl<'a> SourceRoute<'a> {
    /// The first valid source route among the options of an IP header.
    pub(super) fn find(options: &'a [u8]) -> Option<SourceRoute<'a>> {
        ipv4::options(options).map_while(Result::ok).find_map(|o| {
            let option = options.get(o.offset..o.offset + 2 + o.data.len())?;
            let pointer = usize::from(*o.data.first()?);
            // The pointer counts from 1 and passes over the addresses, the first of which it finds at 4.
            let good = pointer >= 4 && pointer.is_multiple_of(4) && pointer <= option.len() + 1;
            (matches!(o.kind, OPTION_LOOSE_ROUTE | OPTION_STRICT_ROUTE) && good)
                .then_some(SourceRoute { at: ipv4::LEN + o.offset, option })
        })
    }

    /// Whether byte `at` of the IP header belongs to the option.
    pub(super) fn contains(&self, at: usize) -> bool {
        (self.at..self.at + self.option.len()).contains(&at)
    }

    /// The option that leads back over the routers passed so far, padded to whole words, and its length.
    pub(super) fn reversed(&self) -> ([u8; ipv4::MAX_LEN - ipv4::LEN], usize) {
        let mut out = [0; ipv4::MAX_LEN - ipv4::LEN];
        let length = usize::from(self.option[2]) - 1;
        (out[0], out[1], out[2]) = (self.option[0], length as u8, 4);
        let passed = self.option.get(3..length).unwrap_or(&[]);
        let back = passed.rchunks_exact(4).flatten();
        out.iter_mut().skip(3).zip(back).for_each(|(to, from)| *to = *from);
        (out, length.next_multiple_of(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_way_back_goes_over_the_routers_that_were_passed() {
        let route = [1, 137, 15, 12, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
        let found = SourceRoute::find(&route).unwrap();
        assert_eq!(found.at, 21);
        assert!(found.contains(21) && found.contains(35) && !found.contains(36) && !found.contains(20));
        let (back, length) = found.reversed();
        assert_eq!(back[..length], [137, 11, 4, 2, 2, 2, 2, 1, 1, 1, 1, 0]);
        let (back, length) = SourceRoute::find(&[131, 7, 4, 1, 1, 1, 1, 0]).unwrap().reversed();
        assert_eq!(back[..length], [131, 3, 4, 0]);
    }

    #[test]
    fn bad_pointers_are_no_route() {
        for option in [&[131u8, 7, 5, 1, 1, 1, 1][..], &[131, 7, 12, 1, 1, 1, 1], &[131, 2], &[131, 7, 0, 1, 1, 1, 1]] {
            assert!(SourceRoute::find(option).is_none());
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(options in proptest::collection::vec(any::<u8>(), 0..=40)) {
            let _ = SourceRoute::find(&options).map(|r| r.reversed());
        }
    }
}
