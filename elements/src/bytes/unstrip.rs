//! Brings back bytes that were stripped off the start.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::reason::Reason;

/// Brings back bytes that were stripped off the start.
pub struct Unstrip(usize);

impl Configure for Unstrip {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::required("LENGTH", "bytes", "how many")],
        doc: "Puts LENGTH bytes before the start of each packet: those that Strip took away, else whatever lies there. \
              A packet without room for them is dropped as `no_headroom`.",
        example: "InfiniteSource(LIMIT 5) -> Strip(14) -> Unstrip(14) -> Discard;",
        see: &["Strip"],
        ..Info::new("Unstrip", "bytes", "brings back bytes stripped off the start")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Unstrip(args.required::<u32>("LENGTH") as usize)
    }
}

impl Element for Unstrip {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| (!p.push(self.0)).then_some(Reason::NoHeadroom));
    }
}
