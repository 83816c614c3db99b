//! Identifiers that nobody can guess.
use crate::encoding::hex;

/// A random UUID of version 4 (RFC 9562 section 5.4).
///
/// # Errors
/// The system has no random bytes: a kernel that boots.
pub fn unguessable() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(uuid(bytes))
}

/// The same for where an identifier is no secret: without random bytes it is one all the same.
pub fn random() -> String {
    unguessable().unwrap_or_else(|_| uuid([0; 16]))
}

fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
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
