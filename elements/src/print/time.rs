//! Points in time as Click writes them.
use core::fmt;

/// Displays nanoseconds since the Unix epoch as seconds: `1000.000020`; nine digits behind the point only where six
/// would lose something.
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if ns.is_multiple_of(1000) { write!(f, "{seconds}.{:06}", ns / 1000) } else { write!(f, "{seconds}.{ns:09}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn six_digits_unless_nine_are_needed() {
        assert_eq!(format!("{}", Seconds(1_000_020_000)), "1.000020");
        assert_eq!(format!("{}", Seconds(1_000_020_001)), "1.000020001");
        assert_eq!(format!("{}", Seconds(0)), "0.000000");
    }
}
