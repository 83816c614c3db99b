//! Queue under its old name.
use super::queue::{Kind, Queue};
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// The kind of FullNoteQueue: as Queue.
pub enum FullNoting {}

impl Kind for FullNoting {
    const SAYS_FULL: bool = true;
}

/// Queue under its old name.
pub type FullNoteQueue = Queue<FullNoting>;

impl Configure for FullNoteQueue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        says_full: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "The same as Queue: the name that Click once had for it.",
        example: "InfiniteSource(LIMIT 5) -> FullNoteQueue(20) -> Unqueue -> Discard;",
        see: &["Queue", "NotifierQueue"],
        ..Info::new("FullNoteQueue", "queues", "holds packets until they are pulled (Queue's old name)")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
