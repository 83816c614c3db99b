//! Removes IP headers.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::reason::Reason;

/// Removes IP headers.
pub struct StripIPHeader;

impl Configure for StripIPHeader {
    const INFO: &'static Info = &Info {
        doc: "Removes everything before the transport header: the marked IP header with its options, and what lies \
              before it. A packet without a marked header, or that ends within it, is dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> StripIPHeader -> Discard;",
        see: &["CheckIPHeader", "MarkIPHeader"],
        ..Info::new("StripIPHeader", "ip", "removes IP headers")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        StripIPHeader
    }
}

impl Element for StripIPHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| match p.transport_off() {
            Some(n) if p.strip(n) => None,
            Some(_) => Some(Reason::Truncated),
            None => Some(Reason::BadIp),
        });
    }
}
