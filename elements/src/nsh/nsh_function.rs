//! What a service function does to the NSH header (RFC 8300 section 2.3).
use super::header::decrement_index;
use super::log::Log;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};
use sluice_dataplane::reason::Reason;

/// Takes the service index down by 1.
pub struct NSHFunction {
    log: Log,
}

impl Configure for NSHFunction {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        state: State::Replicated,
        doc: "Takes the service index of packets with a marked NSH header down by exactly 1: the last element of a service \
              function that knows NSH, behind the service itself. A packet whose index is 0 already goes to output 1 if that \
              is connected, else it is dropped as `nsh_index`, and logged, a line a second at most: the index never wraps. The \
              time to live is left alone; only NSHForwarder changes that.",
        example: "InfiniteSource(LIMIT 5) -> NSHEncap(10, NEXT ethernet) -> CheckNSHHeader -> NSHFunction -> Discard;",
        see: &["NSHForwarder", "NSHProxy", "NSHReclassify"],
        ..Info::new("NSHFunction", "nsh", "takes the NSH service index down by 1")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        NSHFunction { log: Log::default() }
    }
}

impl Element for NSHFunction {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let log = &mut self.log;
        batch.divert(
            |p| decrement_index(p).err(),
            |p, why| {
                if why == Reason::NshIndex {
                    log.say(cx, format_args!("NSH service index is 0"));
                }
                match why {
                    Reason::NoBuffer => cx.drop(p, why),
                    why => cx.emit_or_drop(1, p, why),
                }
            },
        );
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.log = old.log;
        }
    }
}
