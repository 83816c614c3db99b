//! Pulls packets at a rate in bytes and pushes them on.
use super::rated_unqueue::RatedUnqueue;
use crate::shaping::limit::BYTE_ARGS;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State, Task};

/// Pulls packets at a rate in bytes and pushes them on.
pub type BandwidthRatedUnqueue = RatedUnqueue<true>;

impl Configure for BandwidthRatedUnqueue {
    const INFO: &'static Info = &Info {
        flow: "l/h",
        task: Task::Yes,
        state: State::Single,
        live: true,
        args: BYTE_ARGS,
        handlers: Self::HANDLERS,
        doc: "Pulls at most RATE bytes a second and pushes them out. A token bucket allows bursts; it holds 131072 bytes \
              more than the burst, so that packets of any length can pass.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> BandwidthRatedUnqueue(1MBps) -> Discard;",
        see: &["RatedUnqueue", "Unqueue", "BandwidthShaper", "BandwidthRatedSplitter"],
        ..Info::new("BandwidthRatedUnqueue", "queues", "pulls packets at a rate in bytes and pushes them on")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
