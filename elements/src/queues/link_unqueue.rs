//! Pulls packets, and pushes each on when it has passed a line with a bandwidth and a latency.
use alloc::collections::VecDeque;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::{Args, Bandwidth, Interval};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Activity, Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info, State, Task};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Pulls packets, and pushes each on when it has passed a line with a bandwidth and a latency.
pub struct LinkUnqueue {
    /// Nanoseconds.
    latency: u64,
    /// Bytes a second.
    bandwidth: u64,
    /// On the line; their timestamps say when they come out of it.
    line: VecDeque<Packet>,
    /// When the last bit of the last packet has gone into the line, nanoseconds since the epoch.
    free: u64,
    /// Packets waited for that moment, so the next one went in then, however late this task ran.
    waited: bool,
}

impl LinkUnqueue {
    /// Puts a packet on the line whose first bit goes in at `from`.
    fn send(&mut self, mut p: Packet, from: u64) {
        let bytes = p.len() as u128 + u128::from(p.extra_length());
        let span = (bytes * 1_000_000_000).div_ceil(self.bandwidth.into());
        self.free = from.saturating_add(u64::try_from(span).unwrap_or(u64::MAX));
        let last = self.line.back().map_or(0, Packet::timestamp);
        p.set_timestamp(self.free.saturating_add(self.latency).max(last));
        self.line.push_back(p);
    }
}

/// What a rate must not fall below.
const LOWEST: u64 = 100;

impl Configure for LinkUnqueue {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: &[
            Arg::required("LATENCY", "time", "how long a bit is on the line, seconds by default"),
            Arg::required("BANDWIDTH", "bandwidth", "bytes a second that go into the line, at least 100"),
        ],
        handlers: &[
            Handler::both("latency", "the LATENCY argument"),
            Handler::both("bandwidth", "the BANDWIDTH argument, bytes a second"),
            Handler::read("size", "packets on the line"),
            Handler::write("reset", "drops all packets on the line"),
        ],
        doc: "Stands for a line between two machines. It pulls a packet as soon as the one before it has gone into the line, \
              which takes as long as its bytes (with those that the extra length annotation tells of) take at \
              BANDWIDTH; LATENCY later it pushes the packet out, with that time as timestamp. Packets that wait for \
              the line stay upstream, so put a Queue there. A new latency or bandwidth holds for packets that \
              follow; none overtakes another.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> LinkUnqueue(20ms, 1Mbps) -> Discard;",
        see: &["DelayUnqueue", "BandwidthRatedUnqueue", "BandwidthShaper", "RandomDelay", "Queue"],
        ..Info::new("LinkUnqueue", "queues", "pulls packets and pushes them on as a line would")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let latency = args.required::<Interval>("LATENCY").0;
        let bandwidth = args.required::<Bandwidth>("BANDWIDTH").0;
        if bandwidth < LOWEST {
            args.error("bandwidth too small, minimum 100Bps");
        }
        LinkUnqueue { latency, bandwidth: bandwidth.max(LOWEST), line: VecDeque::new(), free: 0, waited: false }
    }
}

impl Element for LinkUnqueue {
    fn run(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, batch: &mut Batch) -> Activity {
        let (now, most) = (cx.now(), cx.burst());
        let (mut pulled, mut found) = (0, true);
        while pulled < most && self.free <= now && found {
            match up.pull_one(cx, 0) {
                Some(p) => self.send(p, if self.waited { self.free } else { now }),
                None => found = false,
            }
            self.waited = found;
            pulled += 1;
        }
        while batch.len() < most && self.line.front().is_some_and(|p| p.timestamp() <= now) {
            batch.extend(self.line.pop_front());
        }
        let more = cx.upstream_active(0);
        self.waited = more && found;
        let next = self.line.front().map(Packet::timestamp).into_iter().chain(self.waited.then_some(self.free)).min();
        if let Some(t) = next {
            cx.timer_at(t);
        }
        let due = next.is_some_and(|t| t <= now);
        if due || !batch.is_empty() || more && !found { Activity::Busy } else { Activity::Idle }
    }
    fn held(&self) -> usize {
        self.line.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.line.pop_front()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<LinkUnqueue>() {
            self.line = core::mem::take(&mut old.line);
            (self.free, self.waited) = (old.free, old.waited);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "latency" => format!("{}", Interval(self.latency)),
            "bandwidth" => format!("{}", self.bandwidth),
            _ => format!("{}", self.line.len()),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "latency" => self.latency = value::<Interval>(text, handler)?.0,
            "bandwidth" => {
                let bandwidth = value::<Bandwidth>(text, handler)?.0;
                if bandwidth < LOWEST {
                    return Err("bandwidth too small, minimum 100Bps".into());
                }
                self.bandwidth = bandwidth;
            }
            _ => {
                self.line.drain(..).for_each(|p| cx.drop(p, Reason::QueueReset));
                (self.free, self.waited) = (0, false);
                cx.set_runnable(true);
            }
        }
        Ok(())
    }
}
