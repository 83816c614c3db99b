//! Limits the length of packets.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Limits the length of packets.
pub struct Truncate {
    length: usize,
    extra: bool,
}

impl Configure for Truncate {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::required("LENGTH", "bytes", "the most that a packet keeps"),
            Arg::keyword(
                "EXTRA_LENGTH",
                "boolean",
                "true",
                "whether the extra length annotation grows by what was cut",
            ),
        ],
        doc: "Shortens packets to at most LENGTH bytes.",
        example: "InfiniteSource(LIMIT 5) -> Truncate(40) -> Discard;",
        see: &["Pad", "Strip"],
        ..Info::new("Truncate", "bytes", "limits the length of packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let length = args.required::<u32>("LENGTH") as usize;
        Truncate { length, extra: args.keyword("EXTRA_LENGTH", true) }
    }
}

impl Element for Truncate {
    fn process(&mut self, _cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.iter_mut().filter(|p| p.len() > self.length) {
            if self.extra {
                let cut = (p.len() - self.length) as u32;
                p.set_extra_length(p.extra_length().saturating_add(cut));
            }
            p.truncate(self.length);
        }
    }
}
