//! A queue for several pushers and pullers.
use super::queue::{Kind, Queue};
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// The kind of ThreadSafeQueue: as Queue.
pub enum ThreadSafe {}

impl Kind for ThreadSafe {
    const SAYS_FULL: bool = true;
}

/// A queue for several pushers and pullers.
pub type ThreadSafeQueue = Queue<ThreadSafe>;

impl Configure for ThreadSafeQueue {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/lh",
        notifies: true,
        says_full: true,
        live: true,
        state: State::Single,
        args: Self::ARGS,
        handlers: Self::HANDLERS,
        doc: "The same as Queue. In Click it may be pushed to and pulled from by several threads at once; here one worker \
              owns a queue, and the others hand their packets over.",
        example: "InfiniteSource(LIMIT 5) -> ThreadSafeQueue(20) -> Unqueue -> Discard;",
        see: &["Queue", "NotifierQueue"],
        ..Info::new("ThreadSafeQueue", "queues", "holds packets until they are pulled, whoever pushes and pulls")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
