//! Splits a packet stream at a rate in bytes.
use super::limit::BYTE_ARGS;
use super::rated_splitter::RatedSplitter;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Info, State};

/// Splits a packet stream at a rate in bytes.
pub type BandwidthRatedSplitter = RatedSplitter<true>;

impl Configure for BandwidthRatedSplitter {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "h/h",
        live: true,
        state: State::Single,
        args: BYTE_ARGS,
        handlers: Self::HANDLERS,
        doc: "Passes at most RATE bytes a second through output 0, and sends the packets above that to output 1 if it is \
              connected; else they are dropped as `policed`. A token bucket allows bursts; it holds 131072 bytes more \
              than the burst, so that packets of any length can pass.",
        example: "InfiniteSource(LIMIT 5) -> s :: BandwidthRatedSplitter(1Mbps) -> Discard; s[1] -> Discard;",
        see: &["RatedSplitter", "BandwidthMeter", "BandwidthShaper", "BandwidthRatedUnqueue"],
        ..Info::new("BandwidthRatedSplitter", "shaping", "splits a packet stream at a rate in bytes")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::from_args(args)
    }
}
