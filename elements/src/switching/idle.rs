//! Never sends, and ends what it gets.
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, Paths};

/// Never sends, and ends what it gets.
pub struct Idle;

impl Configure for Idle {
    const INFO: &'static Info = &Info {
        ports: "-/-",
        notifies: true,
        paths: Paths::None,
        doc: "Never pulls, never sends, and ends every packet that is pushed to it. Takes any number of inputs and \
              outputs, push and pull mixed: a plug for ports that must be connected.",
        example: "Idle -> Queue -> Idle;",
        see: &["Discard", "Null"],
        ..Info::new("Idle", "switching", "never sends, and ends what it gets")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Idle
    }
}

impl Element for Idle {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.rest(); // nobody need ever pull
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.consume_all(batch);
    }
    fn pull(&mut self, _cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, _n: usize, _batch: &mut Batch) {}
}
