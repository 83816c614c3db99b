//! A first-in first-out queue that tells when it is empty, but not when it is full.
use super::queue::{Kind, Queue};
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// The kind of NotifierQueue: full, it refuses packets.
pub enum Notifying {}

impl Kind for Notifying {}

/// A first-in first-out queue that tells when it is empty, but not when it is full.
pub type NotifierQueue = Queue<Notifying>;

impl Configure for NotifierQueue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "As Queue, but sources upstream are not told when it is full: they go on, and what finds no room goes to \
              output 1 if that is connected, else it is dropped as `queue_full`.",
        example: "InfiniteSource(LIMIT 5) -> NotifierQueue(20) -> Unqueue -> Discard;",
        see: &["Queue", "SimpleQueue"],
        ..Info::new("NotifierQueue", "queues", "holds packets until they are pulled; does not say when it is full")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
