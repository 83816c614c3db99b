//! Makes timestamps relative.
use crate::print::time::Seconds;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::args::Word;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Makes timestamps relative.
pub struct SetTimestampDelta {
    since_now: bool,
    /// Timestamp of the first packet, nanoseconds since the epoch; 0 before it came.
    first: u64,
}

impl Configure for SetTimestampDelta {
    const INFO: &'static Info = &Info {
        live: true,
        state: State::Single,
        args: &[Arg::keyword("TYPE", "word", "RANGE", "RANGE: since the first packet; NOW: until now")],
        handlers: &[
            Handler::read("first", "timestamp of the first packet"),
            Handler::write("reset", "the next packet becomes the first"),
        ],
        doc: "Replaces the timestamp annotation by the time that passed between the first packet's timestamp and the \
              packet's own, or (NOW) between the packet's own and the present. Packets without timestamp pass \
              unchanged; a difference below zero becomes 0.",
        example: "InfiniteSource(LIMIT 5) -> SetTimestampDelta -> Discard;",
        see: &["SetTimestamp", "TimeRange"],
        ..Info::new("SetTimestampDelta", "bytes", "makes timestamps relative")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let kind = args.keyword("TYPE", Word("RANGE".into())).0;
        match &*kind {
            "RANGE" | "NOW" => {}
            "FIRST" => args.error("TYPE: packets have no first timestamp annotation"),
            _ => args.error("bad TYPE"),
        }
        SetTimestampDelta { since_now: kind == "NOW", first: 0 }
    }
}

impl Element for SetTimestampDelta {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.iter_mut() {
            let t = p.timestamp();
            if t == 0 {
                continue;
            }
            if self.since_now {
                p.set_timestamp(cx.now().saturating_sub(t));
                continue;
            }
            if self.first == 0 {
                self.first = t;
            }
            p.set_timestamp(t.saturating_sub(self.first));
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<SetTimestampDelta>() {
            self.first = old.first;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}\n", Seconds(self.first)))
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        self.first = 0;
        Ok(())
    }
}
