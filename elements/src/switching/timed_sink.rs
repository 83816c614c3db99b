//! Pulls a packet at intervals and ends it.
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};

/// Pulls a packet at intervals and ends it.
pub struct TimedSink {
    /// Nanoseconds.
    interval: u64,
    /// When it pulls next, nanoseconds since the epoch; 0: it has not started.
    next: u64,
}

const TOO_SHORT: &str = "INTERVAL must be greater than 0";

impl Configure for TimedSink {
    const INFO: &'static Info = &Info {
        ports: "1/0",
        flow: "l/",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: &[Arg::optional("INTERVAL", "time", "500ms", "time between two pulls, seconds by default")],
        handlers: &[Handler::both("interval", "time between two pulls")],
        doc: "Pulls one packet every INTERVAL, the first time one INTERVAL after the start, and counts it as consumed.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> TimedSink(20ms);",
        see: &["Discard", "TimedSource", "TimedUnqueue", "Burster", "Shaper"],
        ..Info::new("TimedSink", "switching", "pulls a packet at intervals and ends it")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let interval = args.optional("INTERVAL", Interval(500_000_000)).0;
        if interval == 0 {
            args.error(TOO_SHORT);
        }
        TimedSink { interval, next: 0 }
    }
}

impl Element for TimedSink {
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.next == 0 {
            self.next = cx.recent().saturating_add(self.interval);
        }
        cx.timer_at(self.next);
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _batch: &mut Batch) -> Activity {
        let now = cx.now();
        if now >= self.next {
            if let Some(p) = up.pull_one(cx, 0) {
                cx.consume(p);
            }
            // What was missed by a whole interval is not made up for.
            self.next = self.next.max(now.saturating_sub(self.interval)).saturating_add(self.interval);
        }
        cx.timer_at(self.next);
        Activity::Idle
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<TimedSink>() {
            self.next = old.next;
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", Interval(self.interval)))
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let interval = value::<Interval>(text, handler)?.0;
        if interval == 0 {
            return Err(TOO_SHORT.into());
        }
        self.interval = interval;
        self.next = cx.recent().saturating_add(interval);
        cx.timer_at(self.next);
        Ok(())
    }
}
