//! Copies packets to all outputs.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Copies packets to all outputs.
pub struct Tee;

impl Configure for Tee {
    const INFO: &'static Info = &Info {
        ports: "1/1-",
        flow: "h/h",
        args: &[Arg::optional("N", "outputs", "as connected", "number of outputs, checked against the connections")],
        doc: "Sends a copy of each packet to every output. Copies of up to 256 bytes are made at once; longer ones share \
              the bytes until somebody writes to them.\n\nOne packet's copies leave in the order of the outputs. With a \
              burst of more than one packet, all copies of the burst leave through output 0, then all through output \
              1, and so on: order holds on each path, not across paths.",
        example: "InfiniteSource(LIMIT 5) -> t :: Tee -> Discard; t[1] -> Discard;",
        see: &["PullTee", "PaintTee"],
        ..Info::new("Tee", "switching", "copies packets to all outputs")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let n = args.optional("N", env.outputs());
        if n != env.outputs() {
            args.error(alloc::format!("{n} outputs wanted, {} connected", env.outputs()));
        }
        Tee
    }
}

impl Element for Tee {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let last = cx.outputs() - 1;
        for p in batch.drain() {
            for out in 0..last {
                match cx.copy(&p) {
                    Some(c) => cx.emit(out, c),
                    None => cx.no_buffer(),
                }
            }
            cx.emit(last, p);
        }
    }
}
