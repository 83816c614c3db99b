//! Bytes as text: hexadecimal digits, and percent-encoding.
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Two small hexadecimal digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes of hexadecimal digits, small or large; none if there are others, or an odd number.
pub fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// SHA-256 (FIPS 180-4) of bytes, hexadecimal.
pub fn sha256(content: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(content))
}

/// A text as one segment of a path, or one value of a query: all but the unreserved characters (RFC 3986 section 2.3) as
/// `%XX`, so that a slash in a name is `%2F`.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}"); // a String never fails
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_as_they_are_written() {
        assert_eq!(from_hex(&hex(&[0, 0x80, 0xff])), Some(vec![0, 0x80, 0xff]));
        assert_eq!((from_hex("Ab"), from_hex("")), (Some(vec![0xab]), Some(vec![])));
        assert_eq!((from_hex("a"), from_hex("+1"), from_hex("ü")), (None, None, None));
    }
}
