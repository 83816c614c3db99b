//! Passes pulls at a rate in bytes.
use super::shaper::Shaper;
use sluice_dataplane::args::{Args, Bandwidth};
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};

/// Passes pulls at a rate in bytes.
pub type BandwidthShaper = Shaper<true>;

impl Configure for BandwidthShaper {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "l/l",
        gates: true,
        live: true,
        state: State::Single,
        args: &[Arg::required("RATE", "bandwidth", "bytes a second")],
        handlers: Self::HANDLERS,
        doc: "Lets at most RATE bytes a second be pulled through output 0: after a packet, as long as its bytes take at \
              that rate, a pull gets nothing. Through output 1, if it is connected, packets can be pulled whenever \
              output 0 gives none.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> BandwidthShaper(1MBps) -> Unqueue -> Discard;",
        see: &["Shaper", "BandwidthRatedUnqueue", "BandwidthRatedSplitter"],
        ..Info::new("BandwidthShaper", "shaping", "lets packets be pulled at a rate in bytes")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Self::with_rate(args.required::<Bandwidth>("RATE").0)
    }
}
