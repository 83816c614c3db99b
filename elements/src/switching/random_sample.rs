//! Passes a share of the packets, by chance.
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

/// Passes a share of the packets, by chance.
pub struct RandomSample {
    share: Fraction,
    active: bool,
    drops: u64,
}

impl Configure for RandomSample {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        state: State::Replicated,
        args: &[
            Arg::optional("P", "0 to 1", "", "share of the packets that pass"),
            Arg::keyword("SAMPLE", "0 to 1", "", "the same"),
            Arg::keyword("DROP", "0 to 1", "", "share of the packets that do not pass, instead of P"),
            Arg::keyword("ACTIVE", "boolean", "true", "if false, all packets pass"),
        ],
        handlers: &[
            Handler::both("sampling_prob", "share of the packets that pass"),
            Handler::both("drop_prob", "share of the packets that do not pass"),
            Handler::both("active", "if false, all packets pass"),
            Handler::read("drops", "packets that did not pass"),
        ],
        doc: "Passes each packet with probability P. The others go to output 1 if it is connected, else they are dropped \
              as `sampled`. One of P, SAMPLE and DROP must be given.",
        example: "InfiniteSource(LIMIT 5) -> RandomSample(0.25) -> Discard;",
        see: &["Switch", "RatedSplitter"],
        ..Info::new("RandomSample", "switching", "passes a share of the packets, by chance")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let p = args.optional_some::<Fraction>("P");
        let sample = args.keyword_some::<Fraction>("SAMPLE").or(p);
        let drop = args.keyword_some::<Fraction>("DROP");
        let active = args.keyword("ACTIVE", true);
        let share = sample.or(drop.map(Fraction::complement));
        if share.is_none() {
            args.error("sampling probability must be between 0 and 1");
        }
        RandomSample { share: share.unwrap_or(Fraction::ONE), active, drops: 0 }
    }
}

impl Element for RandomSample {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        let had = batch.len();
        let mut passed = cx.spare();
        for p in batch.drain() {
            if cx.random() & (Fraction::ONE.bits() - 1) < self.share.bits() {
                passed.push(p);
            } else {
                cx.emit_or_drop(1, p, Reason::Sampled);
            }
        }
        passed.append_to(batch);
        cx.give_spare(passed);
        self.drops += (had - batch.len()) as u64;
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RandomSample>() {
            self.drops = old.drops;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "sampling_prob" => format!("{}", self.share),
            "drop_prob" => format!("{}", self.share.complement()),
            "active" => format!("{}", self.active),
            _ => format!("{}", self.drops),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "sampling_prob" => self.share = value(text, "SAMPLE")?,
            "drop_prob" => self.share = value::<Fraction>(text, "DROP")?.complement(),
            _ => self.active = value(text, "ACTIVE")?,
        }
        Ok(())
    }
}
