//! Pulls from one input.
use super::pull_switch::PullSwitch;
use sluice_dataplane::args::Args;
use sluice_dataplane::element::Configure;
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Pulls from one input.
pub type StaticPullSwitch = PullSwitch<true>;

impl Configure for StaticPullSwitch {
    const INFO: &'static Info = &Info {
        ports: "-/1",
        flow: "l/l",
        gates: true,
        args: &[Arg::required("INPUT", "input", "where packets come from; a number without input for nowhere")],
        doc: "Answers each pull with a packet from the input INPUT, for good. Useful in compound elements, where INPUT is a \
              parameter.",
        example: "InfiniteSource(LIMIT 5) -> Queue -> s :: StaticPullSwitch(1) -> Unqueue -> Discard;
                  InfiniteSource(LIMIT 5) -> Queue -> [1] s;",
        see: &["PullSwitch", "StaticSwitch"],
        ..Info::new("StaticPullSwitch", "switching", "pulls from one input")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        Self::from(args.required("INPUT"), env)
    }
}
