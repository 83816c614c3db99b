//! Sends packets twice, by chance.
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

/// Sends packets twice, by chance.
pub struct RandomDuplicate {
    share: Fraction,
    dice: Dice,
    active: bool,
    copies: u64,
}

impl Configure for RandomDuplicate {
    const INFO: &'static Info = &Info {
        flow: "h/h",
        live: true,
        state: State::Replicated,
        args: &[Arg::required("P", "0 to 1", "share of the packets that are sent twice"), SEED, ACTIVE],
        handlers: &[
            Handler::both("probability", "share of the packets that are sent twice"),
            Handler::both("active", "if false, packets pass unchanged"),
            Handler::read("count", "copies made so far"),
        ],
        doc: "Sends each packet a second time with probability P, directly behind the first; copies have no copies.",
        example: "InfiniteSource(LIMIT 5) -> RandomDuplicate(1%) -> Discard;",
        see: &["RandomDrop", "RandomReorder", "RandomDelay", "RandomBitErrors", "Tee"],
        ..Info::new("RandomDuplicate", "impairment", "sends packets twice, by chance")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let share = args.required("P");
        RandomDuplicate { share, dice: Dice::configure(args), active: args.keyword("ACTIVE", true), copies: 0 }
    }
}

impl Element for RandomDuplicate {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let mut out = cx.spare();
        for p in batch.drain() {
            let copy = if self.dice.happens(cx, self.share) {
                let copy = cx.copy(&p);
                match copy {
                    Some(_) => self.copies += 1,
                    None => cx.no_buffer(),
                }
                copy
            } else {
                None
            };
            out.push(p);
            out.extend(copy);
        }
        out.append_to(batch);
        cx.give_spare(out);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RandomDuplicate>() {
            self.dice.inherit(&old.dice);
            self.copies = old.copies;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "probability" => format!("{}", self.share),
            "active" => format!("{}", self.active),
            _ => format!("{}", self.copies),
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
