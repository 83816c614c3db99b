//! A first-in first-out queue that does not tell when it is full.
use super::queue::{Kind, Queue};
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// The kind of SimpleQueue: full, it refuses packets.
pub enum Simple {}

impl Kind for Simple {}

/// A first-in first-out queue that does not tell when it is full.
pub type SimpleQueue = Queue<Simple>;

impl Configure for SimpleQueue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "Holds packets until they are pulled, first in, first out. A packet that finds the queue full goes to \
              output 1 if that is connected, else it is dropped as `queue_full`. Tasks downstream sleep \
              while it is empty (Click's ask again and again); sources upstream are not told when it is full.",
        example: "InfiniteSource(LIMIT 5) -> SimpleQueue(20) -> Unqueue -> Discard;",
        see: &["Queue", "NotifierQueue", "Unqueue"],
        ..Info::new("SimpleQueue", "queues", "holds packets until they are pulled")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
