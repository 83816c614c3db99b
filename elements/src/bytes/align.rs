//! Accepted, so that configurations which need aligned headers run unchanged.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Accepted, so that configurations which need aligned headers run unchanged.
pub struct Align;

impl Configure for Align {
    const INFO: &'static Info = &Info {
        args: &[
            Arg::required("MODULUS", "2, 4 or 8", "the alignment wanted"),
            Arg::required("OFFSET", "bytes", "what the address of the first byte should leave when divided by it"),
        ],
        doc: "Passes packets on as they are: headers are read through views that need no alignment. The arguments are \
              checked.",
        example: "InfiniteSource(LIMIT 5) -> Strip(14) -> Align(4, 0) -> Discard;",
        see: &["Strip"],
        ..Info::new("Align", "bytes", "accepted: no element needs aligned packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let modulus: u32 = args.required("MODULUS");
        let offset: u32 = args.required("OFFSET");
        if !matches!(modulus, 2 | 4 | 8) {
            args.error("MODULUS must be 2, 4, or 8");
        } else if offset >= modulus {
            args.error("OFFSET must be smaller than MODULUS");
        }
        Align
    }
}

impl Element for Align {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, _batch: &mut Batch) {}
}
