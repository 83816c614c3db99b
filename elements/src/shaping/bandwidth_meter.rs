//! Sends packets where their rate in bytes says.
use super::meter::Meter;
use sluice_dataplane::args::{Args, Bandwidth};
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, State};

/// Sends packets to the output of their current rate in bytes.
pub type BandwidthMeter = Meter<true>;

impl Configure for BandwidthMeter {
    const INFO: &'static Info = &Info {
        ports: "1/2-",
        flow: "h/h",
        state: State::Single,
        args: &[Arg::rest("RATE", "bandwidth", "rates, each above the one before")],
        handlers: Self::HANDLERS,
        doc: "Measures the rate in bytes a second, as a moving average (a millisecond counts for a sixteenth), and sends \
              all packets to the output of that rate: output 0 below the first RATE, output 1 from there to below the \
              second, and so on.",
        example: "InfiniteSource(LIMIT 5) -> m :: BandwidthMeter(1MBps) -> Discard; m[1] -> Discard;",
        see: &["Meter", "BandwidthRatedSplitter", "BandwidthShaper"],
        ..Info::new("BandwidthMeter", "shaping", "sends packets where their rate in bytes says")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::from_args::<Bandwidth>(args, env, |b| b.0)
    }
}
