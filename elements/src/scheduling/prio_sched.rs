//! Pulls from the first input that has packets.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;

/// Pulls from the first input that has packets.
pub struct PrioSched;

impl Configure for PrioSched {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        doc: "Answers each pull with a packet from the first input that has one: input 0 before input 1, and so on.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> s :: PrioSched -> Unqueue -> Discard;
                  InfiniteSource(LIMIT 5) -> Queue -> [1] s;",
        see: &["RoundRobinSched", "StrideSched", "Queue"],
        ..Info::new("PrioSched", "scheduling", "pulls from the first input that has packets")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        PrioSched
    }
}

impl Element for PrioSched {
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let want = batch.len().saturating_add(n);
        for input in 0..cx.inputs() {
            // An element between may take packets out: an input is done when it gives none at all.
            while batch.len() < want && cx.upstream_active(input) {
                let had = batch.len();
                up.pull(cx, input, want - had, batch);
                if batch.len() == had {
                    break;
                }
            }
        }
    }
}
