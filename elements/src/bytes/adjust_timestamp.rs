//! Moves timestamp annotations in time.
use crate::print::time::Seconds;
use alloc::string::ToString;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};

/// Moves timestamp annotations in time.
pub struct AdjustTimestamp {
    by: Seconds,
    /// Packets without a timestamp get one.
    all: bool,
}

impl Configure for AdjustTimestamp {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("TIME", "seconds", "0", "what is added; may be below 0"),
            Arg::keyword("FIRST", "boolean", "false", "not supported: there is no first timestamp annotation"),
            Arg::keyword("ALL", "boolean", "false", "adds to a timestamp of 0, too"),
        ],
        handlers: &[Handler::both("time", "what is added")],
        doc: "Adds TIME to the timestamp annotation of each packet. Packets without one, whose timestamp is 0, pass \
              unchanged, unless ALL is set.",
        example: "InfiniteSource(LIMIT 5) -> SetTimestamp -> AdjustTimestamp(-0.5) -> Discard;",
        see: &["SetTimestamp", "SetTimestampDelta"],
        ..Info::new("AdjustTimestamp", "bytes", "moves timestamps in time")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let by = args.optional("TIME", Seconds(0));
        if args.keyword("FIRST", false) {
            args.error("FIRST: packets have no first timestamp annotation");
        }
        AdjustTimestamp { by, all: args.keyword("ALL", false) }
    }
}

impl Element for AdjustTimestamp {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.iter_mut() {
            let t = p.timestamp();
            if t != 0 || self.all {
                p.set_timestamp(t.wrapping_add(self.by.0)); // both may be below 0
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(self.by.to_string())
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.by = value(text, handler)?;
        Ok(())
    }
}
