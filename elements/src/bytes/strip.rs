//! Removes bytes from the start.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::reason::Reason;

/// Removes bytes from the start.
pub struct Strip(usize);

impl Configure for Strip {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::required("LENGTH", "bytes", "how many")],
        doc: "Removes the first LENGTH bytes of each packet. They stay in the buffer: Unstrip brings them back. A packet \
              that is shorter is dropped as `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> Strip(14) -> Discard;",
        see: &["Unstrip", "StripToNetworkHeader", "Truncate"],
        ..Info::new("Strip", "bytes", "removes bytes from the start")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Strip(args.required::<u32>("LENGTH") as usize)
    }
}

impl Element for Strip {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| (!p.strip(self.0)).then_some(Reason::Truncated));
    }
}
