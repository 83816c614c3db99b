//! Chance that can be repeated.
use sluice_dataplane::args::{Args, Fraction};
use sluice_dataplane::context::Context;
use sluice_dataplane::info::Arg;

/// The argument that [`Dice::configure`] reads.
pub(crate) const SEED: Arg = Arg::keyword("SEED", "number", "", "begins a sequence of chances of its own");
/// The argument `ACTIVE`, the same in this family.
pub(crate) const ACTIVE: Arg = Arg::keyword("ACTIVE", "boolean", "true", "if false, packets pass unchanged");

/// Random numbers: the engine's, or with a seed a sequence that no other element shares, so that the same packets meet
/// the same chances whatever else runs. (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014.)
#[derive(Clone, Copy)]
pub(crate) struct Dice {
    seed: Option<u64>,
    state: u64,
}

impl Dice {
    /// Reads the argument SEED.
    pub(crate) fn configure(args: &mut Args<'_>) -> Dice {
        let seed = args.keyword_some::<u64>("SEED");
        Dice { seed, state: seed.unwrap_or(0) }
    }

    /// Goes on where an old element of the same seed was.
    pub(crate) fn inherit(&mut self, old: &Dice) {
        if self.seed == old.seed {
            self.state = old.state;
        }
    }

    /// 32 random bits.
    pub(crate) fn roll(&mut self, cx: &mut Context<'_>) -> u32 {
        match self.seed {
            None => cx.random(),
            Some(_) => self.next(),
        }
    }

    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    /// Whether something happens that does with probability `share`.
    pub(crate) fn happens(&mut self, cx: &mut Context<'_>, share: Fraction) -> bool {
        self.roll(cx) & (Fraction::ONE.bits() - 1) < share.bits()
    }

    /// A number below `n`, each as likely but for 2^-32 of `n`.
    pub(crate) fn below(&mut self, cx: &mut Context<'_>, n: u64) -> u64 {
        let bits = u64::from(self.roll(cx)) << 32 | u64::from(self.roll(cx));
        ((u128::from(bits) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        let mut d = Dice { seed: Some(1_234_567), state: 1_234_567 };
        // The upper halves of the reference sequence for this seed.
        let all = [6_457_827_717_110_365_317u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([d.next(), d.next(), d.next()], all.map(|n| (n >> 32) as u32));
    }
}
