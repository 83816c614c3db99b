//! Brings back stripped IP headers.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::reason::Reason;

/// Brings back stripped IP headers.
pub struct UnstripIPHeader;

impl Configure for UnstripIPHeader {
    const INFO: &'static Info = &Info {
        doc: "Brings back what was removed from the marked IP header on: the opposite of StripIPHeader and of what follows it. \
              A packet whose header is still there passes unchanged; one without a marked header is dropped as `bad_ip`, \
              one without room for it as `no_headroom`.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> StripIPHeader -> UnstripIPHeader -> Discard;",
        see: &["StripIPHeader", "StripTCPHeader", "Unstrip"],
        ..Info::new("UnstripIPHeader", "ip", "brings back stripped IP headers")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        UnstripIPHeader
    }
}

impl Element for UnstripIPHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| match p.net_off_signed() {
            Some(off) if off < 0 => (!p.push(off.unsigned_abs())).then_some(Reason::NoHeadroom),
            Some(_) => None,
            None => Some(Reason::BadIp),
        });
    }
}
