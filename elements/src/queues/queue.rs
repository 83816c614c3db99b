//! A first-in first-out queue; and what all queues have in common.
use alloc::collections::VecDeque;
use alloc::format;
use core::any::Any;
use core::marker::PhantomData;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// What one class of queue does otherwise than the others.
pub trait Kind: Send + 'static {
    /// Whether sources upstream hear that it is full.
    const SAYS_FULL: bool = false;
    /// Puts a packet in that came through input `port`. Returns the one for which there is no room,
    /// if the queue was `full`.
    #[inline]
    fn insert(packets: &mut VecDeque<Packet>, p: Packet, _port: usize, full: bool) -> Option<Packet> {
        if full {
            return Some(p);
        }
        packets.push_back(p);
        None
    }
    /// Takes the packet out that has to go when there are too many.
    fn evict(packets: &mut VecDeque<Packet>) -> Option<Packet> {
        packets.pop_back()
    }
}

/// The kind of Queue: full, it refuses packets, and says so.
pub enum Telling {}

impl Kind for Telling {
    const SAYS_FULL: bool = true;
}

/// A queue of packets.
pub struct Queue<K: Kind = Telling> {
    packets: VecDeque<Packet>,
    capacity: usize,
    highwater: usize,
    drops: u64,
    kind: PhantomData<K>,
}

impl<K: Kind> Queue<K> {
    pub(super) const ARGS: &'static [Arg] = &[Arg::optional("CAPACITY", "packets", "1000", "packets it can hold")];
    pub(super) const HANDLERS: &'static [Handler] = &[
        Handler::read("length", "packets inside"),
        Handler::read("highwater_length", "most packets that were inside at a time"),
        Handler::both("capacity", "packets it can hold"),
        Handler::read("drops", "packets for which there was no room"),
        Handler::write("reset_counts", "sets drops and highwater_length to 0"),
        Handler::write("reset", "drops all packets inside"),
    ];

    pub(super) fn from_args(args: &mut Args<'_>) -> Self {
        let capacity = args.optional("CAPACITY", 1000usize);
        Queue { packets: VecDeque::new(), capacity, highwater: 0, drops: 0, kind: PhantomData }
    }

    fn note_full(&self, cx: &mut Context<'_>) {
        cx.set_full(K::SAYS_FULL && self.packets.len() >= self.capacity);
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
              empty, and an InfiniteSource whose packets can go to full queues only sleeps too.\n\nClick's FullNoteQueue (the old \
              name of Queue), QuickNoteQueue (which says at once that it is empty, as every queue here does) and ThreadSafeQueue \
              (one worker owns a queue here, the others hand their packets over) are taken as other names of it.",
        example: "InfiniteSource(LIMIT 5) -> q :: Queue(20) -> Unqueue -> Discard; q[1] -> Discard;",
        see: &["SimpleQueue", "FrontDropQueue", "MixedQueue", "Unqueue", "RoundRobinSched"],
        ..Info::new("Queue", "queues", "holds packets until they are pulled")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}

impl<K: Kind> Element for Queue<K> {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.note_full(cx);
    }
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        for p in batch.drain() {
            let full = self.packets.len() >= self.capacity;
            if let Some(p) = K::insert(&mut self.packets, p, port, full) {
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
            while self.packets.len() > self.capacity {
                old.packets.extend(K::evict(&mut self.packets));
            }
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
                cx.set_config(format!("CAPACITY {}", self.capacity));
                while self.packets.len() > self.capacity
                    && let Some(p) = K::evict(&mut self.packets)
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
