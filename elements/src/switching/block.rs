//! Sends packets of flows with a high rate aside.
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Anno;

/// Sends packets of flows with a high rate aside.
pub struct Block {
    threshold: i32,
}

impl Configure for Block {
    const INFO: &'static Info = &Info {
        ports: "1/2",
        flow: "h/h",
        live: true,
        args: &[Arg::required("THRESH", "rate", "greatest rate that passes; 0 lets all pass")],
        handlers: &[Handler::both("thresh", "the THRESH argument")],
        doc: "Packets whose forward rate annotation (FWD_RATE, which shares its bytes with AGGREGATE) is at most THRESH go \
              to output 0, the others to output 1.",
        example: "InfiniteSource(LIMIT 5) -> b :: Block(500) -> Discard; b[1] -> Discard;",
        see: &["Meter", "RatedSplitter"],
        ..Info::new("Block", "switching", "sends packets of flows with a high rate aside")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Block { threshold: args.required("THRESH") }
    }
}

impl Element for Block {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let threshold = self.threshold;
        if threshold != 0 {
            let low = |rate: u32| rate as i32 <= threshold;
            cx.sort(batch, |p| if low(p.anno(Anno::Aggregate)) { Fate::Keep } else { Fate::Move(1) });
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.threshold))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.threshold = value(text, handler)?;
        Ok(())
    }
}
