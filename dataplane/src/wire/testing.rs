//! What the tests of several headers share.
use alloc::vec::Vec;

/// Calls `parses` with every strict prefix of `full`, each of which must be refused, and with `full`, which must not.
pub(super) fn refuses_every_truncation(full: &[u8], parses: impl Fn(&[u8]) -> bool) {
    for len in 0..full.len() {
        assert!(!parses(&full[..len]), "accepted {len} of {} bytes", full.len());
    }
    assert!(parses(full), "refused the whole");
}

/// The bytes that a string of hexadecimal digits (blanks ignored) stands for.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
