//! Notes the first and the last timestamp.
use crate::print::time::Seconds;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Notes the first and the last timestamp.
pub struct TimeRange {
    simple: bool,
    /// Nanoseconds since the epoch; both 0 before the first packet.
    first: u64,
    last: u64,
}

impl Configure for TimeRange {
    const INFO: &'static Info = &Info {
        live: true,
        state: State::Single,
        args: &[Arg::keyword("SIMPLE", "boolean", "false", "packets come in the order of their timestamps")],
        handlers: &[
            Handler::read("first", "the smallest timestamp"),
            Handler::read("last", "the greatest timestamp"),
            Handler::read("range", "both"),
            Handler::read("interval", "the time between them"),
            Handler::write("reset", "forgets both"),
        ],
        doc: "Passes packets on unchanged and notes the smallest and the greatest timestamp annotation.",
        example: "InfiniteSource(LIMIT 5) -> TimeRange -> Discard;",
        see: &["SetTimestamp", "SetTimestampDelta"],
        ..Info::new("TimeRange", "bytes", "notes the first and the last timestamp")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        TimeRange { simple: args.keyword("SIMPLE", false), first: 0, last: 0 }
    }
}

impl Element for TimeRange {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for t in batch.iter().map(|p| p.timestamp()) {
            if self.first == 0 {
                (self.first, self.last) = (t, t);
            } else if self.simple {
                self.last = t;
            } else {
                (self.first, self.last) = (self.first.min(t), self.last.max(t));
            }
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<TimeRange>() {
            (self.first, self.last) = (old.first, old.last);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        let (first, last) = (Seconds(self.first), Seconds(self.last));
        Ok(match handler {
            "first" => format!("{first}"),
            "last" => format!("{last}"),
            "range" => format!("{first} {last}"),
            _ => format!("{}", Seconds(self.last.saturating_sub(self.first))),
        })
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, _text: &str) -> Result<(), HandlerError> {
        (self.first, self.last) = (0, 0);
        Ok(())
    }
}
