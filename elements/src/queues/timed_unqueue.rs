//! Pulls packets at intervals and pushes them on.
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State, Task};

/// Pulls packets at intervals and pushes them on.
pub struct TimedUnqueue {
    /// Nanoseconds.
    interval: u64,
    burst: usize,
    /// When it pulls next, nanoseconds since the epoch; `None`: as soon as there is something.
    next: Option<u64>,
}

impl Configure for TimedUnqueue {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: &[
            Arg::required("INTERVAL", "time", "time between two turns, seconds by default"),
            Arg::optional("BURST", "packets", "1", "packets pulled in one turn, at most"),
        ],
        doc: "Pulls up to BURST packets every INTERVAL and pushes them out. While everything upstream is empty it sleeps, \
              and pulls as soon as that changes.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> TimedUnqueue(20ms, 2) -> Discard;",
        see: &["Unqueue", "RatedUnqueue", "DelayUnqueue"],
        ..Info::new("TimedUnqueue", "queues", "pulls packets at intervals and pushes them on")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let interval = args.required::<Interval>("INTERVAL").0;
        let burst = args.optional("BURST", 1usize);
        if burst == 0 {
            args.error("bad BURST");
        }
        TimedUnqueue { interval, burst, next: None }
    }
}

impl Element for TimedUnqueue {
    fn start(&mut self, cx: &mut Context<'_>) {
        if let Some(t) = self.next {
            cx.timer_at(t);
        }
    }
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let now = cx.now();
        if self.next.is_some_and(|t| now < t) {
            return Activity::Idle;
        }
        up.pull(cx, 0, self.burst, batch);
        if batch.is_empty() && !cx.upstream_active(0) {
            self.next = None;
            return Activity::Idle;
        }
        let t = self.next.unwrap_or(now).saturating_add(self.interval);
        self.next = Some(t);
        cx.timer_at(t);
        Activity::Idle
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_ref::<TimedUnqueue>() {
            self.next = old.next;
        }
    }
}
