//! Bytes as text: hexadecimal digits, and percent-encoding.
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Two small hexadecimal digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
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
