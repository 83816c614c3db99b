//! Creates packets as fast as it is allowed to.
use super::supply::{DEFAULT_DATA, Supply};
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Bytes};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};

/// Creates packets as fast as it is allowed to.
pub struct InfiniteSource {
    supply: Supply,
    burst: u64,
}

impl Configure for InfiniteSource {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/a",
        task: Task::IfPush,
        notifies: true,
        live: true,
        state: State::Single,
        args: &[
            Arg::optional("DATA", "bytes", "a text of 69 bytes", "what each packet holds"),
            Arg::optional("LIMIT", "packets", "-1", "ends after so many packets; below 0 for no end"),
            Arg::optional("BURST", "packets", "1", "packets created in one turn"),
            Arg::optional("ACTIVE", "boolean", "true", "whether it creates packets"),
            Arg::keyword("LENGTH", "bytes", "as DATA", "length of each packet; DATA is repeated or cut"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "whether packets get the time as annotation"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop after the last packet"),
            Arg::keyword("END_CALL", "handler, value", "", "writes that handler after the last packet"),
        ],
        handlers: &[
            Handler::read("count", "packets created so far"),
            Handler::both("active", "whether it creates packets"),
            Handler::both("burst", "packets created in one turn"),
            Handler::both("data", "what each packet holds; a value written is taken as it is"),
            Handler::both("length", "the LENGTH argument, -1 if there is none"),
            Handler::both("limit", "packets after which it ends"),
            Handler::write("reset", "sets count to 0 and starts again"),
        ],
        doc: "Creates packets with the same bytes, as fast as the graph takes them: it sleeps while its packets can go to full \
              queues only.",
        example: "InfiniteSource(DATA \\<00 01 02>, LIMIT 5, STOP true) -> Discard;",
        see: &["RatedSource", "TimedSource"],
        ..Info::new("InfiniteSource", "sources", "creates packets as fast as it can")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let data = args.optional("DATA", Bytes(DEFAULT_DATA.into()));
        let limit = args.optional("LIMIT", -1i64);
        let burst = args.optional("BURST", 1u32);
        let active = args.optional("ACTIVE", true);
        let timestamp = args.keyword("TIMESTAMP", true);
        let mut supply = Supply::configure(args, data, limit, active);
        supply.timestamp = timestamp;
        if burst == 0 {
            args.error("burst size must be >= 1");
        }
        InfiniteSource { supply, burst: burst.into() }
    }
}

impl Element for InfiniteSource {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if !cx.downstream_room() {
            return Activity::Idle;
        }
        if self.supply.left() > 0 {
            self.supply.create(cx, self.burst, batch);
            return Activity::Busy;
        }
        self.supply.finish(cx);
        Activity::Idle
    }
    fn pull(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        self.supply.create(cx, n as u64, batch);
        if self.supply.left() == 0 {
            self.supply.finish(cx);
            cx.rest();
        }
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<InfiniteSource>() {
            self.supply.inherit(&old.supply);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(self.supply.read(handler).unwrap_or_else(|| format!("{}", self.burst)))
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        if !self.supply.write(handler, text)? {
            let burst: u32 = value(text, handler)?;
            if burst == 0 {
                return Err("burst size must be >= 1".into());
            }
            self.burst = burst.into();
        }
        cx.set_runnable(true);
        cx.wake();
        Ok(())
    }
}
