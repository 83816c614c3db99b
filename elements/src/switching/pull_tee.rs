//! Copies packets that are pulled.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Copies packets that are pulled.
pub struct PullTee;

impl Configure for PullTee {
    const INFO: &'static Info = &Info {
        ports: "1/1-",
        flow: "l/lh",
        args: &[Arg::optional("N", "outputs", "as connected", "number of outputs, checked against the connections")],
        doc: "Packets are pulled through output 0; a copy of each is pushed to every other output. Copies of up to 256 \
              bytes are made at once; longer ones share the bytes until somebody writes to them.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> t :: PullTee -> Unqueue -> Discard; t[1] -> Discard;",
        see: &["Tee"],
        ..Info::new("PullTee", "switching", "copies packets that are pulled")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let n = args.optional("N", env.outputs());
        if n != env.outputs() {
            args.error(alloc::format!("{n} outputs wanted, {} connected", env.outputs()));
        }
        PullTee
    }
}

impl Element for PullTee {
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let had = batch.len();
        up.pull(cx, 0, n, batch);
        for p in &batch.as_slice()[had..] {
            for out in 1..cx.outputs() {
                match cx.copy(p) {
                    Some(c) => cx.emit(out, c),
                    None => cx.no_buffer(),
                }
            }
        }
    }
}
