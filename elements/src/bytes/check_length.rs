//! Separates packets that are too long.
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::reason::Reason;

/// Separates packets that are too long.
pub struct CheckLength(u32);

impl Configure for CheckLength {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        live: true,
        args: &[Arg::required("LENGTH", "bytes", "the greatest length that passes")],
        handlers: &[Handler::both("length", "the greatest length that passes")],
        doc: "Packets of at most LENGTH bytes go on; longer ones go to output 1 if that is connected, else they are \
              dropped as `bad_length`.",
        example: "InfiniteSource(LIMIT 5) -> c :: CheckLength(1500) -> Discard; c[1] -> Discard;",
        see: &["Truncate"],
        ..Info::new("CheckLength", "bytes", "separates packets that are too long")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        CheckLength(args.required("LENGTH"))
    }
}

impl Element for CheckLength {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| (p.len() > self.0 as usize).then_some(Reason::BadLength));
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.0))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.0 = value(text, handler)?;
        Ok(())
    }
}
