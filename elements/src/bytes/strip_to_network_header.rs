//! Makes the network header the first byte.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Makes the network header the first byte.
pub struct StripToNetworkHeader;

impl Configure for StripToNetworkHeader {
    const INFO: &'static Info = &Info {
        doc: "Removes the bytes before the network header, or brings back those of them that were stripped. A packet \
              that nobody has marked a network header of passes unchanged.",
        example: "InfiniteSource(LIMIT 5) -> StripToNetworkHeader -> Discard;",
        see: &["Strip", "Unstrip"],
        ..Info::new("StripToNetworkHeader", "bytes", "makes the network header the first byte")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        StripToNetworkHeader
    }
}

fn strip(p: &mut Packet) -> Option<Reason> {
    let off = p.net_off_signed()?;
    let n = off.unsigned_abs();
    if off < 0 { (!p.push(n)).then_some(Reason::NoHeadroom) } else { (!p.strip(n)).then_some(Reason::Truncated) }
}

impl Element for StripToNetworkHeader {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, strip);
    }
}
