//! Exchanges source and destination.
use super::rewrite;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::wire::Ethernet;

/// Exchanges source and destination.
pub struct EtherMirror;

impl Configure for EtherMirror {
    const INFO: &'static Info = &Info {
        doc: "Exchanges the source and the destination address of Ethernet frames. Shorter packets are dropped as \
              `truncated`.",
        example: "InfiniteSource(LIMIT 5) -> EtherMirror -> Discard;",
        see: &["EtherRewrite", "EtherEncap"],
        ..Info::new("EtherMirror", "ethernet", "exchanges source and destination")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        EtherMirror
    }
}

impl Element for EtherMirror {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| rewrite(p, 0, Ethernet::swap));
    }
}
