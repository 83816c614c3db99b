//! Pulls from its inputs in turn.
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// Pulls from its inputs in turn.
pub struct RoundRobinSched {
    next: usize,
}

impl Configure for RoundRobinSched {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        state: State::Single,
        doc: "Answers each pull with a packet from the next input that has one, starting behind the input that was last \
              pulled from.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> s :: RoundRobinSched -> Unqueue -> Discard;
                  InfiniteSource(LIMIT 5) -> Queue -> [1] s;",
        see: &["PrioSched", "StrideSched", "Queue", "RoundRobinSwitch"],
        ..Info::new("RoundRobinSched", "scheduling", "pulls from its inputs in turn")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        RoundRobinSched { next: 0 }
    }
}

impl Element for RoundRobinSched {
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let (inputs, want) = (cx.inputs(), batch.len().saturating_add(n));
        let mut empty = 0;
        while batch.len() < want && empty < inputs {
            let input = self.next % inputs;
            let had = batch.len();
            if cx.upstream_active(input) {
                up.pull(cx, input, 1, batch);
            }
            self.next = input + 1;
            empty = if batch.len() > had { 0 } else { empty + 1 };
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RoundRobinSched>() {
            self.next = old.next;
        }
    }
}
