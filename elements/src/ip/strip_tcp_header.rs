//! Removes TCP headers.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::Tcp;

/// Removes TCP headers.
pub struct StripTCPHeader;

impl Configure for StripTCPHeader {
    const INFO: &'static Info = &Info {
        doc: "Removes everything before the payload of a TCP segment: its header with the options, at the marked transport \
              header, and what lies before it. A packet without a marked header, or in which no TCP header is there, is \
              dropped as `bad_transport`. Put it behind CheckTCPHeader.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> CheckTCPHeader -> StripTCPHeader -> Discard;",
        see: &["CheckTCPHeader", "StripIPHeader", "UnstripIPHeader", "Strip"],
        ..Info::new("StripTCPHeader", "ip", "removes TCP headers")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        StripTCPHeader
    }
}

fn strip(p: &mut Packet) -> Option<Reason> {
    let payload = p.transport().and_then(|t| Tcp::parse(t).ok()).map(|(_, payload)| payload.len());
    let stripped = payload.is_some_and(|payload| p.strip(p.len() - payload));
    (!stripped).then_some(Reason::BadTransport)
}

impl Element for StripTCPHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, strip);
    }
}
