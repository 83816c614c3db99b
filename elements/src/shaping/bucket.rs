//! Token buckets, exact in whole nanoseconds: no epoch, no rounding, so that a rate holds over any
//! time. What tokens mean (packets, bytes) the caller knows.

/// Billionths of a token that make one.
const ONE: u64 = 1_000_000_000;

/// Tokens that come at a rate and pile up to a capacity (as Click's `TokenBucket`). Full at first.
///
/// `level` is in billionths of a token: then a rate in tokens a second is also what comes in a
/// nanosecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    rate: u64,
    capacity: u64,
    level: u64,
    /// When `level` held, nanoseconds since the epoch; `None` before the first look at a clock.
    at: Option<u64>,
}

impl TokenBucket {
    /// Tokens a second (0: there are always enough) and most tokens inside (at most 18,446,744,073).
    pub(crate) fn new(rate: u64, capacity: u64) -> TokenBucket {
        let capacity = capacity.saturating_mul(ONE);
        TokenBucket { rate, capacity, level: capacity, at: None }
    }
    /// The same tokens under other limits.
    pub(crate) fn with_limits(self, rate: u64, capacity: u64) -> TokenBucket {
        let new = TokenBucket::new(rate, capacity);
        TokenBucket { level: self.level.min(new.capacity), at: self.at, ..new }
    }
    /// Goes on from what is left in a predecessor.
    pub(crate) fn inherit(&mut self, old: &TokenBucket) {
        (self.level, self.at) = (old.level.min(self.capacity), old.at);
    }
    /// Sets the number of tokens.
    pub(crate) fn set(&mut self, tokens: u64) {
        self.level = tokens.saturating_mul(ONE).min(self.capacity);
    }
    /// What came until `now`, nanoseconds since the epoch.
    pub(crate) fn fill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.at.unwrap_or(now));
        self.level = self.level.saturating_add(passed.saturating_mul(self.rate)).min(self.capacity);
        self.at = Some(now.max(self.at.unwrap_or(0)));
    }
    /// Whole tokens inside.
    pub(crate) fn tokens(&self) -> u64 {
        if self.rate == 0 { u64::MAX } else { self.level / ONE }
    }
    /// Whether there are at least so many.
    pub(crate) fn contains(&self, tokens: u64) -> bool {
        self.tokens() >= tokens
    }
    /// Takes tokens; what is not there is not owed.
    pub(crate) fn remove(&mut self, tokens: u64) {
        self.level = self.level.saturating_sub(tokens.saturating_mul(ONE));
    }
    /// When there will be so many tokens, nanoseconds since the epoch; `None` if never.
    pub(crate) fn time_of(&self, tokens: u64) -> Option<u64> {
        let want = tokens.checked_mul(ONE).filter(|&w| w <= self.capacity)?;
        let missing = want.saturating_sub(self.level);
        Some(self.at?.saturating_add(missing.div_ceil(self.rate.max(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_hold_to_the_nanosecond() {
        let mut b = TokenBucket::new(3, 1);
        b.fill(7);
        let mut sent = Vec::new();
        for _ in 0..4 {
            let t = b.time_of(1).unwrap();
            b.fill(t);
            assert!(b.contains(1));
            b.remove(1);
            sent.push(t);
        }
        // A token is worth a third of a second; what came early in a nanosecond is kept.
        assert_eq!(sent, [7, 333_333_341, 666_666_675, 1_000_000_009]);
        assert!(!b.contains(1));
    }

    #[test]
    fn what_does_not_fit_is_lost_and_nothing_is_owed() {
        let mut b = TokenBucket::new(1_000, 5);
        b.fill(0);
        assert_eq!(b.tokens(), 5);
        b.remove(9);
        assert_eq!((b.tokens(), b.time_of(2), b.time_of(6)), (0, Some(2_000_000), None));
        b.fill(u64::MAX);
        assert_eq!(b.tokens(), 5);
        b.fill(3);
        assert_eq!(b.tokens(), 5, "a clock that goes back brings nothing and takes nothing");
    }

    #[test]
    fn rate_0_is_no_limit_and_a_change_of_limits_keeps_tokens() {
        assert_eq!(TokenBucket::new(0, 1).tokens(), u64::MAX);
        let mut b = TokenBucket::new(10, 100);
        b.set(40);
        assert_eq!((b.with_limits(5, 60).tokens(), b.with_limits(5, 30).tokens()), (40, 30));
    }
}
