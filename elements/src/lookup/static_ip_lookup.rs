//! Looks up routes that never change.
use super::router::{ARGS, DOC, READ_HANDLERS, Router};
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Info, State};

/// Looks up routes that never change.
pub struct StaticIPLookup(Router);

impl Configure for StaticIPLookup {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        state: State::Shared,
        args: ARGS,
        handlers: READ_HANDLERS,
        doc: DOC,
        example: "InfiniteSource(LIMIT 5) -> r :: StaticIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;",
        see: &["DirectIPLookup", "LinearIPLookup", "RadixIPLookup", "RangeIPLookup"],
        ..Info::new("StaticIPLookup", "lookup", "looks up routes that never change")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        StaticIPLookup(Router::configure(args, env, true))
    }
}

impl Element for StaticIPLookup {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.route(cx, batch);
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<StaticIPLookup>() {
            self.0.take_table(cx, &mut old.0);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, parameter: &str) -> Reply {
        self.0.read(handler, parameter)
    }
}
