//! Creates a packet at each interval.
use super::supply::{DEFAULT_DATA, Supply};
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Bytes, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Creates a packet at each interval.
pub struct TimedSource {
    supply: Supply,
    /// Nanoseconds.
    interval: u64,
    /// When the next packet is due, nanoseconds since the epoch.
    next: Option<u64>,
}

impl Configure for TimedSource {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/h",
        live: true,
        state: State::Single,
        args: &[
            Arg::optional("INTERVAL", "time", "500ms", "time between two packets, seconds by default"),
            Arg::optional("DATA", "bytes", "a text of 69 bytes", "what each packet holds"),
            Arg::keyword("LIMIT", "packets", "-1", "ends after so many packets; below 0 for no end"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it creates packets"),
            Arg::keyword("LENGTH", "bytes", "as DATA", "length of each packet; DATA is repeated or cut"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop an interval after the last packet"),
            Arg::keyword("END_CALL", "handler, value", "", "writes that handler an interval after the last packet"),
        ],
        handlers: &[
            Handler::read("count", "packets created so far"),
            Handler::both("active", "whether it creates packets"),
            Handler::both("data", "what each packet holds; a value written is taken as it is"),
            Handler::both("interval", "time between two packets"),
            Handler::both("length", "the LENGTH argument, -1 if there is none"),
            Handler::both("limit", "packets after which it ends"),
            Handler::write("reset", "sets count to 0 and starts again"),
        ],
        doc: "Creates a packet with the same bytes every INTERVAL, the first one after one INTERVAL.",
        example: "TimedSource(200ms, \\<0800>) -> Discard;",
        see: &["InfiniteSource", "RatedSource"],
        ..Info::new("TimedSource", "sources", "creates a packet at each interval")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let interval = args.optional("INTERVAL", Interval(500_000_000)).0;
        let data = args.optional("DATA", Bytes(DEFAULT_DATA.into()));
        let limit = args.keyword("LIMIT", -1i64);
        let active = args.keyword("ACTIVE", true);
        args.ignore("HEADROOM"); // every packet has the pool's
        TimedSource { supply: Supply::configure(args, data, limit, active), interval, next: None }
    }
}

impl Element for TimedSource {
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.supply.active {
            let t = self.next.unwrap_or(cx.now().saturating_add(self.interval));
            self.next = Some(t);
            cx.timer_at(t);
        }
    }
    fn timer(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        let due = self.next.take();
        if self.supply.left() == 0 {
            return self.supply.finish(cx);
        }
        self.supply.create(cx, 1, batch);
        // From the time that was set, not from now: intervals do not add up delays.
        let t = due.unwrap_or(cx.now()).saturating_add(self.interval);
        self.next = Some(t);
        cx.timer_at(t);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<TimedSource>() {
            self.supply.inherit(&old.supply);
            self.next = old.next.filter(|_| self.interval == old.interval);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(self.supply.read(handler).unwrap_or_else(|| format!("{}", Interval(self.interval))))
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        if !self.supply.write(handler, text)? {
            self.interval = value::<Interval>(text, handler).ok().filter(|i| i.0 > 0).ok_or("bad interval")?.0;
        } else if matches!(handler, "active" | "reset") && self.supply.active && self.next.is_none() {
            let now = cx.now();
            self.next = Some(now);
            cx.timer_at(now);
        }
        Ok(())
    }
}
