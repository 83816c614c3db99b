//! Pulls packets, and pushes each on when it is old enough.
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;

/// Pulls packets, and pushes each on when it is old enough.
pub struct DelayUnqueue {
    /// Nanoseconds.
    delay: u64,
    /// The next packet; its timestamp says when it goes.
    next: Option<Packet>,
}

impl Configure for DelayUnqueue {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: &[Arg::required("DELAY", "time", "how long after its timestamp a packet leaves, seconds by default")],
        handlers: &[Handler::read("delay", "the DELAY argument")],
        doc: "Pulls packets, and pushes each out DELAY after the time in its timestamp annotation. A packet without \
              timestamp gets the time when it was pulled. A packet leaves with the time of its departure as timestamp. \
              Packets stay in order: one that is not due yet holds up those behind it.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> DelayUnqueue(20ms) -> Discard;",
        see: &["Queue", "Unqueue", "RatedUnqueue", "TimedUnqueue"],
        ..Info::new("DelayUnqueue", "queues", "pulls packets and pushes them on after a delay")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        DelayUnqueue { delay: args.required::<Interval>("DELAY").0, next: None }
    }
}

impl Element for DelayUnqueue {
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        while batch.len() < cx.burst() {
            if self.next.is_none() {
                self.next = up.pull_one(cx, 0);
                if let Some(p) = &mut self.next {
                    let from = if p.timestamp() < 1_000_000_000 { cx.now() } else { p.timestamp() };
                    p.set_timestamp(from.saturating_add(self.delay));
                }
            }
            let Some(p) = &self.next else { break };
            let due = p.timestamp();
            if due > cx.now() {
                cx.timer_at(due);
                return if batch.is_empty() { Activity::Idle } else { Activity::Busy };
            }
            batch.extend(self.next.take());
        }
        if !batch.is_empty() || cx.upstream_active(0) { Activity::Busy } else { Activity::Idle }
    }
    fn held(&self) -> usize {
        self.next.is_some().into()
    }
    fn release(&mut self) -> Option<Packet> {
        self.next.take()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<DelayUnqueue>() {
            self.next = old.next.take();
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", Interval(self.delay)))
    }
}
