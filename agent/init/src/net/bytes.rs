//! Reading bytes that came from the network: every step is checked, nothing can run past the end.
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name in the DNS, in characters (RFC 1035 section 2.3.4, less the length octet of the root).
const NAME: usize = 253;
/// More names than this in one option are not kept; glibc reads six.
const NAMES: usize = 6;

/// What is left to read. Numbers are in network byte order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `length` bytes; nothing if there are not as many.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn ipv4(&mut self) -> Option<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    pub(super) fn ipv6(&mut self) -> Option<Ipv6Addr> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The names in a list of RFC 1035 section 3.1. Compression (section 4.1.4) is followed, to earlier bytes only, so that
/// it ends; where it is forbidden (RFC 8106, RFC 8415) nobody sends it. What is no host name is left out.
pub(super) fn names(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < bytes.len() && names.len() < NAMES {
        let Some((name, next)) = name(bytes, at) else { break };
        if is_domain(&name) && !names.contains(&name) {
            names.push(name);
        }
        at = next;
    }
    names
}

/// The name that begins at `at`, and where the next one begins.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut next = None;
    let mut before = at;
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some((name, next.unwrap_or(at + 1))),
            1..=63 => {
                let label = std::str::from_utf8(bytes.get(at + 1..at + 1 + length)?).ok()?;
                if name.len() + 1 + length > NAME {
                    return None;
                }
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(label);
                at += 1 + length;
            }
            0xC0.. => {
                let to = (length & 0x3F) << 8 | usize::from(*bytes.get(at + 1)?);
                if to >= before {
                    return None;
                }
                next.get_or_insert(at + 2);
                (before, at) = (to, to);
            }
            _ => return None,
        }
    }
}

/// Whether this can stand in `resolv.conf`: labels of letters, digits, hyphens and underscores.
pub(super) fn is_domain(name: &str) -> bool {
    name.len() <= NAME
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_with_and_without_compression() {
        assert_eq!(
            names(b"\x03eng\x05apple\x03com\x00\x09marketing\xC0\x04"),
            ["eng.apple.com", "marketing.apple.com"]
        );
    }

    #[test]
    fn a_name_that_points_to_itself_or_forward_is_none() {
        assert!(names(b"\xC0\x00").is_empty());
        assert!(names(b"\x01a\xC0\x00").is_empty());
        assert!(names(b"\xC0\x02\x01a\x00").is_empty());
    }

    #[test]
    fn a_name_that_would_add_a_line_to_a_file_is_left_out() {
        assert_eq!(names(b"\x0ea\nnameserver 1\x00\x01b\x00"), ["b"]);
        assert!(!is_domain("") && !is_domain("a..b") && !is_domain("a b"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_few_names_that_are_domains(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let names = names(&bytes);
            prop_assert!(names.len() <= NAMES);
            prop_assert!(names.iter().all(|name| is_domain(name)));
        }
    }
}
