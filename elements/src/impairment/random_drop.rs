//! Loses packets by chance.
use super::Dice;
use super::dice::{ACTIVE, SEED};
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Fraction};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::reason::Reason;

/// Loses packets by chance.
pub struct RandomDrop {
    share: Fraction,
    dice: Dice,
    active: bool,
}

impl Configure for RandomDrop {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        state: State::Replicated,
        args: &[Arg::required("P", "0 to 1", "share of the packets that are lost"), SEED, ACTIVE],
        handlers: &[
            Handler::both("probability", "share of the packets that are lost"),
            Handler::both("active", "if false, packets pass unchanged"),
        ],
        doc: "Loses each packet with probability P, whatever happened to the others: it goes to output 1 if that is \
              connected, else it is dropped as `sampled`.",
        example: "InfiniteSource(LIMIT 5) -> RandomDrop(1%, SEED 7) -> Discard;",
        see: &["RandomSample", "RandomDuplicate", "RandomReorder", "RandomDelay", "RandomBitErrors"],
        ..Info::new("RandomDrop", "impairment", "loses packets by chance")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let share = args.required("P");
        RandomDrop { share, dice: Dice::configure(args), active: args.keyword("ACTIVE", true) }
    }
}

impl Element for RandomDrop {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let mut passed = cx.spare();
        for p in batch.drain() {
            match self.dice.happens(cx, self.share) {
                true => cx.emit_or_drop(1, p, Reason::Sampled),
                false => passed.push(p),
            }
        }
        passed.append_to(batch);
        cx.give_spare(passed);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RandomDrop>() {
            self.dice.inherit(&old.dice);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "probability" => format!("{}", self.share),
            _ => format!("{}", self.active),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "probability" => self.share = value(text, handler)?,
            _ => self.active = value(text, handler)?,
        }
        Ok(())
    }
}
