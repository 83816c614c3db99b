//! Sends all packets to one output.
use super::switch::Switch;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Sends all packets to one output.
pub type StaticSwitch = Switch<true>;

impl Configure for StaticSwitch {
    const INFO: &'static Info = &Info {
        ports: "1/-",
        flow: "h/h",
        args: &[Arg::required("OUTPUT", "output", "where packets go; a number without output for nowhere")],
        doc: "Sends every packet to the output OUTPUT, for good. If there is no such output, packets are dropped as \
              `suppressed`. Useful in compound elements, where OUTPUT is a parameter.",
        example: "InfiniteSource(LIMIT 5) -> s :: StaticSwitch(1) -> Discard; s[1] -> Discard;",
        see: &["Switch", "StaticPullSwitch"],
        ..Info::new("StaticSwitch", "switching", "sends packets to one output")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::to(args.required("OUTPUT"), env)
    }
}
