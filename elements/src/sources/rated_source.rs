//! Creates packets at a rate.
use super::supply::{DEFAULT_DATA, Supply};
use crate::shaping::TokenBucket;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Bandwidth, Bytes};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};

/// Creates packets at a rate.
pub struct RatedSource {
    supply: Supply,
    /// Packets a second.
    rate: u64,
    bucket: TokenBucket,
}

/// Packets that may be made up for after a pause.
fn burst(rate: u64) -> u64 {
    (rate / 100).max(2)
}

impl RatedSource {
    /// Creates what the rate allows, at most `n`; false when it allows nothing yet.
    fn create(&mut self, cx: &mut Context<'_>, n: usize, batch: &mut Batch) -> bool {
        self.bucket.fill(cx.now());
        let allowed = self.bucket.tokens();
        let made = self.supply.create(cx, allowed.min(n as u64), batch);
        self.bucket.remove(made);
        if allowed == 0
            && let Some(t) = self.bucket.time_of(1)
        {
            cx.timer_at(t);
        }
        allowed > 0
    }
}

impl Configure for RatedSource {
    const INFO: &'static Info = &Info {
        ports: "0/1",
        flow: "/a",
        task: Task::IfPush,
        notifies: true,
        live: true,
        state: State::Single,
        args: &[
            Arg::optional("DATA", "bytes", "a text of 69 bytes", "what each packet holds"),
            Arg::optional("RATE", "packets/s", "10", "packets a second; 0 for no limit"),
            Arg::optional("LIMIT", "packets", "-1", "ends after so many packets; below 0 for no end"),
            Arg::optional("ACTIVE", "boolean", "true", "whether it creates packets"),
            Arg::keyword("BANDWIDTH", "bandwidth", "", "sets RATE so that packets bring so many bytes a second"),
            Arg::keyword("LENGTH", "bytes", "as DATA", "length of each packet; DATA is repeated or cut"),
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop after the last packet"),
            Arg::keyword("END_CALL", "handler, value", "", "writes that handler after the last packet"),
        ],
        handlers: &[
            Handler::read("count", "packets created so far"),
            Handler::both("active", "whether it creates packets"),
            Handler::both("data", "what each packet holds; a value written is taken as it is"),
            Handler::both("length", "the LENGTH argument, -1 if there is none"),
            Handler::both("limit", "packets after which it ends"),
            Handler::both("rate", "packets a second"),
            Handler::write("reset", "sets count to 0 and starts again"),
        ],
        doc: "Creates packets with the same bytes at a steady rate: the first at once. Packets that could not be sent in \
              time are made up for, up to a hundredth of a second's worth and at least two.",
        example: "RatedSource(\\<0800>, 10, 1000) -> Queue -> Unqueue -> Discard;",
        see: &["InfiniteSource", "TimedSource"],
        ..Info::new("RatedSource", "sources", "creates packets at a rate")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let data = args.optional("DATA", Bytes(DEFAULT_DATA.into()));
        let rate = args.optional("RATE", 10u32);
        let limit = args.optional("LIMIT", -1i64);
        let active = args.optional("ACTIVE", true);
        let bandwidth = args.keyword("BANDWIDTH", Bandwidth(0)).0;
        let supply = Supply::configure(args, data, limit, active);
        let rate = match bandwidth {
            0 => rate.into(),
            b => (b / supply.packet_len().max(1) as u64).max(1),
        };
        let mut bucket = TokenBucket::new(rate, burst(rate));
        bucket.set(1);
        RatedSource { supply, rate, bucket }
    }
}

impl Element for RatedSource {
    fn run(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        if self.supply.left() == 0 {
            self.supply.finish(cx);
            return Activity::Idle;
        }
        if self.create(cx, cx.burst(), batch) { Activity::Busy } else { Activity::Idle }
    }
    fn pull(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        if self.supply.left() == 0 {
            self.supply.finish(cx);
            cx.rest();
        } else if !self.create(cx, n, batch) {
            cx.rest(); // the timer wakes those who pull
        }
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        cx.wake();
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<RatedSource>() {
            self.supply.inherit(&old.supply);
            self.bucket.inherit(&old.bucket);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(self.supply.read(handler).unwrap_or_else(|| format!("{}", self.rate)))
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        if self.supply.write(handler, text)? {
            if matches!(handler, "active" | "reset") {
                self.bucket.fill(cx.now());
                self.bucket.set(1);
            }
        } else {
            self.rate = value::<u32>(text, handler)?.into();
            self.bucket = self.bucket.with_limits(self.rate, burst(self.rate));
        }
        cx.set_runnable(true);
        cx.wake();
        Ok(())
    }
}
