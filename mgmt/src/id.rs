//! Identifiers that nobody can guess.

/// A random UUID (RFC 9562 section 5.4).
pub fn random() -> String {
    let mut b = [0u8; 16];
    // Without a source of random numbers (a kernel that boots) the identifier is of no use as a secret, and none is.
    let _ = getrandom::fill(&mut b);
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let hex: String = b.iter().map(|b| format!("{b:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn identifiers_are_uuids_of_version_4_and_differ() {
        let (a, b) = (super::random(), super::random());
        assert_ne!(a, b);
        assert_eq!((a.len(), &a[14..15], a.matches('-').count()), (36, "4", 4));
    }
}
