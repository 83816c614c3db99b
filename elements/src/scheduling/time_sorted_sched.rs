//! Merges streams of packets by their timestamps.
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

/// Merges streams of packets by their timestamps.
pub struct TimeSortedSched {
    stop: bool,
    /// Packets of one input inside, at most.
    buffer: usize,
    /// The input and the packet, by timestamp (signed nanoseconds), then in the order in which they were pulled.
    inside: BTreeMap<(i64, u64), (usize, Packet)>,
    /// How many of them came from each input.
    from: Vec<usize>,
    pulled: u64,
    /// The last timestamp that left; 0 before.
    last: i64,
    well_ordered: bool,
    /// The driver was asked to stop, and nothing has come since.
    stopped: bool,
}

impl Configure for TimeSortedSched {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        notifies: true,
        gates: true,
        state: State::Single,
        args: &[
            Arg::keyword("STOP", "boolean", "false", "stops the driver when no input has packets any more"),
            Arg::keyword("BUFFER", "packets", "1", "packets of each input that are looked at, at least 1"),
        ],
        handlers: &[Handler::read(
            "well_ordered",
            "whether no packet left with an earlier timestamp than one before it",
        )],
        doc: "Answers each pull with the packet that has the earliest timestamp of the next BUFFER packets of all its \
              inputs. So streams that are sorted each come out as one sorted stream; a packet that is up to BUFFER - 1 \
              places late in its stream is put right.",
        example: "a :: InfiniteSource(LIMIT 3) -> Queue -> s :: TimeSortedSched -> Unqueue -> Discard;
                  InfiniteSource(LIMIT 3) -> Queue -> [1] s;",
        see: &["FromDump", "FromIPSummaryDump", "PrioSched", "RoundRobinSched"],
        ..Info::new("TimeSortedSched", "scheduling", "merges streams of packets by their timestamps")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let stop = args.keyword("STOP", false);
        let buffer = args.keyword("BUFFER", 1usize);
        if buffer == 0 {
            args.error("BUFFER must be at least 1");
        }
        TimeSortedSched {
            stop,
            buffer,
            inside: BTreeMap::new(),
            from: vec![0; env.inputs()],
            pulled: 0,
            last: 0,
            well_ordered: true,
            stopped: false,
        }
    }
}

impl TimeSortedSched {
    /// Pulls from each input that has packets and room until it has none or no room.
    fn fill(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>) {
        let mut got = cx.spare();
        for (input, count) in self.from.iter_mut().enumerate() {
            while *count < self.buffer && cx.upstream_active(input) {
                up.pull(cx, input, self.buffer - *count, &mut got);
                if got.is_empty() {
                    break;
                }
                for p in got.drain() {
                    *count += 1;
                    self.inside.insert((p.timestamp() as i64, self.pulled), (input, p));
                    self.pulled += 1;
                }
            }
        }
        cx.give_spare(got);
    }

    fn first(&mut self) -> Option<Packet> {
        let (_, (input, p)) = self.inside.pop_first()?;
        if let Some(count) = self.from.get_mut(input) {
            *count -= 1;
        }
        Some(p)
    }
}

impl Element for TimeSortedSched {
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        let had = batch.len();
        for _ in 0..n {
            self.fill(cx, up);
            let Some(p) = self.first() else { break };
            let time = p.timestamp() as i64;
            if time != 0 {
                self.well_ordered &= self.last == 0 || time >= self.last;
                self.last = time;
            }
            self.stopped = false;
            batch.push(p);
        }
        if !self.inside.is_empty() {
            return cx.wake();
        }
        cx.rest();
        if !self.stop || self.stopped || (0..self.from.len()).any(|i| cx.upstream_active(i)) {
            return;
        }
        if batch.len() > had {
            // Whoever fills a queue upstream may have a turn before the end is certain.
            return cx.wake_pullers();
        }
        self.stopped = true;
        cx.stop_driver();
    }
    fn held(&self) -> usize {
        self.inside.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.first()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        let Some(old) = old.downcast_mut::<TimeSortedSched>() else { return };
        (self.pulled, self.last, self.well_ordered) = (old.pulled, old.last, old.well_ordered);
        for (key, (input, p)) in core::mem::take(&mut old.inside) {
            match self.from.get_mut(input).filter(|count| **count < self.buffer) {
                Some(count) => {
                    *count += 1;
                    self.inside.insert(key, (input, p));
                }
                None => {
                    old.inside.insert(key, (input, p));
                }
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.well_ordered))
    }
}
