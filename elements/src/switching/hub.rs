//! Copies packets to all outputs but that of the side they came from.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;

/// Copies packets to all outputs but that of the side they came from.
pub struct Hub;

impl Configure for Hub {
    const INFO: &'static Info = &Info {
        ports: "-/=",
        flow: "h/h",
        doc: "Sends a copy of each packet to every output, but not to the one that has the number of its input: so do \
              Ethernet hubs, but any packets will do. With a single port there is nowhere to go, and packets end there \
              as consumed.",
        example: "InfiniteSource(LIMIT 5) -> h :: Hub -> Discard; Idle -> [1] h [1] -> Discard;",
        see: &["Tee", "EtherSwitch", "ListenEtherSwitch"],
        ..Info::new("Hub", "switching", "copies packets to all outputs but that of the side they came from")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Hub
    }
}

impl Element for Hub {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        let Some(last) = (0..cx.outputs()).rfind(|&out| out != port) else { return cx.consume_all(batch) };
        for p in batch.drain() {
            for out in (0..last).filter(|&out| out != port) {
                match cx.copy(&p) {
                    Some(c) => cx.emit(out, c),
                    None => cx.no_buffer(),
                }
            }
            cx.emit(last, p);
        }
    }
}
