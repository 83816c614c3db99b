//! Changes bits by chance.
use super::Dice;
use super::dice::{ACTIVE, SEED};
use alloc::format;
use alloc::string::String;
use core::any::Any;
use sluice_dataplane::args::{Args, Fraction, FromArg, NameDb, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Changes bits by chance.
pub struct RandomBitErrors {
    share: Fraction,
    /// `errors[k]`: probability of at most `k` changed bits in a byte, in units of 2^-32.
    errors: [u64; 8],
    kind: Kind,
    dice: Dice,
    active: bool,
}

/// What happens to a bit.
#[derive(Clone, Copy)]
enum Kind {
    Flip,
    Set,
    Clear,
}

impl FromArg for Kind {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        match &*Word::from_arg(text, names)?.0 {
            "flip" => Ok(Kind::Flip),
            "set" => Ok(Kind::Set),
            "clear" => Ok(Kind::Clear),
            _ => Err("must be ‘flip’, ‘set’, or ‘clear’".into()),
        }
    }
    fn blank() -> Self {
        Kind::Flip
    }
}

/// The binomial distribution of the changed bits of a byte, summed up.
fn distribution(p: f64) -> [u64; 8] {
    const WAYS: [u32; 8] = [1, 8, 28, 56, 70, 56, 28, 8];
    let power = |x: f64, n: usize| (0..n).fold(1.0, |y, _| y * x);
    let mut sum = 0.0;
    core::array::from_fn(|k| {
        sum += f64::from(WAYS[k]) * power(p, k) * power(1.0 - p, 8 - k);
        // Saturates; the half rounds to the nearest.
        (sum * 4_294_967_296.0 + 0.5) as u64
    })
}

impl RandomBitErrors {
    /// Which bits of a byte change.
    fn mask(&mut self, cx: &mut Context<'_>) -> u8 {
        let roll = u64::from(self.dice.roll(cx));
        let errors = self.errors.iter().filter(|&&at_most| roll >= at_most).count();
        let mut mask = 0u8;
        while (mask.count_ones() as usize) < errors {
            mask |= 1 << (self.dice.roll(cx) & 7);
        }
        mask
    }

    fn change(&mut self, cx: &mut Context<'_>, p: &mut Packet) -> Result<(), Reason> {
        for i in 0..p.len() {
            let mask = self.mask(cx);
            if mask != 0 {
                let byte = p.data_mut().and_then(|d| d.get_mut(i)).ok_or(Reason::NoBuffer)?;
                match self.kind {
                    Kind::Flip => *byte ^= mask,
                    Kind::Set => *byte |= mask,
                    Kind::Clear => *byte &= !mask,
                }
            }
        }
        Ok(())
    }
}

impl Configure for RandomBitErrors {
    const INFO: &'static Info = &Info {
        live: true,
        state: State::Replicated,
        args: &[
            Arg::required("P", "0 to 1", "probability that a bit is changed"),
            Arg::optional("KIND", "word", "flip", "flip, set (to 1) or clear (to 0)"),
            Arg::optional("ACTIVE", "boolean", "true", ACTIVE.doc),
            SEED,
        ],
        handlers: &[
            Handler::both("p_bit_error", "probability that a bit is changed"),
            Handler::both("error_kind", "flip, set or clear"),
            Handler::both("active", "if false, packets pass unchanged"),
        ],
        doc: "Changes each bit of a packet's data with probability P, whatever happened to the others.",
        example: "InfiniteSource(LIMIT 5) -> SetCRC32 -> RandomBitErrors(0.0001) -> CheckCRC32 -> Discard;",
        see: &["RandomDrop", "RandomDuplicate", "RandomReorder", "RandomDelay", "CheckCRC32"],
        ..Info::new("RandomBitErrors", "impairment", "changes bits by chance")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let share: Fraction = args.required("P");
        let kind = args.optional("KIND", Kind::Flip);
        let active = args.optional("ACTIVE", true);
        RandomBitErrors { share, errors: distribution(share.to_f64()), kind, dice: Dice::configure(args), active }
    }
}

impl Element for RandomBitErrors {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let mut out = cx.spare();
        for mut p in batch.drain() {
            match self.change(cx, &mut p) {
                Ok(()) => out.push(p),
                Err(why) => cx.drop(p, why),
            }
        }
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RandomBitErrors>() {
            self.dice.inherit(&old.dice);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "p_bit_error" => format!("{}", self.share),
            "active" => format!("{}", self.active),
            _ => match self.kind {
                Kind::Flip => "flip".into(),
                Kind::Set => "set".into(),
                Kind::Clear => "clear".into(),
            },
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "p_bit_error" => {
                self.share = value(text, handler)?;
                self.errors = distribution(self.share.to_f64());
            }
            "error_kind" => self.kind = value(text, handler)?,
            _ => self.active = value(text, handler)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::distribution;

    #[test]
    fn errors_in_a_byte_are_binomial() {
        assert_eq!(distribution(0.0), [1 << 32; 8]);
        assert_eq!(distribution(1.0), [0; 8]);
        let half = distribution(0.5).map(|n| n >> 24);
        assert_eq!(half, [1, 9, 37, 93, 163, 219, 247, 255]);
    }
}
