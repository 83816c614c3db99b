//! A queue that says at once that it is empty.
use super::queue::{Kind, Queue};
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// The kind of QuickNoteQueue: as Queue.
pub enum QuickNoting {}

impl Kind for QuickNoting {
    const SAYS_FULL: bool = true;
}

/// A queue that says at once that it is empty.
pub type QuickNoteQueue = Queue<QuickNoting>;

impl Configure for QuickNoteQueue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        says_full: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "The same as Queue. Click's Queue lets tasks pull a few times in vain before it says that it is empty, and \
              QuickNoteQueue says so at once; here every queue does.",
        example: "InfiniteSource(LIMIT 5) -> QuickNoteQueue(20) -> Unqueue -> Discard;",
        see: &["Queue", "NotifierQueue"],
        ..Info::new("QuickNoteQueue", "queues", "holds packets until they are pulled; says at once when it is empty")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
