//! Sets the timestamp annotation.
use sluice_dataplane::args::Args;
use sluice_dataplane::args::Interval;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Sets the timestamp annotation.
pub struct SetTimestamp(Option<u64>);

impl Configure for SetTimestamp {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("TIMESTAMP", "seconds", "now", "seconds since the Unix epoch, with decimals"),
            Arg::keyword("FIRST", "boolean", "false", "not supported: there is no first timestamp annotation"),
            Arg::keyword("DELTA", "boolean", "false", "not supported: see SetTimestampDelta"),
        ],
        doc: "Sets the timestamp annotation to the time at which the packet came here, or to TIMESTAMP.",
        example: "InfiniteSource(LIMIT 5) -> SetTimestamp -> Discard;",
        see: &["SetTimestampDelta", "TimeRange"],
        ..Info::new("SetTimestamp", "bytes", "sets the timestamp annotation")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let at = args.optional_some::<Interval>("TIMESTAMP");
        if args.keyword("FIRST", false) {
            args.error("FIRST: packets have no first timestamp annotation");
        }
        if args.keyword("DELTA", false) {
            args.error("SetTimestamp(DELTA) is deprecated, use SetTimestampDelta");
        }
        SetTimestamp(at.map(|t| t.0))
    }
}

impl Element for SetTimestamp {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        match self.0 {
            Some(t) => batch.iter_mut().for_each(|p| p.set_timestamp(t)),
            None => batch.iter_mut().for_each(|p| p.set_timestamp(cx.now())),
        }
    }
}
