//! Pulls the packet with the earliest timestamp.
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::Reply;
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;

/// Pulls the packet with the earliest timestamp.
pub struct TimeSortedSched {
    /// By timestamp, then input, then in the order in which they came.
    held: BTreeMap<(u64, usize, u64), Packet>,
    /// How many of those came from each input.
    from: Vec<usize>,
    /// Most of those that may come from one input.
    buffer: usize,
    stop: bool,
    /// Packets that came so far.
    count: u64,
    /// Timestamp of the last packet that left, nanoseconds since the epoch.
    last: u64,
    well_ordered: bool,
}

impl TimeSortedSched {
    /// Fills up what is held.
    fn fill(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>) {
        for input in 0..self.from.len() {
            while self.from[input] < self.buffer && cx.upstream_active(input) {
                let Some(p) = up.pull_one(cx, input) else { break };
                self.hold(input, p);
            }
        }
    }
    fn hold(&mut self, input: usize, p: Packet) {
        self.count += 1;
        self.from[input] += 1;
        self.held.insert((p.timestamp(), input, self.count), p);
    }
    fn set_active(&self, cx: &mut Context<'_>) {
        if self.held.is_empty() { cx.rest() } else { cx.wake() }
    }
}

impl Configure for TimeSortedSched {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        notifies: true,
        gates: true,
        state: State::Single,
        args: &[
            Arg::keyword("STOP", "boolean", "false", "asks the driver to stop when all inputs are exhausted"),
            Arg::keyword("BUFFER", "packets", "1", "packets of one input that are compared"),
        ],
        handlers: &[Handler::read("well_ordered", "whether no packet left before an earlier one so far")],
        doc: "Answers each pull with the packet whose timestamp is the earliest: it merges streams that are sorted by time. It \
              holds up to BUFFER packets of each input, so a stream may be out of order by that much. Inputs that are \
              empty for the moment are not waited for.",
        example:
            "FromIPSummaryDump(DATA \"!data timestamp\n1\n3\") -> s :: TimeSortedSched(STOP true) -> Unqueue -> Discard;
                  FromIPSummaryDump(DATA \"!data timestamp\n2\") -> [1] s;",
        see: &["FromDump", "FromIPSummaryDump", "PrioSched", "RoundRobinSched"],
        ..Info::new("TimeSortedSched", "scheduling", "pulls the packet with the earliest timestamp")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let stop = args.keyword("STOP", false);
        let buffer = args.keyword("BUFFER", 1usize);
        if buffer == 0 {
            args.error("BUFFER must be at least 1");
        }
        let from = vec![0; env.inputs()];
        TimeSortedSched { held: BTreeMap::new(), from, buffer, stop, count: 0, last: 0, well_ordered: true }
    }
}

impl Element for TimeSortedSched {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.set_active(cx);
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        for i in 0..n {
            self.fill(cx, up);
            let Some(((time, input, _), p)) = self.held.pop_first() else {
                if self.stop && i == 0 && !(0..self.from.len()).any(|input| cx.upstream_active(input)) {
                    cx.stop_driver();
                }
                break;
            };
            self.from[input] -= 1;
            self.well_ordered &= time == 0 || time >= self.last;
            self.last = if time == 0 { self.last } else { time };
            batch.push(p);
        }
        self.set_active(cx);
    }
    fn held(&self) -> usize {
        self.held.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.held.pop_first().map(|h| h.1)
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<TimeSortedSched>() else { return };
        (self.last, self.well_ordered) = (old.last, old.well_ordered);
        for (key, p) in core::mem::take(&mut old.held) {
            if self.from.get(key.1).is_some_and(|&held| held < self.buffer) {
                self.hold(key.1, p);
            } else {
                old.held.insert(key, p);
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.well_ordered))
    }
}
