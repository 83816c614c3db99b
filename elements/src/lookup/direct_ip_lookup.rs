//! Looks up routes.
use super::router::{ARGS, DOC, HANDLERS, Router};
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Info, State};

/// Looks up routes.
pub struct DirectIPLookup(Router);

impl Configure for DirectIPLookup {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        live: true,
        state: State::Shared,
        args: ARGS,
        handlers: HANDLERS,
        doc: DOC,
        example: "InfiniteSource(LIMIT 5) -> r :: DirectIPLookup(10.0.0.0/8 0, 0.0.0.0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;",
        see: &["LinearIPLookup", "RadixIPLookup", "RangeIPLookup", "StaticIPLookup"],
        ..Info::new("DirectIPLookup", "lookup", "looks up routes")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        DirectIPLookup(Router::configure(args, env, false))
    }
}

impl Element for DirectIPLookup {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        self.0.route(cx, batch);
    }
    fn take_state(&mut self, cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<DirectIPLookup>() {
            self.0.take_table(cx, &mut old.0);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, parameter: &str) -> Reply {
        self.0.read(handler, parameter)
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.0.write(cx, handler, text)
    }
}
