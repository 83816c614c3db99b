//! Splits a packet stream at a rate.
use super::limit::{Limit, PACKET_ARGS};
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Handler, Info, State};
use sluice_dataplane::reason::Reason;

/// Splits a packet stream at a rate: of packets, or of their bytes.
pub struct RatedSplitter<const BYTES: bool = false> {
    limit: Limit<BYTES>,
}

impl<const BYTES: bool> RatedSplitter<BYTES> {
    pub(super) const HANDLERS: &'static [Handler] = &[Handler::both("rate", "the RATE argument")];

    pub(super) fn from_args(args: &mut Args<'_>) -> Self {
        RatedSplitter { limit: Limit::configure(args) }
    }
}

impl Configure for RatedSplitter {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/h",
        live: true,
        state: State::Single,
        args: PACKET_ARGS,
        handlers: Self::HANDLERS,
        doc: "Passes at most RATE packets a second through output 0, and sends what is above that to output 1 if it is \
              connected; else it is dropped as `policed`. A token bucket allows bursts.",
        example: "InfiniteSource(LIMIT 5) -> s :: RatedSplitter(1000) -> Discard; s[1] -> Discard;",
        see: &["BandwidthRatedSplitter", "Meter", "Shaper", "RatedUnqueue"],
        ..Info::new("RatedSplitter", "shaping", "splits a packet stream at a rate in packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}

impl<const BYTES: bool> Element for RatedSplitter<BYTES> {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.limit.fill(cx.now());
        cx.check(batch, |p| if self.limit.pass(p.len()) { None } else { Some(Reason::Policed) });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Self>() {
            self.limit.inherit(&old.limit);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(self.limit.read_rate())
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        self.limit.write_rate(text)
    }
}
