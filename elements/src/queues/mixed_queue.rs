//! A queue with one input for its end and one for its front.
use super::queue::{Kind, Queue};
use alloc::collections::VecDeque;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};
use sluice_dataplane::packet::Packet;

/// The kind of MixedQueue: packets from input 1 go to the front.
pub enum Mixed {}

impl Kind for Mixed {
    #[inline]
    fn insert(packets: &mut VecDeque<Packet>, p: Packet, port: usize, full: bool) -> Option<Packet> {
        match (port, full) {
            (0, true) => return Some(p),
            (0, false) => packets.push_back(p),
            _ => packets.push_front(p),
        }
        if full { packets.pop_back() } else { None }
    }
}

/// A queue with one input for its end and one for its front.
pub type MixedQueue = Queue<Mixed>;

impl Configure for MixedQueue {
    const INFO: &'static Info = &Info {
        ports: "2/1-2",
        flow: "h/lh",
        notifies: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "Holds packets until they are pulled. Those from input 0 leave in the order in which they came; those from input 1 \
              go to the front, and the last to come leaves first. When it is full, a packet from input 0 finds no room, \
              and one from input 1 pushes out the packet at the end: it goes to output 1 if that is connected, else it \
              is dropped as `queue_full`. Tasks downstream sleep while it is empty; sources upstream are not told when \
              it is full.",
        example: "InfiniteSource(LIMIT 5) -> q :: MixedQueue(20) -> Unqueue -> Discard; InfiniteSource(LIMIT 5) -> [1] q;",
        see: &["Queue", "FrontDropQueue", "PrioSched"],
        ..Info::new("MixedQueue", "queues", "holds packets until they are pulled; has an input that goes to the front")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
