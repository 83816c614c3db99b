//! A first-in first-out queue that makes room by dropping what is oldest.
use super::queue::{Kind, Queue};
use alloc::collections::VecDeque;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};
use sluice_dataplane::packet::Packet;

/// The kind of FrontDropQueue: full, it drops what is oldest.
pub enum FrontDrop {}

impl Kind for FrontDrop {
    #[inline]
    fn insert(packets: &mut VecDeque<Packet>, p: Packet, _port: usize, full: bool) -> Option<Packet> {
        packets.push_back(p);
        if full { packets.pop_front() } else { None }
    }
    fn evict(packets: &mut VecDeque<Packet>) -> Option<Packet> {
        packets.pop_front()
    }
}

/// A first-in first-out queue that makes room by dropping what is oldest.
pub type FrontDropQueue = Queue<FrontDrop>;

impl Configure for FrontDropQueue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "Holds packets until they are pulled, first in, first out. A packet that finds the queue full is taken in all \
              the same; the oldest one inside makes room: it goes to output 1 if that is connected, else it is dropped \
              as `queue_full`. A capacity that becomes smaller costs the oldest packets too. Tasks downstream sleep \
              while it is empty; sources upstream are not told when it is full.",
        example: "InfiniteSource(LIMIT 5) -> FrontDropQueue(20) -> Unqueue -> Discard;",
        see: &["Queue", "MixedQueue"],
        ..Info::new("FrontDropQueue", "queues", "holds packets until they are pulled; full, it drops the oldest")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
