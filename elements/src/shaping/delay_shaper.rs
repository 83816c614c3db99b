//! Lets each packet be pulled when it is old enough.
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;

/// Lets each packet be pulled when it is old enough.
pub struct DelayShaper {
    /// Nanoseconds.
    delay: u64,
    /// The next packet; its timestamp says when it goes.
    next: Option<Packet>,
}

impl DelayShaper {
    /// While a packet waits inside, those upstream are no reason to pull; when it is due, it is one.
    fn set_gates(&self, cx: &mut Context<'_>) {
        cx.rest();
        cx.gate_input(0, self.next.is_none());
        match &self.next {
            Some(p) => cx.timer_at(p.timestamp()),
            None => cx.clear_timer(),
        }
    }
}

impl Configure for DelayShaper {
    const INFO: &'static Info = &Info {
        flow: "l/l",
        notifies: true,
        gates: true,
        live: true,
        state: State::Single,
        args: &[Arg::required("DELAY", "time", "how long after its timestamp a packet leaves, seconds by default")],
        handlers: &[Handler::both("delay", "the DELAY argument")],
        doc: "Lets a packet be pulled DELAY after the time in its timestamp annotation, not earlier. A packet without timestamp \
              gets the time when it was first asked for. A packet leaves with the time of its departure as timestamp. One \
              packet waits inside, the others upstream, in order. Tasks downstream sleep until it is due.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> DelayShaper(20ms) -> Unqueue -> Discard;",
        see: &["DelayUnqueue", "Shaper", "SetTimestamp"],
        ..Info::new("DelayShaper", "shaping", "lets packets be pulled after a delay")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        DelayShaper { delay: args.required::<Interval>("DELAY").0, next: None }
    }
}

impl Element for DelayShaper {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_gates(cx);
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        for _ in 0..n {
            if self.next.is_none() {
                self.next = up.pull_one(cx, 0);
                if let Some(p) = &mut self.next {
                    let from = if p.timestamp() < 1_000_000_000 { cx.now() } else { p.timestamp() };
                    p.set_timestamp(from.saturating_add(self.delay));
                }
            }
            let now = cx.now();
            let Some(mut p) = self.next.take_if(|p| p.timestamp() <= now) else { break };
            p.set_timestamp(now);
            batch.push(p);
        }
        self.set_gates(cx);
    }
    fn timer(&mut self, cx: &mut Context<'_>, _batch: &mut Batch) {
        cx.wake();
    }
    fn held(&self) -> usize {
        self.next.is_some().into()
    }
    fn release(&mut self) -> Option<Packet> {
        self.next.take()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<DelayShaper>() {
            self.next = old.next.take();
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", Interval(self.delay)))
    }
    fn write(&mut self, _cx: &mut Context<'_>, _handler: &str, text: &str) -> Result<(), HandlerError> {
        self.delay = value::<Interval>(text, "delay").map_err(|_| "delay must be a timestamp")?.0;
        Ok(())
    }
}
