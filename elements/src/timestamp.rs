//! How times are printed: as Click does.
use core::fmt;

/// Nanoseconds as seconds with six decimals, or with nine where six would lose something.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if ns % 1000 == 0 { write!(f, "{s}.{:06}", ns / 1000) } else { write!(f, "{s}.{ns:09}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn six_decimals_or_nine() {
        assert_eq!(Seconds(1_000_000_000_000_000_001).to_string(), "1000000000.000000001");
        assert_eq!(Seconds(1_020_000_000).to_string(), "1.020000");
    }
}
