//! A first-in first-out queue.
use alloc::collections::VecDeque;
use alloc::format;
use core::any::Any;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// A first-in first-out queue. A simple one does not tell sources upstream when it is full.
pub struct Queue<const SIMPLE: bool = false> {
    packets: VecDeque<Packet>,
    capacity: usize,
    highwater: usize,
    drops: u64,
}

impl<const SIMPLE: bool> Queue<SIMPLE> {
    pub(super) const ARGS: &'static [Arg] = &[Arg::optional("CAPACITY", "packets", "1000", "packets it can hold")];
    pub(super) const HANDLERS: &'static [Handler] = &[
        Handler::read("length", "packets inside"),
        Handler::read("highwater_length", "most packets that were inside at a time"),
        Handler::both("capacity", "packets it can hold"),
        Handler::read("drops", "packets that found it full"),
        Handler::write("reset_counts", "sets drops and highwater_length to 0"),
        Handler::write("reset", "drops all packets inside"),
    ];

    pub(super) fn from_args(args: &mut Args<'_>) -> Self {
        let capacity = args.optional("CAPACITY", 1000usize);
        Queue { packets: VecDeque::new(), capacity, highwater: 0, drops: 0 }
    }

    fn note_full(&self, cx: &mut Context<'_>) {
        cx.set_full(!SIMPLE && self.packets.len() >= self.capacity);
    }
}

impl Configure for Queue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        says_full: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "Holds packets until they are pulled, first in, first out. A packet that finds the queue full goes to \
              output 1 if that is connected, else it is dropped as `queue_full`. Tasks downstream sleep while it is \
              empty, and an InfiniteSource whose packets can go to full queues only sleeps too.",
        example: "InfiniteSource(LIMIT 5) -> q :: Queue(20) -> Unqueue -> Discard; q[1] -> Discard;",
        see: &["SimpleQueue", "Unqueue", "RoundRobinSched"],
        ..Info::new("Queue", "queues", "holds packets until they are pulled")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}

impl<const SIMPLE: bool> Element for Queue<SIMPLE> {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.note_full(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        for p in batch.drain() {
            if self.packets.len() < self.capacity {
                self.packets.push_back(p);
            } else {
                self.drops += 1;
                cx.emit_or_drop(1, p, Reason::QueueFull);
            }
        }
        self.highwater = self.highwater.max(self.packets.len());
        if !self.packets.is_empty() {
            cx.wake();
        }
        self.note_full(cx);
    }
    fn pull(&mut self, cx: &mut Context<'_>, _up: &mut Upstream<'_>, _port: usize, n: usize, batch: &mut Batch) {
        batch.extend(self.packets.drain(..n.min(self.packets.len())));
        if self.packets.is_empty() {
            cx.rest();
        }
        self.note_full(cx);
    }
    fn held(&self) -> usize {
        self.packets.len()
    }
    fn release(&mut self) -> Option<Packet> {
        self.packets.pop_front()
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Self>() {
            core::mem::swap(&mut self.packets, &mut old.packets);
            old.packets = self.packets.split_off(self.capacity.min(self.packets.len()));
            (self.highwater, self.drops) = (old.highwater, old.drops);
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(match handler {
            "length" => format!("{}", self.packets.len()),
            "highwater_length" => format!("{}", self.highwater),
            "capacity" => format!("{}", self.capacity),
            "drops" => format!("{}", self.drops),
            _ => return Err(HandlerError::NoHandler(handler.into())),
        })
    }
    fn write(&mut self, cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        match handler {
            "capacity" => {
                self.capacity = sluice_dataplane::handler::value(text, handler)?;
                while self.packets.len() > self.capacity
                    && let Some(p) = self.packets.pop_back()
                {
                    cx.drop(p, Reason::QueueReset);
                }
            }
            "reset" => self.packets.drain(..).for_each(|p| cx.drop(p, Reason::QueueReset)),
            _ => (self.drops, self.highwater) = (0, self.packets.len()),
        }
        self.note_full(cx);
        Ok(())
    }
}
