//! Pulls a number of packets at fixed times and pushes them on.
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State, Task};

/// Pulls a number of packets at fixed times and pushes them on.
pub struct Burster {
    /// Nanoseconds.
    interval: u64,
    burst: usize,
    /// When it pulls next, nanoseconds since the epoch; 0: it has not started.
    next: u64,
}

impl Configure for Burster {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: &[
            Arg::required("INTERVAL", "time", "time between two turns, seconds by default"),
            Arg::required("BURST", "packets", "packets pulled in one turn, at most"),
        ],
        doc: "Pulls up to BURST packets every INTERVAL and pushes them out, the first time one INTERVAL after the start. It \
              looks at every such time, whether there is something or not: TimedUnqueue sleeps while there is nothing.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> Burster(20ms, 2) -> Discard;",
        see: &["TimedUnqueue", "RatedUnqueue", "Unqueue"],
        ..Info::new("Burster", "queues", "pulls a number of packets at fixed times and pushes them on")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let interval = args.required::<Interval>("INTERVAL").0;
        let burst = args.required::<usize>("BURST");
        if interval == 0 {
            args.error("INTERVAL must be greater than 0");
        }
        if burst == 0 {
            args.error("BURST must be at least 1");
        }
        Burster { interval, burst, next: 0 }
    }
}

impl Element for Burster {
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.next == 0 {
            self.next = cx.recent().saturating_add(self.interval);
        }
        cx.timer_at(self.next);
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let now = cx.now();
        if now < self.next {
            cx.timer_at(self.next);
            return Activity::Idle;
        }
        up.pull(cx, 0, self.burst, batch);
        // What was missed by a whole interval is not made up for.
        self.next = self.next.max(now.saturating_sub(self.interval)).saturating_add(self.interval);
        cx.timer_at(self.next);
        Activity::Idle
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<Burster>() {
            self.next = old.next;
        }
    }
}
