//! Sends packets to its outputs in turn.
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::{Batch, Fate};
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// Sends packets to its outputs in turn.
pub struct RoundRobinSwitch {
    next: usize,
}

impl Configure for RoundRobinSwitch {
    const INFO: &'static Info = &Info {
        ports: "1/1-",
        flow: "h/h",
        state: State::Single,
        doc: "Sends the first packet to output 0, the next one to output 1, and so on, and starts again after the last \
              output.",
        example: "InfiniteSource(LIMIT 5) -> s :: RoundRobinSwitch -> Discard; s[1] -> Discard;",
        see: &["Switch", "HashSwitch", "RoundRobinSched"],
        ..Info::new("RoundRobinSwitch", "switching", "sends packets to its outputs in turn")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        RoundRobinSwitch { next: 0 }
    }
}

impl Element for RoundRobinSwitch {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let outputs = cx.outputs();
        let next = &mut self.next;
        cx.sort(batch, |_| {
            let out = *next % outputs;
            *next = out + 1;
            if out == 0 { Fate::Keep } else { Fate::Move(out as u16) }
        });
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RoundRobinSwitch>() {
            self.next = old.next;
        }
    }
}
